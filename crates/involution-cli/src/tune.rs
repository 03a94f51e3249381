//! `involution tune`: which kernels are the fastest on this adapter, for the calls of a network.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use involution::autotune::measure::{Call, Measured, Row, Settings, calls, measure};
use involution::autotune::{Cache, Ignored, Tuned, file};
use involution::models::{self, MODELS};
use involution::ops::NAMES;
use involution::{Error, Gpu, Shape, store};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::stats::milliseconds;
use involution_bench::{Outcome, bad_use, output, sampling};
use serde_json::{Value, json};

use crate::plan;

/// The network whose calls are measured where none is named.
const DEFAULT: &str = "rednet50";

#[derive(Debug, clap::Args)]
#[command(after_help = help())]
pub struct Args {
    /// The network whose calls are measured
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    model: String,
    /// Only its calls of these operators
    #[arg(long, value_name = "OPS", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    ops: Vec<String>,
    /// Images in a batch
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Height and width of the images, such as 224 or 480x640 [default: the network's own]
    #[arg(long, value_name = "HxW")]
    size: Option<String>,
    /// Measure, but leave the file as it is
    #[arg(long)]
    dry_run: bool,
}

fn help() -> String {
    format!(
        "Networks: {}\n
Each distinct call of the network goes through every kernel that fits it, on random inputs: those \
whose result is right within its error bound are timed in turns, and the fastest is remembered where \
it beats the fixed choice by more than 5 %. Programs and commands on the same adapter, driver and \
version then use it; INVOLUTION_TUNE=off goes without. Needs no weights. Ctrl-C and SIGTERM keep \
what was measured.

Examples:
  involution tune                                 the calls of RedNet-50
  involution tune --model mobilenet_v2 --batch 8  eight images at a time
  involution tune --ops involution,conv2d --dry-run",
        MODELS.join(", ")
    )
}

/// A call, and what was found for it.
type Found<'a> = (&'a Call, involution::Result<Measured>);

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let start = Instant::now();
    let (calls, input) = calls_of(args)?;
    // What is known so far is read below.
    let runner = flags.open_with(Tuned::Off)?;
    sampling::listen()?;
    if !json {
        output::print(&format!("{runner}\n"))?;
    }
    let (found, path) = match &runner {
        Runner::Gpu(gpu) => on_device(gpu, args, &calls)?,
        Runner::Reference => (Vec::new(), None),
    };
    let interrupted = found.len() < calls.len() && runner.gpu().is_some();
    let report = json!({
        "involution": env!("CARGO_PKG_VERSION"),
        "adapter": runner.name(),
        "backend": runner.backend(),
        "driver": runner.driver(),
        "network": args.model,
        "input": input.dims(),
        "interrupted": interrupted,
        "seconds": start.elapsed().as_secs_f64(),
        "calls": found.iter().map(document).collect::<Vec<_>>(),
        "file": path.as_ref().map(|path| path.display().to_string()),
        "written": path.is_some() && !args.dry_run,
    });
    output::result(json, &report, || match runner.gpu() {
        Some(_) => text(&report, &found),
        None => {
            "There is nothing to tune: the reference has one way to do everything.\n".to_owned()
        }
    })?;
    Ok(Outcome::of(!interrupted && found.iter().all(|found| failures(found).is_empty())))
}

/// Measures the calls, and writes what is to run to the file, if it is to be written.
fn on_device<'a>(
    gpu: &Gpu,
    args: &Args,
    calls: &'a [Call],
) -> Result<(Vec<Found<'a>>, Option<PathBuf>)> {
    let identity = gpu.identity();
    let path = file(&identity);
    if path.is_none() && !args.dry_run {
        return Err(bad_use("there is no home folder to write to: set INVOLUTION_CACHE_DIR"));
    }
    let writes = path.as_deref().filter(|_| !args.dry_run);
    let failed = || format!("cannot write {}", path.clone().unwrap_or_default().display());
    if let Some(path) = writes {
        // Better known before a minute of measuring than after.
        store::lock(path).and_then(|_lock| store::writable(path)).with_context(failed)?;
    }
    let mut cache = Cache::new(identity);
    let mut earlier = cache.clone();
    match path.as_deref().map(|path| (path, Cache::load(path, &cache.identity))) {
        Some((_, Ok(cache))) => earlier = cache,
        Some((path, Err(why))) if why != Ignored::Missing => {
            output::say(format!("warning: {} is written anew: {why}", path.display()));
        }
        _ => {}
    }
    let found = measure_all(gpu, calls, &earlier, &mut cache)?;
    if let Some(path) = writes {
        cache.save(path).with_context(failed)?;
    }
    Ok((found, path))
}

/// The calls that are asked for, and the input of the network.
fn calls_of(args: &Args) -> Result<(Vec<Call>, Shape)> {
    let model = models::by_name(&args.model, None)?;
    let input = plan::input(model.as_ref(), args.batch, args.size.as_deref())?;
    let plan = model.plan(&input)?.keep(&[model.output()])?.fuse();
    let wanted = |call: &Call| args.ops.is_empty() || args.ops.contains(&call.key.op);
    let calls: Vec<Call> = calls(&plan).into_iter().filter(wanted).collect();
    match calls.is_empty() {
        true => Err(bad_use(format!("{} has no call of {}", args.model, args.ops.join(", ")))),
        false => Ok((calls, input)),
    }
}

/// What was found for the calls that were measured before an interrupt.
fn measure_all<'a>(
    gpu: &Gpu,
    calls: &'a [Call],
    earlier: &Cache,
    cache: &mut Cache,
) -> Result<Vec<Found<'a>>> {
    let bar = output::progress("tuning", calls.len());
    let mut all = Vec::new();
    for call in calls {
        bar.set_message(format!("{} {}", call.step, call.key.op));
        let earlier = earlier.get(&call.key).map(|entry| entry.kernel.as_str());
        let found = measure(gpu, call, earlier, &Settings::default());
        match &found {
            Ok(measured) => measured.entry().into_iter().for_each(|entry| cache.insert(entry)),
            Err(lost @ Error::DeviceLost { .. }) => return Err(lost.clone().into()),
            // A call that is too large for the device is none that a network would run there.
            Err(_) => {}
        }
        all.push((call, found));
        bar.inc(1);
        if sampling::interrupted() {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(all)
}

/// The median time of a kernel in milliseconds.
fn median(row: Option<&Row>) -> Option<f64> {
    Some(milliseconds(row?.time?.median))
}

/// What was found for a call, as JSON.
fn document((call, found): &Found<'_>) -> Value {
    let measured = found.as_ref().ok();
    let rows = measured.map_or(&[][..], |measured| &measured.rows);
    let fixed = rows.last();
    // Where there is one kernel alone, it is the one that runs.
    let chosen = measured.and_then(Measured::chosen).or(fixed.filter(|_| rows.len() == 1));
    let candidates = rows.iter().map(|row| {
        json!({
            "kernel": row.kernel,
            "eligible": row.refused.is_none(),
            "refused": row.refused,
            "min_ms": row.time.map(|time| milliseconds(time.min)),
            "median_ms": median(Some(row)),
        })
    });
    json!({
        "step": call.step,
        "steps": call.steps,
        "op": call.key.op,
        "attributes": call.key.attributes,
        "shapes": call.key.shapes,
        "fixed": fixed.map_or("", |row| &row.kernel),
        "fixed_ms": median(fixed),
        "kernel": chosen.map(|row| &row.kernel),
        "ms": median(chosen),
        "timer": measured.and_then(|it| it.timer).map(|timer| timer.to_string()),
        "candidates": candidates.collect::<Vec<_>>(),
        "error": found.as_ref().err().map(ToString::to_string),
    })
}

/// What was wrong with a call: kernels that missed their bound, or all of it.
fn failures((Call { step, key, .. }, found): &Found<'_>) -> String {
    let failed = |row: &Row| {
        let (why, (op, rest)) = (row.refused.as_ref()?, (&key.op, [&*key.attributes, &key.shapes]));
        Some(format!("\nFAILED {}: {why}\n  {step}: {op} {}\n", row.kernel, rest.join(" ")))
    };
    match found {
        Ok(measured) => measured.rows.iter().filter_map(failed).collect(),
        Err(error) => format!("\nFAILED {step}: {error}\n"),
    }
}

/// A row for each call with a choice, what failed, how much was gained, and where it is kept.
fn text(report: &Value, found: &[Found<'_>]) -> String {
    let mut table = output::table(&["call", "fixed", "tuned", "fixed ms", "tuned ms", "gain"], 3);
    let (mut timed, mut faster, mut single, mut before, mut after) = (0, 0, 0, 0.0, 0.0);
    for (Call { step, steps, .. }, measured) in found {
        let Ok(measured) = measured else { continue };
        single += usize::from(measured.rows.len() == 1);
        let (Some(fixed), Some(_)) = (measured.fixed(), measured.timer) else { continue };
        let chosen = measured.chosen().filter(|_| measured.differs());
        let (fixed_ms, tuned) = (median(Some(fixed)), median(chosen));
        timed += 1;
        faster += usize::from(chosen.is_some());
        before += *steps as f64 * fixed_ms.unwrap_or_default();
        after += *steps as f64 * median(measured.chosen()).unwrap_or_default();
        let gain = fixed_ms.zip(tuned).map(|(fixed, tuned)| 100.0 * (fixed - tuned) / fixed);
        let number = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.3}"));
        table.add_row([
            if *steps > 1 { format!("{step} x{steps}") } else { step.clone() },
            fixed.kernel.clone(),
            chosen.map_or("-".to_owned(), |row| row.kernel.clone()),
            number(fixed_ms),
            number(tuned),
            gain.map_or("-".to_owned(), |gain| format!("{gain:.0} %")),
        ]);
    }
    let mut text = if timed == 0 { String::new() } else { output::render(&table) };
    text.extend(found.iter().map(failures));
    text += &match timed {
        0 => format!("\nNo call has a choice of kernels; calls with one kernel alone: {single}.\n"),
        _ => format!(
            "\nCalls with a choice: {timed}, with a faster kernel: {faster}; with one kernel alone: {single}.\n\
             The steps with a choice took {before:.3} ms, and take {after:.3} ms; {:.1} s in all.\n",
            report["seconds"].as_f64().unwrap_or_default()
        ),
    };
    if report["interrupted"] == true {
        text += "Interrupted: the other calls were not measured.\n";
    }
    let written = report["written"] == true;
    text += &match (report["file"].as_str(), written) {
        (Some(file), true) => format!("Written to {file}\n"),
        (Some(file), false) => format!("A dry run: {file} is as it was\n"),
        (None, _) => "A dry run: nothing is written\n".to_owned(),
    };
    if written && store::variable("INVOLUTION_TUNE").is_some_and(|it| it == "off" || it == "0") {
        text += "INVOLUTION_TUNE is off: nothing uses it until it is unset.\n";
    }
    text
}

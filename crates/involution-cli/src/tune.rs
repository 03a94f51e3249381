//! `involution tune`: which kernels are the fastest on this adapter, for the calls of a network.

use std::ops::Add;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use involution::autotune::measure::{Call, Measured, Row, Settings, calls, measure};
use involution::autotune::{Cache, Ignored, Tuned, file};
use involution::models::{self, MODELS};
use involution::ops::NAMES;
use involution::{Error, Gpu, Shape, store};
use involution_bench::adapter::{Flags, Runner};
use involution_bench::{Outcome, bad_use, output};
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

/// Set by Ctrl-C or SIGTERM; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let start = Instant::now();
    let (calls, input) = calls_of(args)?;
    // What is known so far is read below.
    let runner = flags.open_with(Tuned::Off)?;
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::say("interrupted: keeping what was measured; once more gives up");
    })
    .context("Ctrl-C")?;
    if !json {
        output::print(&format!("{runner}\n"))?;
    }
    let mut report = json!({
        "involution": env!("CARGO_PKG_VERSION"),
        "adapter": runner.name(),
        "backend": runner.backend(),
        "driver": runner.driver(),
        "network": args.model,
        "input": input.dims(),
        "interrupted": false,
        "seconds": 0.0,
        "calls": [],
        "file": null,
        "written": false,
    });
    let Runner::Gpu(gpu) = &runner else {
        let nothing = "There is nothing to tune: the reference has one way to do everything.\n";
        output::result(json, &report, || nothing.to_owned())?;
        return Ok(Outcome::Passed);
    };
    let identity = gpu.adapter().identity();
    let path = file(&identity);
    if path.is_none() && !args.dry_run {
        return Err(bad_use("there is no home folder to write to: set INVOLUTION_CACHE_DIR"));
    }
    let writes = path.as_deref().filter(|_| !args.dry_run);
    let failed = |path: &Path| format!("cannot write {}", path.display());
    if let Some(path) = writes {
        // Better known before a minute of measuring than after.
        let tried = store::lock(path).and_then(|_lock| store::writable(path));
        tried.with_context(|| failed(path))?;
    }
    let mut found = Cache::new(identity);
    let mut earlier = found.clone();
    match path.as_deref().map(|path| (path, Cache::load(path, &found.identity))) {
        Some((_, Ok(cache))) => earlier = cache,
        Some((path, Err(why))) if why != Ignored::Missing => {
            output::say(format!("warning: {} is written anew: {why}", path.display()));
        }
        _ => {}
    }
    let rows = measure_all(gpu, &calls, &earlier, &mut found)?;
    if let Some(path) = writes {
        found.save(path).with_context(|| failed(path))?;
    }
    let wrong = |row: &Value| !failures(row).is_empty();
    let whole = rows.len() == calls.len() && !rows.iter().any(wrong);
    report["interrupted"] = json!(rows.len() < calls.len());
    report["calls"] = json!(rows);
    report["file"] = json!(path.as_ref().map(|path| path.display().to_string()));
    report["written"] = json!(writes.is_some());
    report["seconds"] = json!(start.elapsed().as_secs_f64());
    output::result(json, &report, || text(&report, &rows))?;
    Ok(Outcome::of(whole))
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

/// The rows of the calls that were measured before an interrupt.
fn measure_all(
    gpu: &Gpu,
    calls: &[Call],
    earlier: &Cache,
    cache: &mut Cache,
) -> Result<Vec<Value>> {
    let bar = output::progress("tuning");
    bar.set_length(calls.len() as u64);
    let mut rows = Vec::new();
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
        rows.push(row(call, &found));
        bar.inc(1);
        if INTERRUPTED.load(Ordering::Relaxed) {
            break;
        }
    }
    bar.finish_and_clear();
    Ok(rows)
}

/// What was found for a call. The words of the command are made of it, too.
fn row(Call { key, step, steps, .. }: &Call, found: &involution::Result<Measured>) -> Value {
    let measured = found.as_ref().ok();
    let rows = measured.map_or(&[][..], |measured| &measured.rows);
    let fixed = rows.last();
    // Where there is one kernel alone, it is the one that runs.
    let chosen = measured.and_then(Measured::chosen).or(fixed.filter(|_| rows.len() == 1));
    let ms = |time: Duration| time.as_nanos() as f64 / 1e6;
    let median = |row: Option<&Row>| Some(ms(row?.time?.median));
    let candidates = rows.iter().map(|row| {
        json!({
            "kernel": row.kernel,
            "eligible": row.refused.is_none(),
            "refused": row.refused,
            "min_ms": row.time.map(|time| ms(time.min)),
            "median_ms": median(Some(row)),
        })
    });
    json!({
        "step": step,
        "steps": steps,
        "op": key.op,
        "attributes": key.attributes,
        "shapes": key.shapes,
        "fixed": fixed.map_or("", |row| &row.kernel),
        "fixed_ms": median(fixed),
        "kernel": chosen.map(|row| &row.kernel),
        "ms": median(chosen),
        "timer": measured.and_then(|it| it.timer).map(|timer| timer.to_string()),
        "candidates": candidates.collect::<Vec<_>>(),
        "error": found.as_ref().err().map(ToString::to_string),
    })
}

/// A text in JSON, without quotes; a dash for none.
fn word(value: &Value) -> String {
    value.as_str().unwrap_or("-").to_owned()
}

fn candidates(row: &Value) -> &[Value] {
    row["candidates"].as_array().map_or(&[], Vec::as_slice)
}

/// What was wrong with a call: kernels that missed their bound, or all of it.
fn failures(row: &Value) -> String {
    let step = word(&row["step"]);
    let mut text = String::new();
    for candidate in candidates(row).iter().filter(|it| it["eligible"] == false) {
        let call = ["op", "attributes", "shapes"].map(|key| word(&row[key])).join(" ");
        let [kernel, why] = ["kernel", "refused"].map(|key| word(&candidate[key]));
        text += &format!("\nFAILED {kernel}: {why}\n  {step}: {call}\n");
    }
    row["error"].as_str().map_or(text, |error| format!("\nFAILED {step}: {error}\n"))
}

/// A row for each call with a choice, what failed, how much was gained, and where it is kept.
fn text(report: &Value, rows: &[Value]) -> String {
    let timed: Vec<&Value> = rows.iter().filter(|row| row["timer"].is_string()).collect();
    let differs = |row: &Value| row["kernel"].is_string() && row["kernel"] != row["fixed"];
    let mut table = output::table(&["call", "fixed", "tuned", "fixed ms", "tuned ms", "gain"], 3);
    for row in &timed {
        let number = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.3}"));
        let (fixed, tuned) = (row["fixed_ms"].as_f64(), row["ms"].as_f64());
        let tuned = tuned.filter(|_| differs(row));
        let gain = fixed.zip(tuned).map(|(fixed, tuned)| 100.0 * (fixed - tuned) / fixed);
        table.add_row([
            match row["steps"].as_u64() {
                Some(steps) if steps > 1 => format!("{} x{steps}", word(&row["step"])),
                _ => word(&row["step"]),
            },
            word(&row["fixed"]),
            if differs(row) { word(&row["kernel"]) } else { "-".to_owned() },
            number(fixed),
            number(tuned),
            gain.map_or("-".to_owned(), |gain| format!("{gain:.0} %")),
        ]);
    }
    let mut text = if timed.is_empty() { String::new() } else { output::render(&table) };
    text.extend(rows.iter().map(failures));
    let single = rows.iter().filter(|row| candidates(row).len() == 1).count();
    let (all, faster) = (timed.len(), timed.iter().filter(|row| differs(row)).count());
    let sum = |ms: &str| {
        let of = |row: &&Value| Some(row["steps"].as_f64()? * row[ms].as_f64()?);
        timed.iter().filter_map(of).fold(0.0, f64::add)
    };
    text += &match all {
        0 => format!("\nNo call has a choice of kernels; calls with one kernel alone: {single}.\n"),
        _ => format!(
            "\nCalls with a choice: {all}, with a faster kernel: {faster}; with one kernel alone: {single}.\n\
             The steps with a choice took {:.3} ms, and take {:.3} ms; {:.1} s in all.\n",
            sum("fixed_ms"),
            sum("ms"),
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
    let off = store::variable("INVOLUTION_TUNE");
    if written && matches!(off.as_deref(), Some("off" | "0")) {
        text += "INVOLUTION_TUNE is off: nothing uses it until it is unset.\n";
    }
    text
}

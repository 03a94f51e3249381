//! `involution tune`: which kernels are the fastest on this adapter, for the calls of a network.

use std::ops::Add;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use involution::autotune::measure::{self as tune, Call, Measured, Settings, measure};
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

/// What was measured, and where it is kept.
struct Report {
    runner: Runner,
    input: Shape,
    interrupted: bool,
    seconds: f64,
    calls: Vec<Row>,
    file: Option<PathBuf>,
    written: bool,
}

struct Row {
    call: Call,
    found: involution::Result<Measured>,
}

/// Set by Ctrl-C or SIGTERM; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let start = Instant::now();
    let (calls, input) = calls_of(args)?;
    // What is known so far is read below.
    let runner = flags.open_with(Tuned::Off)?;
    let (interrupted, seconds, written) = (false, 0.0, false);
    let mut report =
        Report { runner, input, interrupted, seconds, calls: Vec::new(), file: None, written };
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::say("interrupted: keeping what was measured; once more gives up");
    })
    .context("Ctrl-C")?;
    if !json {
        output::print(&format!("{}\n", report.runner))?;
    }
    let Runner::Gpu(gpu) = &report.runner else {
        let nothing = "There is nothing to tune: the reference has one way to do everything.\n";
        output::result(json, &report.json(&args.model), || nothing.to_owned())?;
        return Ok(Outcome::Passed);
    };
    let gpu = gpu.clone();
    let identity = gpu.adapter().identity();
    report.file = file(&identity);
    if report.file.is_none() && !args.dry_run {
        return Err(bad_use("there is no home folder to write to: set INVOLUTION_CACHE_DIR"));
    }
    let path = report.file.clone();
    let writes = path.as_deref().filter(|_| !args.dry_run);
    let failed = |path: &Path| format!("cannot write {}", path.display());
    if let Some(path) = writes {
        // Better known before a minute of measuring than after.
        let tried = store::lock(path).and_then(|_lock| store::writable(path));
        tried.with_context(|| failed(path))?;
    }
    let mut found = Cache::new(identity);
    let mut earlier = found.clone();
    if let Some(path) = path.as_deref() {
        match Cache::load(path, &found.identity) {
            Ok(cache) => earlier = cache,
            Err(Ignored::Missing) => {}
            Err(why) => {
                output::say(format!("warning: {} is written anew: {why}", path.display()));
            }
        }
    }
    measure_all(&gpu, calls, &earlier, &mut found, &mut report)?;
    if let Some(path) = writes {
        found.save(path).with_context(|| failed(path))?;
        report.written = true;
    }
    report.seconds = start.elapsed().as_secs_f64();
    output::result(json, &report.json(&args.model), || report.text())?;
    let failed = report.calls.iter().any(|row| !row.failures().is_empty());
    Ok(Outcome::of(!failed && !report.interrupted))
}

/// The calls that are asked for, and the input of the network.
fn calls_of(args: &Args) -> Result<(Vec<Call>, Shape)> {
    let model = models::by_name(&args.model, None)?;
    let input = plan::input(model.as_ref(), args.batch, args.size.as_deref())?;
    let plan = model.plan(&input)?.keep(&[model.output()])?.fuse();
    let wanted = |call: &Call| args.ops.is_empty() || args.ops.contains(&call.key.op);
    let calls: Vec<Call> = tune::calls(&plan).into_iter().filter(wanted).collect();
    match calls.is_empty() {
        true => Err(bad_use(format!("{} has no call of {}", args.model, args.ops.join(", ")))),
        false => Ok((calls, input)),
    }
}

fn measure_all(
    gpu: &Gpu,
    calls: Vec<Call>,
    earlier: &Cache,
    cache: &mut Cache,
    report: &mut Report,
) -> Result<()> {
    let bar = output::progress("tuning");
    bar.set_length(calls.len() as u64);
    for call in calls {
        bar.set_message(format!("{} {}", call.step, call.key.op));
        let earlier = earlier.get(&call.key).map(|entry| entry.kernel.clone());
        let found = measure(gpu, &call, earlier.as_deref(), &Settings::default());
        match &found {
            Ok(measured) => measured.entry().into_iter().for_each(|entry| cache.insert(entry)),
            Err(lost @ Error::DeviceLost { .. }) => return Err(lost.clone().into()),
            // A call that is too large for the device is none that a network would run there.
            Err(_) => {}
        }
        report.calls.push(Row { call, found });
        bar.inc(1);
        if INTERRUPTED.load(Ordering::Relaxed) {
            report.interrupted = true;
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

fn median(row: Option<&tune::Row>) -> Option<f64> {
    Some(milliseconds(row?.time?.median))
}

impl Row {
    fn candidates(&self) -> &[tune::Row] {
        self.found.as_ref().map_or(&[], |found| &found.rows)
    }

    fn fixed(&self) -> Option<&tune::Row> {
        self.found.as_ref().ok()?.fixed()
    }

    /// The kernel that is to run: where there is one alone, it is that.
    fn chosen(&self) -> Option<&tune::Row> {
        let only = self.candidates().len() == 1;
        self.found.as_ref().ok()?.chosen().or_else(|| self.fixed().filter(|_| only))
    }

    /// The kernel that is to run in place of the fixed one.
    fn faster(&self) -> Option<&tune::Row> {
        self.chosen().filter(|chosen| self.fixed().is_some_and(|it| it.kernel != chosen.kernel))
    }

    fn timed(&self) -> bool {
        self.found.as_ref().is_ok_and(|found| found.timer.is_some())
    }

    /// What was wrong: kernels that missed their bound, or the whole call.
    fn failures(&self) -> Vec<String> {
        let Call { step, key, .. } = &self.call;
        let refused = self.candidates().iter().filter_map(|it| Some((it, it.refused.as_ref()?)));
        let mut failures: Vec<String> = refused
            .map(|(it, why)| {
                let (op, attributes, shapes) = (&key.op, &key.attributes, &key.shapes);
                format!("\nFAILED {}: {why}\n  {step}: {op} {attributes} {shapes}\n", it.kernel)
            })
            .collect();
        failures.extend(self.found.as_ref().err().map(|it| format!("\nFAILED {step}: {it}\n")));
        failures
    }

    fn json(&self) -> Value {
        let candidates = self.candidates().iter().map(|row| {
            json!({
                "kernel": row.kernel,
                "eligible": row.refused.is_none(),
                "refused": row.refused,
                "min_ms": row.time.map(|time| milliseconds(time.min)),
                "median_ms": median(Some(row)),
            })
        });
        let Call { key, step, steps, .. } = &self.call;
        let timer = self.found.as_ref().ok().and_then(|found| found.timer);
        json!({
            "step": step,
            "steps": steps,
            "op": key.op,
            "attributes": key.attributes,
            "shapes": key.shapes,
            "fixed": self.fixed().map_or("", |row| &row.kernel),
            "fixed_ms": median(self.fixed()),
            "kernel": self.chosen().map(|row| &row.kernel),
            "ms": median(self.chosen()),
            "timer": timer.map(|timer| timer.to_string()),
            "candidates": candidates.collect::<Vec<_>>(),
            "error": self.found.as_ref().err().map(ToString::to_string),
        })
    }
}

impl Report {
    fn json(&self, network: &str) -> Value {
        json!({
            "involution": env!("CARGO_PKG_VERSION"),
            "adapter": self.runner.name(),
            "backend": self.runner.backend(),
            "driver": self.runner.driver(),
            "network": network,
            "input": self.input.dims(),
            "interrupted": self.interrupted,
            "seconds": self.seconds,
            "calls": self.calls.iter().map(Row::json).collect::<Vec<_>>(),
            "file": self.file.as_ref().map(|file| file.display().to_string()),
            "written": self.written,
        })
    }

    /// A row for each call, what failed, how much was gained, and where it is kept.
    fn text(&self) -> String {
        let header = ["call", "fixed", "tuned", "fixed ms", "tuned ms", "gain"];
        let mut table = output::table(&header, 3);
        let timed: Vec<&Row> = self.calls.iter().filter(|row| row.timed()).collect();
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let number = |ms: Option<f64>| or_dash(ms.map(|ms| format!("{ms:.3}")));
        for row in &timed {
            let (fixed_ms, ms) = (median(row.fixed()), median(row.faster()));
            let gain = fixed_ms.zip(ms).map(|(fixed, tuned)| 100.0 * (fixed - tuned) / fixed);
            table.add_row([
                match row.call.steps {
                    1 => row.call.step.clone(),
                    steps => format!("{} x{steps}", row.call.step),
                },
                row.fixed().map_or_else(String::new, |row| row.kernel.clone()),
                or_dash(row.faster().map(|row| row.kernel.clone())),
                number(fixed_ms),
                number(ms),
                or_dash(gain.map(|gain| format!("{gain:.0} %"))),
            ]);
        }
        let mut text = if timed.is_empty() { String::new() } else { output::render(&table) };
        self.calls.iter().for_each(|row| text += &row.failures().concat());
        let single = self.calls.iter().filter(|row| row.candidates().len() == 1).count();
        if timed.is_empty() {
            text += &format!(
                "\nNo call has a choice of kernels; calls with one kernel alone: {single}.\n"
            );
        } else {
            let sum = |of: fn(&Row) -> Option<&tune::Row>| {
                let times = timed
                    .iter()
                    .filter_map(|row| median(of(row)).map(|ms| row.call.steps as f64 * ms));
                times.fold(0.0, f64::add)
            };
            text += &format!(
                "\nCalls with a choice: {}, with a faster kernel: {}; with one kernel alone: {single}.\n\
                 The steps with a choice took {:.3} ms, and take {:.3} ms; {:.1} s in all.\n",
                timed.len(),
                timed.iter().filter(|row| row.faster().is_some()).count(),
                sum(Row::fixed),
                sum(Row::chosen),
                self.seconds
            );
        }
        if self.interrupted {
            text += "Interrupted: the other calls were not measured.\n";
        }
        let file = self.file.as_ref().map(|file| file.display());
        text += &match (file, self.written) {
            (Some(file), true) => format!("Written to {file}\n"),
            (Some(file), false) => format!("A dry run: {file} is as it was\n"),
            (None, _) => "A dry run: nothing is written\n".to_owned(),
        };
        let off = store::variable("INVOLUTION_TUNE");
        if self.written && matches!(off.as_deref(), Some("off" | "0")) {
            text += "INVOLUTION_TUNE is off: nothing uses it until it is unset.\n";
        }
        text
    }
}

//! `involution tune`: which kernels are the fastest on this adapter, for the calls of a network.

use std::ops::Add;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use involution::autotune::measure::{Call, Measured, Settings, Time, calls, measure};
use involution::autotune::{Cache, Ignored, Tuned, file};
use involution::models::{self, MODELS};
use involution::ops::NAMES;
use involution::store;
use involution::{Error, Gpu, Shape};
use serde::Serialize;

use crate::adapter::{Flags, Runner};
use crate::{Outcome, bad_use, drivers, output, plan};

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
    /// Print what was measured as JSON
    #[arg(long)]
    json: bool,
}

fn help() -> String {
    format!(
        "Networks: {}\n
Each distinct call of the network goes through every kernel that fits it, on random inputs: those \
whose result is right within its error bound are timed in turns, and the fastest is remembered where \
it beats the fixed choice by more than 5 %. Programs and commands on the same adapter, driver and \
version then use it; INVOLUTION_TUNE=off goes without. Needs no weights. Ctrl-C keeps what was \
measured.

Examples:
  involution tune                                 the calls of RedNet-50
  involution tune --model mobilenet_v2 --batch 8  eight images at a time
  involution tune --ops involution,conv2d --dry-run",
        MODELS.join(", ")
    )
}

#[derive(Debug, Serialize)]
struct Report {
    involution: &'static str,
    adapter: String,
    backend: Option<String>,
    driver: Option<String>,
    network: String,
    input: Vec<usize>,
    interrupted: bool,
    seconds: f64,
    calls: Vec<Row>,
    file: Option<PathBuf>,
    written: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    step: String,
    steps: usize,
    op: String,
    attributes: String,
    shapes: String,
    fixed: String,
    fixed_ms: Option<f64>,
    kernel: Option<String>,
    ms: Option<f64>,
    timer: Option<String>,
    candidates: Vec<Candidate>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Candidate {
    kernel: String,
    eligible: bool,
    refused: Option<String>,
    min_ms: Option<f64>,
    median_ms: Option<f64>,
}

/// Set by Ctrl-C; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let start = Instant::now();
    let (calls, input) = calls_of(args)?;
    // What is known so far is read below.
    let runner = flags.open_with(Tuned::Off)?;
    let json = json || args.json;
    let mut report = Report {
        involution: env!("CARGO_PKG_VERSION"),
        adapter: runner.name().to_owned(),
        backend: runner.backend().map(str::to_owned),
        driver: runner.driver(),
        network: args.model.clone(),
        input: input.dims().to_vec(),
        interrupted: false,
        seconds: 0.0,
        calls: Vec::new(),
        file: None,
        written: false,
    };
    if !json {
        output::print(&format!("{runner}\n"))?;
    }
    let Runner::Gpu(gpu) = &runner else {
        output::print(&match json {
            true => output::json(&report)?,
            false => {
                "There is nothing to tune: the reference has one way to do everything.\n".into()
            }
        })?;
        return Ok(Outcome::Passed);
    };
    let identity = gpu.adapter().identity();
    report.file = file(&identity);
    let path = match (&report.file, args.dry_run) {
        (None, false) => {
            return Err(bad_use("there is no home folder to write to: set INVOLUTION_CACHE_DIR"));
        }
        (path, _) => path.clone(),
    };
    let writes = path.as_deref().filter(|_| !args.dry_run);
    let failed = |path: &Path| format!("cannot write {}", path.display());
    if let Some(path) = writes {
        // Better known before a minute of measuring than after.
        let tried = store::lock(path).and_then(|_lock| store::writable(path));
        tried.with_context(|| failed(path))?;
    }
    let mut found = Cache::new(identity);
    let earlier = match path.as_deref().map(|path| (path, Cache::load(path, &found.identity))) {
        Some((_, Ok(cache))) => cache,
        Some((path, Err(why))) if why != Ignored::Missing => {
            output::say(format!("warning: {} is written anew: {why}", path.display()));
            found.clone()
        }
        _ => found.clone(),
    };
    measure_all(gpu, &calls, &earlier, &mut found, &mut report)?;
    if let Some(path) = writes {
        found.save(path).with_context(|| failed(path))?;
        report.written = true;
    }
    report.seconds = start.elapsed().as_secs_f64();
    output::print(&if json { output::json(&report)? } else { text(&report) })?;
    let failed = report.calls.iter().any(Row::failed);
    Ok(Outcome::of(!failed && !report.interrupted))
}

/// The calls that are asked for, and the input of the network.
fn calls_of(args: &Args) -> Result<(Vec<Call>, Shape)> {
    let model = models::by_name(&args.model, None)?;
    let mut dims = model.preprocessing().input(1).dims().to_vec();
    dims[0] = args.batch;
    if let Some(size) = args.size.as_deref().map(plan::parse_size).transpose()? {
        dims[2..].copy_from_slice(&size);
    }
    let input = Shape::new(dims);
    let plan = model.plan(&input)?.keep(&[model.output()])?.fuse();
    let wanted = |call: &Call| args.ops.is_empty() || args.ops.contains(&call.key.op);
    let calls: Vec<Call> = calls(&plan).into_iter().filter(wanted).collect();
    match calls.is_empty() {
        true => Err(bad_use(format!("{} has no call of {}", args.model, args.ops.join(", ")))),
        false => Ok((calls, input)),
    }
}

fn measure_all(
    gpu: &Gpu,
    calls: &[Call],
    earlier: &Cache,
    found: &mut Cache,
    report: &mut Report,
) -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::say("interrupted: keeping what was measured; once more gives up");
    })
    .context("Ctrl-C")?;
    let bar = output::progress("tuning");
    bar.set_length(calls.len() as u64);
    for call in calls {
        bar.set_message(format!("{} {}", call.step, call.key.op));
        let earlier = earlier.get(&call.key).map(|entry| entry.kernel.clone());
        match measure(gpu, call, earlier.as_deref(), &Settings::default()) {
            Ok(measured) => {
                measured.entry().into_iter().for_each(|entry| found.insert(entry));
                report.calls.push(Row::new(call, &measured));
            }
            Err(lost @ Error::DeviceLost { .. }) => return Err(lost.into()),
            // A call that is too large for the device is none that a network would run there.
            Err(error) => report.calls.push(Row::refused(call, &error)),
        }
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

impl Row {
    fn new(call: &Call, measured: &Measured) -> Self {
        let median = |time: Option<Time>| time.map(|time| milliseconds(time.median));
        let candidates = measured.rows.iter().map(|row| Candidate {
            kernel: row.kernel.clone(),
            eligible: row.refused.is_none(),
            refused: row.refused.clone(),
            min_ms: row.time.map(|time| milliseconds(time.min)),
            median_ms: median(row.time),
        });
        // Where there is one way, it is the one that runs.
        let only = measured.rows.len() == 1;
        let chosen = measured.chosen().or_else(|| measured.fixed().filter(|_| only));
        Row {
            fixed: measured.fixed().map_or_else(String::new, |row| row.kernel.clone()),
            fixed_ms: median(measured.fixed().and_then(|row| row.time)),
            kernel: chosen.map(|row| row.kernel.clone()),
            ms: median(chosen.and_then(|row| row.time)),
            timer: measured.timer.map(|timer| timer.to_string()),
            candidates: candidates.collect(),
            ..Row::of(call)
        }
    }

    fn refused(call: &Call, error: &Error) -> Self {
        Row { error: Some(error.to_string()), ..Row::of(call) }
    }

    fn of(call: &Call) -> Self {
        Row {
            step: call.step.clone(),
            steps: call.steps,
            op: call.key.op.clone(),
            attributes: call.key.attributes.clone(),
            shapes: call.key.shapes.clone(),
            fixed: String::new(),
            fixed_ms: None,
            kernel: None,
            ms: None,
            timer: None,
            candidates: Vec::new(),
            error: None,
        }
    }

    /// Whether something was wrong: a kernel that missed its bound, or the whole call.
    fn failed(&self) -> bool {
        self.error.is_some() || self.candidates.iter().any(|candidate| !candidate.eligible)
    }

    fn differs(&self) -> bool {
        self.kernel.as_ref().is_some_and(|kernel| *kernel != self.fixed)
    }
}

fn text(report: &Report) -> String {
    let header = ["call", "fixed", "tuned", "fixed ms", "tuned ms", "gain"];
    let mut table = output::table(&header, 3);
    let timed: Vec<&Row> = report.calls.iter().filter(|row| row.timer.is_some()).collect();
    for row in &timed {
        let number = |ms: Option<f64>| ms.map_or("-".to_owned(), |ms| format!("{ms:.3}"));
        let call =
            if row.steps > 1 { format!("{} x{}", row.step, row.steps) } else { row.step.clone() };
        let tuned = if row.differs() { row.kernel.clone() } else { None };
        let gain = row.fixed_ms.zip(row.ms).filter(|_| row.differs());
        let gain = gain.map(|(fixed, tuned)| format!("{:.0} %", 100.0 * (fixed - tuned) / fixed));
        let tuned_ms = number(row.ms.filter(|_| row.differs()));
        table.add_row([
            call,
            row.fixed.clone(),
            tuned.unwrap_or_else(|| "-".to_owned()),
            number(row.fixed_ms),
            tuned_ms,
            gain.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    let mut text = if timed.is_empty() { String::new() } else { output::render(&table) };
    for row in &report.calls {
        if let Some(error) = &row.error {
            text += &format!("\nFAILED {}: {error}\n", row.step);
        }
        for candidate in &row.candidates {
            if let Some(why) = &candidate.refused {
                let Row { step, op, attributes, shapes, .. } = row;
                let kernel = &candidate.kernel;
                text +=
                    &format!("\nFAILED {kernel}: {why}\n  {step}: {op} {attributes} {shapes}\n");
            }
        }
    }
    text + &summary(report, &timed)
}

/// How much was gained, and where it is kept.
fn summary(report: &Report, timed: &[&Row]) -> String {
    let sum = |ms: &dyn Fn(&Row) -> Option<f64>| -> f64 {
        timed.iter().filter_map(|row| Some(row.steps as f64 * ms(row)?)).fold(0.0, f64::add)
    };
    let differ = timed.iter().filter(|row| row.differs()).count();
    let all = timed.len();
    let single = report.calls.iter().filter(|row| row.candidates.len() == 1).count();
    let mut text = match all {
        0 => format!("\nNo call has a choice of kernels; calls with one kernel alone: {single}.\n"),
        _ => format!(
            "\nCalls with a choice: {all}, with a faster kernel: {differ}; with one kernel alone: {single}.\n\
             The steps with a choice took {:.3} ms, and take {:.3} ms; {:.1} s in all.\n",
            sum(&|row| row.fixed_ms),
            sum(&|row| row.ms),
            report.seconds
        ),
    };
    if report.interrupted {
        text += "Interrupted: the other calls were not measured.\n";
    }
    let place = |path: &Path| path.display().to_string();
    text += &match (&report.file, report.written) {
        (Some(file), true) => format!("Written to {}\n", place(file)),
        (Some(file), false) => format!("A dry run: {} is as it was\n", place(file)),
        (None, _) => "A dry run: nothing is written\n".to_owned(),
    };
    let off = drivers::variable("INVOLUTION_TUNE");
    if report.written && matches!(off.as_deref(), Some("off" | "0")) {
        text += "INVOLUTION_TUNE is off: nothing uses it until it is unset.\n";
    }
    text
}

//! `involution bench`: how long kernels take, and that what was timed is right.

mod report;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use involution::check::verify::{Settings, verify};
use involution::check::{compare, expected};
use involution::gpu::{Choice, GpuTensor, Timing};
use involution::ops::{NAMES, Op};
use involution::{Error, Gpu, Tensor, reference};

use crate::adapter::{Flags, Runner};
use crate::workloads::{self, Workload};
use crate::{Outcome, bad_use, output};
use report::{Answers, Report, Row, milliseconds};

const EXAMPLES: &str = "\
Examples:
  involution bench                         every distinct shape of RedNet-50, and more
  involution bench --quick                 some shapes of each operator, under a minute
  involution bench involution conv2d       two operators
  involution bench conv2d --all-kernels    every kernel, not just the preferred one
  involution bench --json rows.json        the table on stdout, the rows in a file
  involution bench --quick --json - | jq '.rows[] | [.case, .wall_ms.median]'

The output that was timed is compared with the reference: a row that misses has no time, and the
exit code is 1. Ctrl-C ends the run and keeps the rows that were measured; the exit code is then 1
as well.";

/// Samples of a row, and the time after which fewer will do.
const QUICK_SAMPLES: usize = 5;
const SAMPLES: usize = 15;
const LEAST_SAMPLES: usize = 3;
const ENOUGH: Duration = Duration::from_millis(300);

#[derive(Debug, Default, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Operators; all where none is named
    #[arg(value_name = "OP", value_parser = PossibleValuesParser::new(NAMES), hide_possible_values = true)]
    operators: Vec<String>,
    /// Some shapes of each operator, and fewer samples
    #[arg(long)]
    quick: bool,
    /// Time every kernel that fits, not just the preferred one
    #[arg(long)]
    all_kernels: bool,
    /// Samples of each row [default: 15, 5 if --quick, fewer where they take longer than 0.3 s]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// Write the rows as JSON to a file, beside the table, or to stdout instead of it (-, the default)
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    json: Option<PathBuf>,
}

/// `involution` without a command.
pub fn at_a_glance(flags: &Flags, json: bool) -> Result<Outcome> {
    let json = json.then(|| PathBuf::from("-"));
    let text = json.is_none();
    let outcome = run(flags, &Args { quick: true, json, ..Args::default() }, false)?;
    if text {
        output::print(
            "\nNext:\n  \
             involution verify            every kernel against the reference on random cases\n  \
             involution bench --help      every shape of RedNet-50; every kernel; JSON\n  \
             involution op --help         one operator on tensors of your own\n  \
             involution doctor            adapters, limits, drivers\n",
        )?;
    }
    Ok(outcome)
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let json = args.json.clone().or_else(|| json.then(|| PathBuf::from("-")));
    let file = json.as_deref().filter(|&path| path != Path::new("-"));
    if let Some(file) = file {
        let name = file.to_string_lossy();
        if NAMES.contains(&&*name) {
            return Err(bad_use(format!(
                "--json {name} would write a file named {name}: put operators before --json, or write \
                 --json=./{name}"
            )));
        }
        output::check_folder(file)?;
    }
    let runner = flags.open()?;
    let stdout_is_json = json.is_some() && file.is_none();
    if !stdout_is_json {
        output::print(&format!("{runner}\n"))?;
    }
    let report = measure(&runner, args)?;
    if stdout_is_json {
        output::print(&output::json(&report)?)?;
    } else {
        output::print(&report.text())?;
    }
    if let Some(file) = file {
        output::write(file, output::json(&report)?.as_bytes())?;
    }
    Ok(Outcome::of(report.passed()))
}

/// Set by Ctrl-C; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

fn measure(runner: &Runner, args: &Args) -> Result<Report> {
    let start = Instant::now();
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("interrupted: checking what was measured; once more gives up");
    })
    .context("Ctrl-C")?;
    let is_reference = runner.gpu().is_none();
    let wanted = |workload: &Workload| {
        let name = workload.case.operator.name();
        (args.operators.is_empty() || args.operators.iter().any(|wanted| wanted == name))
            && (workload.is_quick() || !(args.quick || is_reference))
            && (!is_reference || workload.suits_reference())
    };
    let workloads: Vec<Workload> = workloads::all().into_iter().filter(wanted).collect();
    let known_answers = match runner {
        Runner::Gpu(_) => None,
        Runner::Reference => {
            let settings = Settings { operators: args.operators.clone(), ..Settings::default() };
            let report = verify(None, &settings, &mut |_, _| {})?;
            Some(Answers { cases: report.cases, failures: report.failures.len() })
        }
    };
    let bar = output::progress("timing");
    bar.set_length(workloads.len() as u64);
    let mut measured: Vec<Measured<'_>> = Vec::new();
    for workload in &workloads {
        bar.set_message(workload.name.clone());
        let lost = match runner {
            Runner::Gpu(gpu) => on_gpu(gpu, workload, args, &mut measured)?,
            Runner::Reference => {
                measured.extend(on_reference(workload, args)?);
                false
            }
        };
        if interrupted() || lost {
            break;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    check(&mut measured);
    Ok(Report {
        involution: env!("CARGO_PKG_VERSION"),
        adapter: runner.name().to_owned(),
        backend: runner.backend().map(str::to_owned),
        driver: runner.driver(),
        quick: args.quick || is_reference,
        interrupted: interrupted(),
        seconds: start.elapsed().as_secs_f64(),
        known_answers,
        rows: measured.into_iter().map(|measured| measured.row).collect(),
    })
}

/// A row, and the output that is yet to be checked.
struct Measured<'a> {
    workload: &'a Workload,
    row: Row,
    output: Option<Tensor>,
}

/// Adds a row for each kernel of a call. Says whether the device was lost.
fn on_gpu<'a>(
    gpu: &Gpu,
    workload: &'a Workload,
    args: &Args,
    measured: &mut Vec<Measured<'a>>,
) -> Result<bool> {
    let candidates = gpu.candidates(&workload.case.operator, &workload.shapes())?;
    let count = if args.all_kernels { candidates.len() } else { 1 };
    let inputs = workload.case.inputs();
    // The preferred one comes last.
    for kernel in candidates.iter().rev().take(count).map(|candidate| &candidate.name) {
        match time_kernel(gpu, workload, &inputs, kernel, args) {
            Ok(None) => break,
            Ok(Some((row, output))) => {
                measured.push(Measured { workload, row, output: Some(output) });
            }
            Err(error) => {
                let row = Row { note: Some(error.to_string()), ..Row::new(workload, kernel) };
                measured.push(Measured { workload, row, output: None });
                if matches!(error, Error::DeviceLost { .. }) {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Times a kernel and fetches what it wrote; nothing where it was interrupted.
fn time_kernel(
    gpu: &Gpu,
    workload: &Workload,
    inputs: &[Tensor],
    kernel: &str,
    args: &Args,
) -> involution::Result<Option<(Row, Tensor)>> {
    // New buffers are zero: a kernel cannot pass with what another one left in the output.
    gpu.trim();
    let uploaded: Vec<GpuTensor> =
        inputs.iter().map(|input| gpu.upload(input)).collect::<Result<_, _>>()?;
    let uploaded: Vec<&GpuTensor> = uploaded.iter().collect();
    let compiled = gpu.pipeline_stats().misses;
    let first = Instant::now();
    let choice = Choice::Named(kernel.to_owned());
    let prepared = gpu.prepare(&workload.case.operator, &uploaded, &choice)?;
    gpu.submit_timed(&prepared)?;
    let compile_ms = Some(milliseconds(first.elapsed()));
    let compiled = gpu.pipeline_stats().misses - compiled;
    gpu.submit_timed(&prepared)?;
    let Some(samples) = sample(args, || gpu.submit_timed(&prepared))? else { return Ok(None) };
    let row = Row { compile_ms, compiled, ..Row::new(workload, kernel).timed(&samples) };
    Ok(Some((row, gpu.download(prepared.output())?)))
}

/// Compares the outputs with the reference on all cores: after the timing, so as not to disturb it.
fn check(measured: &mut [Measured<'_>]) {
    let mut calls: Vec<&mut [Measured<'_>]> =
        measured.chunk_by_mut(|a, b| a.workload == b.workload).collect();
    // The longest first, so that no core is left with one at the end.
    calls.sort_by_key(|call| call.first().map_or(0, |measured| measured.row.flops));
    let bar = output::progress("checking");
    bar.set_length(calls.len() as u64);
    let calls = Mutex::new(calls);
    let next = || calls.lock().unwrap_or_else(PoisonError::into_inner).pop();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, |count| count.get()) {
            scope.spawn(|| {
                while let Some(call) = next() {
                    check_call(call);
                    bar.inc(1);
                }
            });
        }
    });
    bar.finish_and_clear();
}

/// Compares the outputs of one call, those of several kernels. A row that misses loses its times.
fn check_call(call: &mut [Measured<'_>]) {
    let mut want = None;
    for Measured { workload, row, output } in call {
        let Some(output) = output.take() else { continue };
        let want = want.get_or_insert_with(|| {
            let inputs = workload.case.inputs();
            expected(&workload.case.operator, &inputs.iter().collect::<Vec<_>>())
        });
        let note = match want {
            Err(error) => error.to_string(),
            Ok(want) => {
                let comparison = compare(want, &output);
                row.worst_over_bound = Some(comparison.worst_over_bound);
                row.checked = comparison.passed();
                if row.checked {
                    continue;
                }
                format!(
                    "{} of {} elements beyond their bound, the worst {:.3e} times",
                    comparison.misses,
                    want.bound.len(),
                    comparison.worst_over_bound
                )
            }
        };
        row.reject(note);
    }
}

fn on_reference<'a>(workload: &'a Workload, args: &Args) -> Result<Option<Measured<'a>>> {
    let inputs = workload.case.inputs();
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let run = || {
        let start = Instant::now();
        reference::run(&workload.case.operator, &inputs)?;
        Ok(Timing { dispatches: None, wall: start.elapsed() })
    };
    let Some(samples) = sample(args, run)? else { return Ok(None) };
    let note = Some("the reference is the definition: there is nothing to check it against".into());
    let row = Row { note, ..Row::new(workload, "reference").timed(&samples) };
    Ok(Some(Measured { workload, row, output: None }))
}

/// Runs until there are samples enough; nothing where it was interrupted.
fn sample(
    args: &Args,
    mut run: impl FnMut() -> involution::Result<Timing>,
) -> involution::Result<Option<Vec<Timing>>> {
    let usual = if args.quick { QUICK_SAMPLES } else { SAMPLES };
    let most = args.repeat.map_or(usual, |count| count as usize);
    let start = Instant::now();
    let mut samples = Vec::new();
    while samples.len() < most {
        let enough = args.repeat.is_none() && samples.len() >= LEAST_SAMPLES;
        if enough && start.elapsed() >= ENOUGH {
            break;
        }
        if interrupted() {
            return Ok(None);
        }
        samples.push(run()?);
    }
    Ok(Some(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(rows: Vec<Row>) -> Report {
        Report {
            involution: "0",
            adapter: "test".into(),
            backend: None,
            driver: None,
            quick: true,
            interrupted: false,
            seconds: 0.0,
            known_answers: None,
            rows,
        }
    }

    #[test]
    fn a_wrong_output_takes_the_times_away_and_fails_the_run() {
        let workloads = workloads::all();
        let workload = workloads.iter().find(|workload| workload.name == "softmax 1000");
        let Some(workload) = workload else { return assert!(workload.is_some()) };
        let inputs = workload.case.inputs();
        let right = reference::run(&workload.case.operator, &inputs.iter().collect::<Vec<_>>());
        let Ok(right) = right else { return assert!(right.is_ok(), "{right:?}") };
        let mut wrong = right.clone();
        wrong.data_mut()[999] *= 1.001;
        let timing = Timing { dispatches: None, wall: Duration::from_millis(2) };
        let measured = |output: Tensor| {
            let row = Row::new(workload, "softmax").timed(std::slice::from_ref(&timing));
            Measured { workload, row, output: Some(output) }
        };
        let mut measured = [measured(right), measured(wrong)];
        check(&mut measured);
        let [right, wrong] = measured.map(|measured| measured.row);
        assert!(right.checked && right.wall_ms.is_some());
        assert!(!wrong.checked && wrong.wall_ms.is_none() && wrong.note.is_some());
        assert!(report(vec![right]).passed());
        let failed = report(vec![wrong]);
        assert!(!failed.passed() && failed.text().contains("FAILED"));
    }
}

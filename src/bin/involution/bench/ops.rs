//! The suite `ops`: single calls on tensors that stay on the device, each kernel by itself.

mod report;

use std::time::{Duration, Instant};

use anyhow::Result;
use involution::check::verify::{Settings, verify};
use involution::check::{compare, expected};
use involution::gpu::{Choice, GpuTensor, Timing};
use involution::ops::Op;
use involution::{Error, Gpu, Tensor, reference};

use super::fault::Fault;
use super::findings::Header;
use super::sampling::{self, Effort, interrupted};
use super::selection::selected;
use super::stats::milliseconds;
use super::{Args, cores};
use crate::adapter::Runner;
use crate::output;
use crate::workloads::{self, Workload};
use report::{Answers, Report, Row};

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 3;
const ENOUGH: Duration = Duration::from_millis(300);

/// The calls that the arguments ask for.
pub fn select(args: &Args) -> Result<Vec<Workload>> {
    let wanted = |workload: &Workload| {
        let name = workload.case.operator.name();
        (args.ops.is_empty() || args.ops.iter().any(|wanted| wanted == name))
            && (workload.quick || !args.quick)
    };
    let workloads = workloads::all()?.into_iter().filter(wanted);
    let workloads: Vec<Workload> = match args.batch.as_slice() {
        [] => workloads.collect(),
        batches => workloads
            .flat_map(|workload| batches.iter().map(move |&batch| workload.in_batches_of(batch)))
            .collect(),
    };
    selected(workloads, args, |workload| &workload.name, |workload| &workload.case.shapes[0])
}

/// Times these calls; on the reference only those that it is not too slow for.
pub fn measure(runner: &Runner, workloads: Vec<Workload>, args: &Args) -> Result<Report> {
    let start = Instant::now();
    sampling::listen()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let is_reference = runner.gpu().is_none();
    let wanted =
        |workload: &Workload| !is_reference || (workload.quick && workload.suits_reference());
    let workloads: Vec<Workload> = workloads.into_iter().filter(wanted).collect();
    let known_answers = match runner {
        Runner::Gpu(_) => None,
        Runner::Reference => {
            let settings = Settings { operators: args.ops.clone(), ..Settings::default() };
            let report = verify(None, &settings, &mut |_, _| {})?;
            Some(Answers { cases: report.cases, failures: report.failures.len() })
        }
    };
    let limits = runner.gpu().map(Gpu::limits).transpose()?;
    let bar = output::progress("timing");
    bar.set_length(workloads.len() as u64);
    let mut measured: Vec<Measured<'_>> = Vec::new();
    for workload in &workloads {
        bar.set_message(workload.name.clone());
        let lost = match runner {
            Runner::Gpu(gpu) => on_gpu(gpu, workload, args.candidates, effort, &mut measured)?,
            Runner::Reference => {
                measured.extend(on_reference(workload, effort)?);
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
    let rows = measured.into_iter().map(|measured| match &limits {
        Some(limits) => measured.row.above(limits),
        None => measured.row,
    });
    let header = Header::new(runner, limits.as_ref(), args, start);
    Ok(Report {
        header: Header { quick: args.quick || is_reference, ..header },
        known_answers,
        rows: rows.collect(),
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
    every_kernel: bool,
    effort: Effort,
    measured: &mut Vec<Measured<'a>>,
) -> Result<bool> {
    let candidates = gpu.candidates(&workload.case.operator, &workload.shapes())?;
    let count = if every_kernel { candidates.len() } else { 1 };
    let inputs = workload.case.inputs();
    // The preferred one comes last.
    for kernel in candidates.iter().rev().take(count).map(|candidate| &candidate.name) {
        match time_kernel(gpu, workload, &inputs, kernel, effort) {
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
    effort: Effort,
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
    let Some(samples) = effort.sample(|| gpu.submit_timed(&prepared))? else { return Ok(None) };
    let fault = Fault::of(&workload.name);
    let samples = fault.samples(samples);
    let row = Row::new(workload, kernel).timed(&samples);
    let row = Row { compile_ms, compiled, ..row };
    Ok(Some((row, fault.output(gpu.download(prepared.output())?))))
}

/// Compares the outputs with the reference on all cores: after the timing, so as not to disturb it.
fn check(measured: &mut [Measured<'_>]) {
    let mut calls: Vec<&mut [Measured<'_>]> =
        measured.chunk_by_mut(|a, b| a.workload == b.workload).collect();
    // The longest first, so that no core is left with one at the end.
    calls.sort_by_key(|call| call.first().map_or(0, |measured| measured.row.flops));
    cores::each("checking", calls, check_call);
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

fn on_reference<'a>(workload: &'a Workload, effort: Effort) -> Result<Option<Measured<'a>>> {
    let inputs = workload.case.inputs();
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let run = || {
        let start = Instant::now();
        reference::run(&workload.case.operator, &inputs)?;
        Ok(Timing { dispatches: None, wall: start.elapsed() })
    };
    let Some(samples) = effort.sample(run)? else { return Ok(None) };
    let note = Some("the reference is the definition: there is nothing to check it against".into());
    let row = Row { note, ..Row::new(workload, "reference").timed(&samples) };
    Ok(Some(Measured { workload, row, output: None }))
}

#[cfg(test)]
mod tests {
    use super::super::findings::Findings;
    use super::super::sampling::Sampled;
    use super::*;

    fn report(rows: Vec<Row>) -> Report {
        Report {
            header: Header {
                involution: "0",
                suite: "ops",
                adapter: "test".into(),
                backend: None,
                driver: None,
                software: true,
                quick: true,
                interrupted: false,
                seconds: 0.0,
                limits: None,
            },
            known_answers: None,
            rows,
        }
    }

    #[test]
    fn a_wrong_output_takes_the_times_away_and_fails_the_run() {
        let workloads = workloads::all().unwrap_or_default();
        let workload = workloads.iter().find(|workload| workload.name == "softmax 1000");
        let Some(workload) = workload else { return assert!(workload.is_some()) };
        let inputs = workload.case.inputs();
        let right = reference::run(&workload.case.operator, &inputs.iter().collect::<Vec<_>>());
        let Ok(right) = right else { return assert!(right.is_ok(), "{right:?}") };
        let mut wrong = right.clone();
        wrong.data_mut()[999] *= 1.001;
        let runs = vec![Timing { dispatches: None, wall: Duration::from_millis(2) }];
        let samples = Sampled { runs, cpu_ms: None, waited: None };
        let measured = |output: Tensor| {
            let row = Row::new(workload, "softmax").timed(&samples);
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

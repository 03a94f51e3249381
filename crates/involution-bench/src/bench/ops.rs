//! The suite `ops`: single calls on tensors that stay on the device, each kernel by itself.

use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::ProgressBar;
use involution::gpu::{Choice, GpuTensor, Prepared, Probe, Timing};
use involution::ops::Op;
use involution::{Error, Gpu, Tensor, reference};
use involution_check::verify::{Settings, verify};
use involution_check::{compare, expected};

use super::fault::Fault;
use super::record::{Answers, Run};
use super::rounds::{self, Run as Call};
use super::row::Row;
use super::sampling::{self, Effort, Sampled, interrupted};
use super::selection::selected;
use super::stats::{Stats, milliseconds};
use super::{Args, cores};
use crate::adapter::Runner;
use crate::output;
use crate::workloads::{self, Workload};

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 3;
const ENOUGH: Duration = Duration::from_millis(300);

/// Bytes of the tensors of calls that are sampled in rounds with each other. More than fits into most caches, so that a
/// call finds its tensors in memory.
const BLOCK: u64 = 256 << 20;

/// The work of a sample: some milliseconds on a processor. A call that has less is run several times.
const LEAST_FLOPS: u64 = 40_000_000;
const LEAST_BYTES: u64 = 8_000_000;
const MOST_TIMES: u64 = 64;

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
pub fn measure(runner: &Runner, workloads: Vec<Workload>, args: &Args) -> Result<Run> {
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
    let mut measured: Vec<Measured<'_>> = Vec::new();
    let bar = output::progress("timing");
    bar.set_length(workloads.len() as u64);
    match runner {
        Runner::Gpu(gpu) => {
            let probes = gpu.probes()?;
            for calls in blocks(&workloads) {
                let lost =
                    on_gpu(gpu, &probes, calls, args.candidates, effort, &bar, &mut measured)?;
                if interrupted() || lost {
                    break;
                }
            }
        }
        Runner::Reference => {
            for workload in &workloads {
                bar.set_message(workload.name.clone());
                measured.extend(on_reference(workload, effort)?);
                if interrupted() {
                    break;
                }
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    check(&mut measured);
    let rows = measured.into_iter().map(|measured| match &limits {
        Some(limits) => measured.row.above(limits),
        None => measured.row,
    });
    let run = Run::new(runner, limits.as_ref(), args, start, rows.collect());
    Ok(Run { quick: args.quick || is_reference, known_answers, ..run })
}

/// A row, and the output that is yet to be checked.
struct Measured<'a> {
    workload: &'a Workload,
    row: Row,
    output: Option<Tensor>,
}

/// Calls that are sampled in rounds with each other: as many as there is room for.
fn blocks(workloads: &[Workload]) -> impl Iterator<Item = &[Workload]> {
    let mut rest = workloads;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |workload: &&Workload| {
            let cost = workloads::cost(workload);
            bytes += u64::from(times(cost)) * cost.1;
            bytes <= BLOCK
        };
        let count = rest.iter().take_while(fits).count().max(1).min(rest.len());
        let (block, after) = rest.split_at(count);
        rest = after;
        (!block.is_empty()).then_some(block)
    })
}

/// Adds a row for each kernel of these calls. Says whether the device was lost.
fn on_gpu<'a>(
    gpu: &Gpu,
    probes: &[Probe],
    workloads: &'a [Workload],
    every_kernel: bool,
    effort: Effort,
    bar: &ProgressBar,
    measured: &mut Vec<Measured<'a>>,
) -> Result<bool> {
    let mut ready = Vec::new();
    for workload in workloads {
        bar.set_message(workload.name.clone());
        let candidates = gpu.candidates(&workload.case.operator, &workload.shapes())?;
        let count = if every_kernel { candidates.len() } else { 1 };
        let inputs = workload.case.inputs();
        // The preferred one comes last.
        for kernel in candidates.iter().rev().take(count).map(|candidate| &candidate.name) {
            match Ready::new(gpu, workload, &inputs, kernel) {
                Ok(call) => ready.push((workload, Ok(call))),
                Err(error) => ready.push((workload, Err((kernel.clone(), error)))),
            }
        }
        if interrupted() {
            break;
        }
        bar.inc(1);
    }
    bar.set_message("in rounds");
    let calls = ready.iter().filter_map(|(_, call)| call.as_ref().ok());
    let runs = calls.map(|call| Box::new(|| call.time(gpu)) as Call<'_>);
    let mut samples = rounds::sample(probes, runs.collect(), effort)?.into_iter();
    let mut lost = false;
    for (workload, call) in ready {
        let timed = match call {
            Err(failure) => Err(failure),
            Ok(call) => match samples.next() {
                None => break,
                // Ctrl-C came before it.
                Some(Ok(samples)) if samples.runs.is_empty() => continue,
                Some(samples) => {
                    let kernel = call.row.kernel();
                    samples.and_then(|samples| call.timed(gpu, samples)).map_err(|e| (kernel, e))
                }
            },
        };
        let (row, output) = timed.map_or_else(
            |(kernel, error)| {
                lost |= matches!(error, Error::DeviceLost { .. });
                (Row { note: Some(error.to_string()), ..row(workload, &kernel) }, None)
            },
            |(row, output)| (row, Some(output)),
        );
        measured.push(Measured { workload, row, output });
    }
    Ok(lost)
}

/// A call with its tensors on the device that was run before.
struct Ready {
    row: Row,
    fault: Fault,
    prepared: Prepared,
    /// The same as often as a sample has it, each time on tensors of its own.
    repeated: Prepared,
    times: u32,
}

impl Ready {
    fn new(
        gpu: &Gpu,
        workload: &Workload,
        inputs: &[Tensor],
        kernel: &str,
    ) -> involution::Result<Self> {
        // New buffers are zero: a kernel cannot pass with what another one left in the output.
        gpu.trim();
        let upload = || -> involution::Result<Vec<GpuTensor>> {
            inputs.iter().map(|input| gpu.upload(input)).collect()
        };
        let choice = Choice::Named(kernel.to_owned());
        let prepare = |inputs: &[GpuTensor]| {
            let inputs: Vec<&GpuTensor> = inputs.iter().collect();
            gpu.prepare(&workload.case.operator, &inputs, &choice)
        };
        let uploaded = upload()?;
        let compiled = gpu.pipeline_stats().misses;
        let first = Instant::now();
        let prepared = prepare(&uploaded)?;
        gpu.submit_timed(&prepared)?;
        let compile_ms = Some(milliseconds(first.elapsed()));
        let compiled = gpu.pipeline_stats().misses - compiled;
        let times = times(workloads::cost(workload));
        let copies = (1..times).map(|_| prepare(&upload()?)).collect::<Result<Vec<_>, _>>()?;
        let repeated = prepared.then(&copies);
        gpu.submit_timed(&repeated)?;
        let row = Row { compile_ms, compiled, ..row(workload, kernel) };
        Ok(Ready { row, fault: Fault::of(&workload.name, kernel), prepared, repeated, times })
    }

    /// A sample: the mean of some runs in one submission.
    fn time(&self, gpu: &Gpu) -> involution::Result<Timing> {
        let Timing { dispatches, span, wall } = gpu.submit_timed(&self.repeated)?;
        let mean = |all: Vec<Duration>| {
            let each = all.len() / self.times as usize;
            let of = |place| all.iter().skip(place).step_by(each).sum::<Duration>() / self.times;
            (0..each).map(of).collect()
        };
        Ok(Timing {
            dispatches: dispatches.map(mean),
            span: span.map(|span| span / self.times),
            wall: wall / self.times,
        })
    }

    /// The row, and what the kernel wrote.
    fn timed(self, gpu: &Gpu, mut samples: Sampled<Timing>) -> involution::Result<(Row, Tensor)> {
        let each = f64::from(self.times);
        let cpu = samples.cpu_ms.map(|cpu| cpu.times.iter().map(|time| time / each).collect());
        samples.cpu_ms = cpu.and_then(Stats::of);
        let output = gpu.download(self.prepared.output())?;
        Ok((self.row.timed(self.fault.samples(samples)), self.fault.output(output)))
    }
}

/// A row without its times.
fn row(workload: &Workload, kernel: &str) -> Row {
    let op = &workload.case.operator;
    let dims = workload.case.shapes.iter().map(|shape| shape.dims().to_vec());
    let attributes = op.to_attributes().into_iter();
    let (flops, bytes) = workloads::cost(workload);
    Row {
        op: op.name().to_owned(),
        group: workload.group.to_owned(),
        case: workload.name.clone(),
        kernel: Some(kernel.to_owned()),
        flops,
        bytes,
        shapes: op.inputs().into_iter().map(str::to_owned).zip(dims).collect(),
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).collect(),
        ..Row::default()
    }
}

/// How often a call of so many operations and bytes is run in a sample: a short one so often that what a submission costs is
/// little of it. By the work alone, so that it is the same for every build on every machine.
fn times((flops, bytes): (u64, u64)) -> u32 {
    let fewer = |least: u64, work: u64| least.div_ceil(work.max(1)).min(MOST_TIMES);
    fewer(LEAST_FLOPS, flops).min(fewer(LEAST_BYTES, bytes)) as u32
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
        Ok(by_wall(start.elapsed()))
    };
    let Some(samples) = effort.sample(run)? else { return Ok(None) };
    let note = Some("the reference is the definition: there is nothing to check it against".into());
    let row = Row { note, ..row(workload, "reference").timed(samples) };
    Ok(Some(Measured { workload, row, output: None }))
}

/// A time by the host's clock alone.
fn by_wall(wall: Duration) -> Timing {
    Timing { dispatches: None, span: None, wall }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let runs = vec![by_wall(Duration::from_millis(2))];
        let measured = |output: Tensor| {
            let samples = Sampled { runs: runs.clone(), cpu_ms: None, waited: None, probe: None };
            let row = row(workload, "softmax").timed(samples);
            Measured { workload, row, output: Some(output) }
        };
        let mut measured = [measured(right), measured(wrong)];
        check(&mut measured);
        let [right, wrong] = measured.map(|measured| measured.row);
        assert!(right.checked && right.wall_ms.is_some());
        assert!(!wrong.checked && wrong.wall_ms.is_none() && wrong.note.is_some());
    }
}

//! Times workloads, and checks what they computed when all is timed.

use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{available_parallelism, scope};

use involution::{Error, Gpu, Result, ShapeError, StateDict, Tensor};

use crate::adapter::Runner;
use crate::output;
use crate::request::Request;
use crate::row::Row;
use crate::run::Run;
use crate::sampling::{Effort, in_turns, interrupted};
use crate::subject::{self, Subject};
use crate::workload::Workload;

/// Bytes of the tensors of single calls that are sampled in turns with each other. More than fits into most caches, so
/// that a call finds its tensors in memory.
const BLOCK: u64 = 256 << 20;

/// A row, and what is yet to be checked.
struct Measured<'a> {
    workload: &'a Workload,
    weights: Arc<StateDict>,
    row: Row,
    output: Option<Tensor>,
}

/// Times these on a device whose limits are measured first, and checks what they computed.
pub fn run(
    runner: &Runner,
    gpu: &Gpu,
    all: &[Workload],
    args: &Request,
    effort: Effort,
) -> anyhow::Result<Run> {
    let limits = gpu.limits()?;
    let rows = measure(gpu, all, effort).into_iter().map(|row| row.above(&limits));
    Ok(Run::new(runner, Some(&limits), args, rows.collect()))
}

/// A row for each workload, up to where it was interrupted or the device was lost. Rows of one base stand side by side:
/// they share weights and the reference's answer.
fn measure(gpu: &Gpu, all: &[Workload], effort: Effort) -> Vec<Row> {
    let bar = output::progress("timing", all.len());
    let mut measured = Vec::new();
    let mut weights: Option<(&str, Result<Arc<StateDict>>)> = None;
    let mut rest = all;
    while !interrupted() && !rest.is_empty() {
        let (block, after) = rest.split_at(block(rest));
        rest = after;
        let mut subjects = Vec::new();
        for workload in block.iter().take_while(|_| !interrupted()) {
            bar.set_message(workload.name.clone());
            let weights = match &weights {
                Some((base, known)) if *base == workload.base => known.clone(),
                _ => {
                    let made = workload.weights(gpu).map(Arc::new);
                    weights.insert((&workload.base, made)).1.clone()
                }
            };
            let subject = weights.clone().and_then(|it| Subject::new(gpu, workload, &it));
            subjects.push((workload, weights.unwrap_or_default(), subject));
            bar.inc(1);
        }
        let ready = subjects.iter().filter_map(|(_, _, subject)| subject.as_ref().ok());
        let mut runs: Vec<_> = ready.flat_map(Subject::runs).collect();
        let mut samples = in_turns(&mut runs, effort).into_iter();
        drop(runs);
        let mut lost = false;
        for (workload, weights, subject) in subjects {
            let found = subject.and_then(|subject| {
                let count = subject.runs().len();
                let samples = samples.by_ref().take(count).collect::<Result<Vec<_>>>()?;
                // Interrupted before its first turn.
                let none = samples.iter().any(|samples| samples.runs.is_empty());
                (!none).then(|| subject.finish(samples)).transpose()
            });
            let (row, output) = match found {
                Ok(None) => continue,
                Ok(Some((row, output))) => (row, Some(output)),
                Err(error) => {
                    lost |= matches!(cause(&error), Error::DeviceLost { .. });
                    let row = subject::row(workload);
                    let text = Some(error.to_string());
                    match is_too_large(&error) {
                        true => (Row { refused: text, ..row }, None),
                        false => (Row { note: text, ..row }, None),
                    }
                }
            };
            measured.push(Measured { workload, weights, row, output });
        }
        if lost {
            break;
        }
    }
    bar.finish_and_clear();
    check(gpu, &mut measured);
    measured.into_iter().map(|measured| measured.row).collect()
}

/// How many of these are sampled in turns: single calls for which there is room, or one row from host to host.
fn block(workloads: &[Workload]) -> usize {
    let mut bytes = 0;
    let fits = |workload: &&Workload| {
        let cost = workload.cost();
        bytes += u64::from(subject::times(cost)) * cost.1;
        bytes <= BLOCK && workload.is_resident()
    };
    workloads.iter().take_while(fits).count().max(1)
}

/// Compares outputs with the reference, which is asked once for all rows of a base: on all cores, and after the timing,
/// so as not to disturb it.
fn check(gpu: &Gpu, measured: &mut [Measured<'_>]) {
    let mut groups: Vec<&mut [Measured<'_>]> =
        measured.chunk_by_mut(|a, b| a.workload.base == b.workload.base).collect();
    // The longest is taken first, so that no core is left with one at the end.
    groups.sort_by_key(|group| group[0].row.flops / group[0].row.batch.unwrap_or(1).max(1));
    let bar = output::progress("checking", groups.len());
    let groups = Mutex::new(groups);
    let next = || groups.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let worker = || {
        while let Some(group) = next() {
            check_group(gpu, group);
            bar.inc(1);
        }
    };
    scope(|scope| {
        (0..available_parallelism().map_or(1, NonZero::get)).for_each(|_| {
            scope.spawn(worker);
        });
    });
    bar.finish_and_clear();
}

fn check_group(gpu: &Gpu, group: &mut [Measured<'_>]) {
    let mut answer = None;
    for Measured { workload, weights, row, output } in group {
        let Some(output) = output.take() else { continue };
        let answer = answer.get_or_insert_with(|| {
            let inputs = workload.inputs(gpu.profile().storage)?;
            match workload.is_resident() {
                true => workload.answer(gpu, weights, &inputs),
                false => workload.answer(gpu, weights, &workload.sample(&inputs, 0)?),
            }
        });
        match answer {
            Ok(answer) => judge(row, answer.distance(&output)),
            Err(error) => row.reject(error.to_string()),
        }
    }
}

/// Whether the row is right: by the distance of its first sample, and those that were seen before.
fn judge(row: &mut Row, first: f64) {
    let others = row.worst_over_bound.unwrap_or_default();
    row.worst_over_bound = Some(first.max(others));
    let allowed = |distance: f64| distance <= 1.0;
    row.checked = allowed(first) && allowed(others);
    if !allowed(first) {
        row.reject(format!("{first:.3e} times as far from the reference as is allowed"));
    } else if !allowed(others) {
        row.reject(format!(
            "a sample of the batch is {others:.3e} times as far as is allowed from what it gives by itself"
        ));
    }
}

/// Whether something cannot be done for its size alone.
fn is_too_large(error: &Error) -> bool {
    let overflow = |source: &ShapeError| matches!(source, ShapeError::Overflow { .. });
    match cause(error) {
        Error::Limit { .. } | Error::OutOfMemory { .. } => true,
        Error::Shape { source, .. } => overflow(source),
        _ => false,
    }
}

/// What went wrong, without the layers that it went wrong in.
fn cause(error: &Error) -> &Error {
    match error {
        Error::Layer { source, .. } => cause(source),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::stats::Stats;
    use super::*;

    #[test]
    fn a_wrong_sample_takes_the_times_away() {
        for (first, others, right) in
            [(0.5, 0.9, true), (1.5, 0.0, false), (0.0, 1.5, false), (f64::MAX, 0.5, false)]
        {
            let wall_ms = Stats::of(vec![2.0]);
            let worst_over_bound = Some(others);
            let mut row = Row { wall_ms, gflops: Some(1.0), worst_over_bound, ..Row::default() };
            judge(&mut row, first);
            assert_eq!((row.checked, row.note.is_none()), (right, right), "{first} {others}");
            assert_eq!((row.wall_ms.is_some(), row.gflops.is_some()), (right, right));
            assert_eq!(row.worst_over_bound, Some(first.max(others)));
        }
    }
}

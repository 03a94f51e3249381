//! Times workloads row by row, and checks what they computed when all is timed.

use std::sync::Arc;

use involution::ops::Op;
use involution::{Error, Gpu, Result, Shape, ShapeError, StateDict, Tensor};

use super::agreement::{self, Answer};
use super::cores;
use super::peers::Field;
use super::row::Row;
use super::sampling::{Effort, interrupted};
use super::subject::{self, Subject};
use super::workload::{Trusted, Work, Workload};
use crate::output;

/// A row for each workload, in turns with what peers there are, up to where it was interrupted or the device was lost.
/// Rows of one base stand side by side: they share weights and the reference's answer.
pub fn measure(
    gpu: &Gpu,
    workloads: &[Workload],
    effort: impl Fn(&Workload) -> Effort,
    field: &mut Field,
) -> Vec<Row> {
    let bar = output::progress("timing");
    bar.set_length(workloads.len() as u64);
    let mut measured: Vec<Measured<'_>> = Vec::new();
    'rows: for rows in workloads.chunk_by(|a, b| a.base == b.base) {
        bar.set_message(rows[0].name.clone());
        let weights = rows[0].weights(gpu).map(Arc::new);
        for workload in rows {
            bar.set_message(workload.name.clone());
            let timed = weights
                .clone()
                .and_then(|weights| time(gpu, workload, &weights, effort(workload), field));
            let lost = matches!(timed.as_ref().map_err(cause), Err(Error::DeviceLost { .. }));
            measured.extend(timed.unwrap_or_else(|error| {
                let (note, too_large) = (Some(error.to_string()), is_too_large(&error));
                let row = Row { note, too_large, ..row(workload) };
                Some(Measured { workload, weights: Arc::default(), row, first: None })
            }));
            if interrupted() || lost {
                break 'rows;
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    check(gpu, &mut measured);
    measured.into_iter().map(|measured| measured.row).collect()
}

/// A row, and what is yet to be checked: what it made of the first sample.
struct Measured<'a> {
    workload: &'a Workload,
    weights: Arc<StateDict>,
    row: Row,
    first: Option<Tensor>,
}

/// Times a row and compares the samples of its batch with runs by themselves; nothing where it was interrupted.
fn time<'a>(
    gpu: &Gpu,
    workload: &'a Workload,
    weights: &Arc<StateDict>,
    effort: Effort,
    field: &mut Field,
) -> Result<Option<Measured<'a>>> {
    let inputs = workload.inputs()?;
    field.load(workload);
    let make = || match &workload.work {
        Work::Operator(op) => Ok(Subject::Operator(gpu.clone(), op.clone())),
        Work::Layer(layer) => {
            let (layer, weights) = (layer.clone(), StateDict::clone(weights));
            let network = match workload.fused {
                true => gpu.load_shared(layer, weights),
                false => gpu.load_unfused(layer, weights),
            };
            network.map(Subject::Network)
        }
    };
    let timed = subject::time(gpu, make, &inputs, effort, field, row(workload))?;
    let Some((subject, row, output)) = timed else { return Ok(None) };
    let shapes: Vec<&Shape> = workload.shapes.iter().collect();
    let (kernels, dispatches) = subject.kernels(&shapes)?;
    let tolerance = workload.tolerance;
    let peers = field.results(&output, tolerance, row.wall_ms.as_ref());
    let others = agreement::with_single_runs(&subject, &inputs, &output, tolerance)?;
    let mut row = Row { kernels, dispatches, peers, worst_over_bound: Some(others), ..row };
    row.kernel = Some(row.kernel());
    Ok(Some(Measured {
        workload,
        weights: weights.clone(),
        row,
        first: Some(agreement::sample(&output, 0)?),
    }))
}

/// Compares the first samples with the reference, which is asked once for all batches of a row.
fn check(gpu: &Gpu, measured: &mut [Measured<'_>]) {
    let mut rows: Vec<&mut [Measured<'_>]> =
        measured.chunk_by_mut(|a, b| a.workload.base == b.workload.base).collect();
    // The longest first, so that no core is left with one at the end.
    rows.sort_by_key(|rows| {
        rows.first().map_or(0, |first| first.row.flops / first.row.batch.unwrap_or(1).max(1))
    });
    cores::each("checking", rows, |rows| {
        let mut answer = None;
        for Measured { workload, weights, row, first } in rows {
            let Some(first) = first.take() else { continue };
            match answer.get_or_insert_with(|| self::answer(gpu, workload, weights)) {
                Ok(answer) => judge(row, answer.distance(&first)),
                Err(error) => row.reject(error.to_string()),
            }
        }
    });
}

/// Whether a row is right: by the distance of its first sample, and the largest of the others, in multiples of what is
/// allowed.
fn judge(row: &mut Row, first: f64) {
    let others = row.worst_over_bound.unwrap_or_default();
    row.worst_over_bound = Some(first.max(others));
    row.checked = first <= 1.0 && others <= 1.0;
    if first > 1.0 {
        row.reject(format!("{first:.3e} times as far from the reference as is allowed"));
    } else if others > 1.0 {
        row.reject(format!(
            "a sample of the batch is {others:.3e} times as far as is allowed from what it gives by itself"
        ));
    }
}

/// What the reference makes of the first sample.
fn answer(gpu: &Gpu, workload: &Workload, weights: &StateDict) -> Result<Answer> {
    let inputs = workload.inputs()?;
    let first: Vec<Tensor> =
        inputs.iter().map(|input| agreement::sample(input, 0)).collect::<Result<_>>()?;
    drop(inputs);
    match (&workload.work, workload.trusted) {
        (Work::Operator(op), _) => Answer::of_operator(op, &first),
        (Work::Layer(layer), Trusted::Reference) => {
            Answer::of_layer(layer.as_ref(), weights, &first[0], workload.tolerance)
        }
        (Work::Layer(layer), Trusted::GeneralKernels) => {
            let layer = layer.as_ref();
            Answer::of_general_kernels(gpu, layer, weights, &first[0], workload.tolerance)
        }
    }
}

/// A row without its times.
pub fn row(workload: &Workload) -> Row {
    let dims = |shape: &Shape| shape.dims().to_vec();
    let (op, inputs) = match &workload.work {
        Work::Operator(op) => (op.name().to_owned(), op.inputs().to_vec()),
        Work::Layer(layer) => (layer.name(), vec!["x"]),
    };
    let (flops, bytes) = cost(workload).unwrap_or_default();
    let inputs = inputs.into_iter().map(str::to_owned);
    Row {
        op,
        group: workload.family().to_owned(),
        case: workload.name.clone(),
        batch: workload.shapes[0].dims().first().map(|&batch| batch as u64),
        fused: Some(workload.fused),
        flops,
        bytes,
        shapes: inputs.zip(workload.shapes.iter().map(dims)).collect(),
        ..Row::default()
    }
}

/// Floating-point operations, and bytes of inputs, output and parameters.
fn cost(workload: &Workload) -> Result<(u64, u64)> {
    let elements = |shape: &Shape| shape.dims().iter().product::<usize>() as u64;
    let shapes: Vec<&Shape> = workload.shapes.iter().collect();
    match &workload.work {
        Work::Operator(op) => {
            let cost = op.cost(&shapes).map_err(Error::at(op.name()))?;
            Ok((cost.flops, cost.bytes))
        }
        Work::Layer(layer) => {
            let plan = layer.plan(shapes[0])?.keep(&[layer.output()])?;
            let output = elements(&layer.output_shape(shapes[0])?);
            let values = elements(shapes[0]) + output + plan.parameters();
            Ok((2 * plan.macs()?, 4 * values))
        }
    }
}

/// Whether something cannot be done for its size alone.
pub fn is_too_large(error: &Error) -> bool {
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

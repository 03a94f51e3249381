//! Times workloads row by row, and checks what they computed when all is timed.

use std::sync::Arc;

use involution::{Error, Gpu, Result, Shape, StateDict, Tensor};

use super::agreement::{self, Answer};
use super::cores;
use super::peers::Field;
use super::row::{Row, cause};
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
                let row = Row::failed(workload, &error);
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
    let Some((subject, times, output)) = subject::time(gpu, make, &inputs, effort, field)? else {
        return Ok(None);
    };
    let shapes: Vec<&Shape> = workload.shapes.iter().collect();
    let (kernels, dispatches) = subject.kernels(&shapes)?;
    let tolerance = workload.tolerance;
    let peers = field.results(&output, tolerance, times.wall_ms.as_ref());
    let others = agreement::with_single_runs(&subject, &inputs, &output, tolerance)?;
    let row = Row { kernels, dispatches, peers, ..Row::new(workload) }.timed(times).apart(others);
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
    rows.sort_by_key(|rows| rows.first().map_or(0, |first| first.row.flops / first.row.batch));
    cores::each("checking", rows, |rows| {
        let mut answer = None;
        for Measured { workload, weights, row, first } in rows {
            let Some(first) = first.take() else { continue };
            match answer.get_or_insert_with(|| self::answer(gpu, workload, weights)) {
                Ok(answer) => row.judge(answer.distance(&first)),
                Err(error) => row.reject(error.to_string()),
            }
        }
    });
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

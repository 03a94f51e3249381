//! The suite `peers`: operators, layers and networks from host to host, as other libraries are timed, and on
//! tensors that stay on the device.

mod catalogue;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use involution::{Error, Gpu, Operator, Shape, StateDict, Tensor};

use super::agreement::{self, Answer};
use super::findings::Header;
use super::sampling::{self, Effort, interrupted};
use super::subject::{self, Subject};
use super::{Args, cores, filtered, random};
use crate::adapter::Runner;
use crate::output;
use catalogue::{Work, Workload};
use report::{Report, Row};

/// Samples that will do after so much time, as where the others are timed.
const LEAST_SAMPLES: usize = 5;
const ENOUGH: Duration = Duration::from_secs(6);

/// The rows that a filter selects.
pub fn select(filter: &[String]) -> Result<Vec<Workload>> {
    filtered(catalogue::all()?, filter, |workload| &workload.name)
}

/// Times these rows and checks what they computed.
pub fn measure(runner: &Runner, gpu: &Gpu, workloads: &[Workload], args: &Args) -> Result<Report> {
    let start = Instant::now();
    sampling::listen()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let bar = output::progress("timing");
    bar.set_length(workloads.len() as u64);
    let mut measured: Vec<Measured<'_>> = Vec::new();
    'rows: for rows in workloads.chunk_by(|a, b| a.base == b.base) {
        bar.set_message(rows[0].name.clone());
        let weights = Arc::new(weights(gpu, &rows[0])?);
        for workload in rows {
            bar.set_message(workload.name.clone());
            let mut lost = false;
            match time(gpu, workload, &weights, effort) {
                Ok(timed) => measured.extend(timed),
                Err(error) => {
                    lost = matches!(error, Error::DeviceLost { .. });
                    measured.push(Measured::failed(workload, &weights, &error));
                }
            }
            if interrupted() || lost {
                break 'rows;
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    check(&mut measured);
    Ok(Report {
        header: Header::new(runner, args, start),
        rows: measured.into_iter().map(|measured| measured.row).collect(),
    })
}

/// A row, and what is yet to be checked: what it made of the first sample.
struct Measured<'a> {
    workload: &'a Workload,
    weights: Arc<StateDict>,
    row: Row,
    first: Option<Tensor>,
}

impl<'a> Measured<'a> {
    fn failed(workload: &'a Workload, weights: &Arc<StateDict>, error: &Error) -> Self {
        let row = Row { note: Some(error.to_string()), ..Row::new(workload) };
        Measured { workload, weights: weights.clone(), row, first: None }
    }
}

/// Times a row and compares the samples of its batch with runs by themselves; nothing where it was interrupted.
fn time<'a>(
    gpu: &Gpu,
    workload: &'a Workload,
    weights: &Arc<StateDict>,
    effort: Effort,
) -> involution::Result<Option<Measured<'a>>> {
    let inputs = inputs(workload)?;
    let make = || match &workload.work {
        Work::Operator(op) => Ok(Subject::Operator(gpu.clone(), op.clone())),
        Work::Layer(layer) => {
            gpu.load_shared(layer.clone(), StateDict::clone(weights)).map(Subject::Network)
        }
    };
    let Some((subject, times, output)) = subject::time(gpu, make, &inputs, effort)? else {
        return Ok(None);
    };
    let shapes: Vec<&Shape> = workload.shapes.iter().collect();
    let (kernels, dispatches) = subject.kernels(&shapes)?;
    let tolerance = workload.tolerance;
    let others = agreement::with_single_runs(&subject, &inputs, &output, tolerance)?;
    let row = Row { kernels, dispatches, ..Row::new(workload) }.timed(times).apart(others);
    Ok(Some(Measured {
        workload,
        weights: weights.clone(),
        row,
        first: Some(agreement::sample(&output, 0)?),
    }))
}

/// Batches whose samples do not depend on how many there are.
fn inputs(workload: &Workload) -> involution::Result<Vec<Tensor>> {
    let seed = random::seed(&workload.base);
    let inputs = workload.shapes.iter().zip(1..);
    inputs.map(|(shape, place)| random::tensor(shape, seed.wrapping_mul(place))).collect()
}

/// The weights of a row's layer; none for an operator.
fn weights(gpu: &Gpu, workload: &Workload) -> involution::Result<StateDict> {
    match &workload.work {
        Work::Operator(_) => Ok(StateDict::new()),
        Work::Layer(layer) => {
            let seed = random::seed(&workload.base);
            let run = |op: &Operator, inputs: &[&Tensor]| gpu.run(op.clone(), inputs);
            random::weights(layer.as_ref(), &workload.shapes[0], seed, &run)
        }
    }
}

/// Compares the first samples with the reference, which is asked once for all batches of a row.
fn check(measured: &mut [Measured<'_>]) {
    let mut rows: Vec<&mut [Measured<'_>]> =
        measured.chunk_by_mut(|a, b| a.workload.base == b.workload.base).collect();
    // The longest first, so that no core is left with one at the end.
    rows.sort_by_key(|rows| rows.first().map_or(0, |first| first.row.flops / first.row.batch));
    cores::each("checking", rows, |rows| {
        let mut answer = None;
        for Measured { workload, weights, row, first } in rows {
            let Some(first) = first.take() else { continue };
            match answer.get_or_insert_with(|| self::answer(workload, weights)) {
                Ok(answer) => row.judge(answer.distance(&first)),
                Err(error) => row.reject(error.to_string()),
            }
        }
    });
}

/// What the reference makes of the first sample.
fn answer(workload: &Workload, weights: &StateDict) -> involution::Result<Answer> {
    let inputs = inputs(workload)?;
    let first: Vec<Tensor> = inputs
        .iter()
        .map(|input| agreement::sample(input, 0))
        .collect::<involution::Result<_>>()?;
    drop(inputs);
    match &workload.work {
        Work::Operator(op) => Answer::of_operator(op, &first),
        Work::Layer(layer) => {
            Answer::of_layer(layer.as_ref(), weights, &first[0], workload.tolerance)
        }
    }
}

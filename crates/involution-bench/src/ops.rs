//! The suite `ops`: single calls on tensors that stay on the device, each kernel by itself.

use std::time::{Duration, Instant};

use anyhow::Result;
use involution::ops::Op;
use involution::{Gpu, reference};
use involution_check::verify::{Settings, verify};

use super::record::{Answers, Run};
use super::request::Request;
use super::row::Row;
use super::sampling::{self, Effort, by_wall, in_turns, interrupted};
use super::selection::selected;
use super::workload::{LAYER, Trusted, Work, Workload};
use super::{rows, subject};
use crate::adapter::Runner;
use crate::workloads::{self, Workload as Call};

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 3;
const ENOUGH: Duration = Duration::from_millis(300);

/// The calls that the arguments ask for.
pub fn select(args: &Request) -> Result<Vec<Call>> {
    let wanted = |call: &Call| {
        let name = call.case.operator.name();
        (args.ops.is_empty() || args.ops.iter().any(|wanted| wanted == name))
            && (call.quick || !args.quick)
    };
    let calls = workloads::all()?.into_iter().filter(wanted);
    let calls: Vec<Call> = match args.batch.as_slice() {
        [] => calls.collect(),
        batches => calls
            .flat_map(|call| batches.iter().map(move |&batch| call.in_batches_of(batch)))
            .collect(),
    };
    selected(calls, args, |call| &call.name, |call| &call.case.shapes[0])
}

/// Times these calls; on the reference only those that it is not too slow for.
pub fn measure(runner: &Runner, calls: Vec<Call>, args: &Request) -> Result<Run> {
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let Some(gpu) = runner.gpu() else {
        let start = Instant::now();
        sampling::listen()?;
        let settings = Settings { operators: args.ops.clone(), ..Settings::default() };
        let report = verify(None, &settings, &mut |_, _| {})?;
        let answers = Answers { cases: report.cases, failures: report.failures.len() };
        let run = Run::new(runner, None, args, start, by_reference(&calls, effort)?);
        return Ok(Run { quick: true, known_answers: Some(answers), ..run });
    };
    let mut workloads = Vec::new();
    for call in &calls {
        workloads.extend(by_candidates(gpu, call, args.candidates)?);
    }
    rows::run(runner, gpu, &workloads, args, |_| effort)
}

/// The call by its preferred candidate, or by every one, the preferred one first.
fn by_candidates(gpu: &Gpu, call: &Call, all: bool) -> Result<Vec<Workload>> {
    let candidates = gpu.candidates(&call.case.operator, &call.shapes())?;
    let count = if all { candidates.len() } else { 1 };
    let candidates = candidates.iter().rev().take(count);
    Ok(candidates.map(|candidate| workload(call, &candidate.name)).collect())
}

fn workload(call: &Call, kernel: &str) -> Workload {
    Workload {
        name: call.name.clone(),
        base: call.name.clone(),
        group: call.group.to_owned(),
        work: Work::Resident(call.case.operator.clone(), kernel.to_owned()),
        shapes: call.case.shapes.clone(),
        trusted: Trusted::Reference,
        tolerance: LAYER,
    }
}

fn by_reference(calls: &[Call], effort: Effort) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for call in calls.iter().filter(|call| call.quick && call.suits_reference()) {
        let workload = workload(call, "reference");
        let inputs = workload.inputs()?;
        let run = by_wall(|| reference::run(&call.case.operator, &inputs), drop);
        for samples in in_turns(&mut [run], effort) {
            let row = subject::row(&workload).timed(samples?);
            let note = "the reference is the definition: there is nothing to check it against";
            rows.push(Row { note: Some(note.to_owned()), ..row });
        }
        if interrupted() {
            break;
        }
    }
    Ok(rows)
}

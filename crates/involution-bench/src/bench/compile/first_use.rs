//! What a process of the suite `compile` does: uses some calls, or a network, for the first time.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Result;
use involution::gpu::{Choice, GpuTensor};
use involution::models::{self, Model};
use involution::{Error, Gpu, StateDict, Tensor};
use involution_check::{compare, expected};
use serde::{Deserialize, Serialize};

use super::super::cores;
use super::super::stats::milliseconds;
use crate::adapter::Flags;
use crate::workloads::{self, Workload};
use crate::{Outcome, bad_use, output};

/// What a network's head gives for an input of zeros and weights of zeros, but for its bias: that.
const BIAS: f32 = 0.75;

#[derive(Debug, clap::Args)]
pub struct Args {
    names: Vec<String>,
}

/// The first use of something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct First {
    pub name: String,
    pub kernel: String,
    pub ms: f64,
    /// What is wrong with the answer.
    pub wrong: Option<String>,
}

pub fn run(flags: &Flags, args: &Args) -> Result<Outcome> {
    let runner = flags.open()?;
    let gpu = runner.gpu().ok_or_else(|| bad_use("first-use needs a GPU"))?;
    let known = workloads::all()?;
    let mut firsts = Vec::new();
    let mut unchecked = Vec::new();
    for name in &args.names {
        match known.iter().find(|workload| workload.name == *name) {
            Some(workload) => {
                // What an earlier call compiled is not used for the first time.
                if let Some((first, output)) = call(gpu, workload)? {
                    unchecked.push((firsts.len(), workload, output));
                    firsts.push(first);
                }
            }
            None => firsts.push(network(gpu, name)?),
        }
    }
    let wrong = Mutex::new(Vec::new());
    cores::each("checking", unchecked, |(place, workload, output)| {
        if let (Some(why), Ok(mut wrong)) = (misses(workload, &output), wrong.lock()) {
            wrong.push((place, why));
        }
    });
    for (place, why) in wrong.into_inner().unwrap_or_default() {
        firsts[place].wrong = Some(why);
    }
    output::print(&output::json(&firsts)?)?;
    Ok(Outcome::Passed)
}

/// The first use of a call with what it gave; nothing where it compiled nothing.
fn call(gpu: &Gpu, workload: &Workload) -> Result<Option<(First, Tensor)>> {
    let op = &workload.case.operator;
    let inputs = workload.case.inputs();
    let tensors: Vec<GpuTensor> =
        inputs.iter().map(|input| gpu.upload(input)).collect::<involution::Result<_>>()?;
    let tensors: Vec<&GpuTensor> = tensors.iter().collect();
    let compiled = gpu.pipeline_stats().misses;
    let start = Instant::now();
    let prepared = gpu.prepare(op, &tensors, &Choice::Preferred)?;
    gpu.submit_timed(&prepared)?;
    let ms = milliseconds(start.elapsed());
    if gpu.pipeline_stats().misses == compiled {
        return Ok(None);
    }
    let (name, kernel) = (workload.name.clone(), prepared.candidate().to_owned());
    Ok(Some((First { name, kernel, ms, wrong: None }, gpu.download(prepared.output())?)))
}

fn misses(workload: &Workload, output: &Tensor) -> Option<String> {
    let inputs = workload.case.inputs();
    match expected(&workload.case.operator, &inputs.iter().collect::<Vec<_>>()) {
        Err(error) => Some(error.to_string()),
        Ok(want) => {
            let comparison = compare(&want, output);
            let worst = comparison.worst_over_bound;
            (!comparison.passed()).then(|| format!("{worst:.3e} times as far off as is allowed"))
        }
    }
}

/// The first run of a network, from its weights. With zeros for all but the bias of its head, that is its answer.
fn network(gpu: &Gpu, name: &str) -> Result<First> {
    let model: Arc<dyn Model> = models::by_name(name, None)?.into();
    let x = model.preprocessing().input(1);
    let plan = model.plan(&x)?;
    let head = plan.weights().iter().rfind(|weight| weight.name.ends_with("bias"));
    let head = head.map(|weight| weight.name.clone());
    let weights = plan.weights().iter().map(|weight| {
        let value = if Some(&weight.name) == head.as_ref() { BIAS } else { 0.0 };
        let tensor = Tensor::filled(weight.shape.clone(), value).map_err(Error::at("weights"))?;
        Ok((weight.name.clone(), tensor))
    });
    let weights: StateDict = weights.collect::<involution::Result<_>>()?;
    let input = Tensor::filled(x.clone(), 0.0).map_err(Error::at("x"))?;
    let start = Instant::now();
    let network = gpu.load_shared(model, weights)?;
    let output = network.run(&input)?;
    let ms = milliseconds(start.elapsed());
    let right = !output.data().is_empty() && output.data().iter().all(|&value| value == BIAS);
    let wrong = (!right).then(|| "the answer is not the bias of its head".to_owned());
    let dispatches = network.dispatches(&x, &[network.layer().output()])?.len();
    Ok(First { name: name.to_owned(), kernel: output::count(dispatches, "dispatch"), ms, wrong })
}

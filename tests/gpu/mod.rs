//! The engine: what it compiles, allocates, cuts, folds and refuses, and how it fails.

mod budget;
mod copies;
mod folding;
mod half;
mod limits;
mod limits_measured;
mod lost;
mod matrices;
#[cfg(feature = "pipeline-cache")]
mod pipeline_cache;
mod pipelines;
mod pool;
mod special;
mod threads;
mod trips;
mod warm_up;

use involution::gpu::{Choice, Gpu};
use involution::ops::{Conv2d, Operator};
use involution::{Result, Tensor};

use crate::harness::numbers;

/// A convolution and its inputs, for tests that need any work at all.
fn some_work() -> (Operator, Vec<Tensor>) {
    let conv = Conv2d { padding: 1.into(), bias: true, ..Conv2d::default() };
    let tensors = [
        numbers([3, 6, 9, 8], 1).to_tensor(),
        numbers([4, 6, 3, 3], 2).to_tensor(),
        numbers([4], 3).to_tensor(),
    ];
    (conv.into(), tensors.map(|tensor| tensor.unwrap()).to_vec())
}

/// Uploads, runs one candidate as it is (without the guard's slack), and downloads.
fn run(gpu: &Gpu, op: &Operator, inputs: &[&Tensor], choice: &Choice) -> Result<Tensor> {
    let uploaded = inputs.iter().map(|input| gpu.upload(input)).collect::<Result<Vec<_>>>()?;
    let prepared = gpu.prepare(op, &uploaded.iter().collect::<Vec<_>>(), choice)?;
    gpu.submit(&prepared)?;
    gpu.download(prepared.output())
}

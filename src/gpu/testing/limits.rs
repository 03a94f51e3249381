//! What an adapter can do at most, measured: how fast it copies and multiplies, and what it costs to start
//! work. No kernel is faster than both; how near one comes is told by its fraction of them.

use std::time::{Duration, Instant};

use super::super::device::tensor::GpuTensor;
use super::super::device::transfer::upload;
use super::super::handle::Gpu;
use super::super::program::dispatch::{Dispatch, record, time};
use crate::error::{Error, Result};
use crate::kernels::{Grid, KernelCall, MOST_TRIPS, Operand, Params};
use crate::ops::Cost;
use crate::shaders::Kernel;
use crate::shaders::probe::{COPY, MULTIPLY_ADD};
use crate::shape::Shape;
use crate::tensor::{DType, Tensor};

/// Names the measurement in errors.
const LIMITS: &str = "limits";

/// Values that an invocation of `probe/copy` copies.
const COPIED: usize = 16;

/// Multiply-adds in a round of `probe/multiply_add`.
const ROUND: usize = 48;

/// How often each figure is taken; the best counts.
const REPEATS: usize = 7;

/// Kernels that run for less are repeated with more work.
const LONG_ENOUGH: Duration = Duration::from_millis(20);

/// Dispatches over which the cost of one is averaged.
const DISPATCHES: usize = 100;

/// The measured limits of an adapter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Bytes a second that are read and written by a copy of 64 MiB, each byte counted twice.
    pub copy: f64,
    /// Single-precision operations a second, a multiply-add counted as two.
    pub multiply_add: f64,
    /// From one dispatch of a single workgroup to the next, in one submission.
    pub dispatch: Duration,
    /// From recording an empty piece of work until the host knows that it is done.
    pub submission: Duration,
}

impl Limits {
    /// The least time for work of this cost, and whether it is the arithmetic that takes it.
    pub fn floor(&self, cost: Cost) -> (Duration, Bound) {
        let compute = cost.flops as f64 / self.multiply_add;
        let memory = cost.bytes as f64 / self.copy;
        let bound = if compute > memory { Bound::Arithmetic } else { Bound::Memory };
        (Duration::from_secs_f64(compute.max(memory)), bound)
    }
}

/// What bounds the time of a call from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Multiply-adds.
    Arithmetic,
    /// Bytes to be moved.
    Memory,
}

/// A copy of so many elements.
pub(crate) fn copying(elements: usize) -> Result<KernelCall> {
    let grid = Grid::Invocations(elements.div_ceil(COPIED));
    call(&COPY, &[("fours", elements / 4)], grid, 0)
}

/// So many rounds of multiply-adds in each invocation.
pub(crate) fn multiplying(invocations: usize, rounds: usize) -> Result<KernelCall> {
    let sizes = [("invocations", invocations), ("rounds", rounds)];
    call(&MULTIPLY_ADD, &sizes, Grid::Invocations(invocations), rounds)
}

fn call(
    kernel: &'static Kernel,
    sizes: &[(&'static str, usize)],
    grid: Grid,
    trips: usize,
) -> Result<KernelCall> {
    Ok(KernelCall {
        kernel,
        variant: kernel.variants[0],
        params: Params::sizes(sizes).map_err(Error::at(LIMITS))?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid,
        trips,
    })
}

impl Gpu {
    /// Measures the adapter; takes about a second.
    pub fn limits(&self) -> Result<Limits> {
        let small = self.copying(COPIED)?;
        let submission = self.best_wall(&small[..1])?;
        let many = self.best_wall(&small)?;
        let dispatch = many.saturating_sub(submission) / (DISPATCHES as u32 - 1);
        let elements = self.copied_elements();
        let large = self.copying(elements)?;
        let copy = self.best(&large[..1])?.as_secs_f64();
        Ok(Limits {
            copy: 8.0 * elements as f64 / copy,
            multiply_add: self.multiply_add_rate()?,
            dispatch,
            submission,
        })
    }

    /// 64 MiB, or what can be bound.
    fn copied_elements(&self) -> usize {
        let bytes = self.0.context.driver.limits.max_storage_buffer_binding_size.min(64 << 20);
        bytes as usize / 64 * 16
    }

    /// Copies of so many elements.
    fn copying(&self, elements: usize) -> Result<Vec<Dispatch>> {
        let shape = Shape::from([elements]);
        let x = self.single(&Tensor::filled([elements], 1.0).map_err(Error::at(LIMITS))?)?;
        let out = self.0.context.window(&shape, DType::F32, [0, 0], LIMITS, "the copy")?;
        self.bound(&copying(elements)?, &x, &out, DISPATCHES)
    }

    /// Enough for every lane of the largest; a software adapter has few.
    pub(crate) fn multiplying_invocations(&self) -> usize {
        if self.adapter().software { 1 << 12 } else { 1 << 20 }
    }

    fn multiply_add_rate(&self) -> Result<f64> {
        let invocations = self.multiplying_invocations();
        // The chains settle at 1, far from overflow and from subnormal numbers.
        let x = Tensor::new(Shape::from([2]), vec![0.5, 0.5]).map_err(Error::at(LIMITS))?;
        let x = self.single(&x)?;
        let shape = Shape::from([invocations]);
        let out = self.0.context.window(&shape, DType::F32, [0, 0], LIMITS, "the sums")?;
        let mut rounds = 64;
        loop {
            let call = multiplying(invocations, rounds)?;
            let best = self.best(&self.bound(&call, &x, &out, 1)?)?;
            if best >= LONG_ENOUGH || rounds >= MOST_TRIPS {
                return Ok(2.0 * (ROUND * rounds * invocations) as f64 / best.as_secs_f64());
            }
            rounds *= 4;
        }
    }

    /// A tensor in single precision, whatever the device stores.
    fn single(&self, tensor: &Tensor) -> Result<GpuTensor> {
        upload(&self.0.context, &tensor.into(), DType::F32)
    }

    fn bound(
        &self,
        call: &KernelCall,
        x: &GpuTensor,
        out: &GpuTensor,
        count: usize,
    ) -> Result<Vec<Dispatch>> {
        let to = (out.lease.clone(), out.bytes());
        let mut binder = self.binder(LIMITS)?;
        for _ in 0..count {
            binder.push_once(call, x, &to)?;
        }
        Ok(binder.finish()?.dispatches)
    }

    /// The shortest time of a submission on the device's clock, or the host's where it has none.
    fn best(&self, dispatches: &[Dispatch]) -> Result<Duration> {
        let mut best = Duration::MAX;
        for _ in 0..REPEATS {
            let timing = time(&self.0.context, LIMITS, dispatches)?;
            best = best.min(timing.gpu().unwrap_or(timing.wall));
        }
        Ok(best)
    }

    /// The shortest time from recording until the host knows that it is done.
    fn best_wall(&self, dispatches: &[Dispatch]) -> Result<Duration> {
        let mut best = Duration::MAX;
        for _ in 0..REPEATS {
            let start = Instant::now();
            let submission = record(&self.0.context, LIMITS, dispatches, None)?;
            self.0.context.driver.wait(Some(submission))?;
            best = best.min(start.elapsed());
        }
        Ok(best)
    }
}

//! How fast the device is just now: small pieces of work that are always the same, to be timed beside what is of interest.
//! Clocks rise and fall, and other programs take what is shared; against the probes beside it a time stays.

use std::sync::Arc;

use super::super::device::pool::Lease;
use super::super::device::timestamps::Timing;
use super::super::handle::Gpu;
use super::super::program::binder::Bound;
use super::super::program::dispatch::{Dispatch, time};
use super::limits::{copying, loading, multiplying};
use crate::error::{Error, Result, ShapeError};
use crate::kernels::KernelCall;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Names the probes in errors.
const PROBE: &str = "probe";

/// Rounds of multiply-adds and of loads of each invocation, and elements that are copied: some tenths of a
/// millisecond each in software.
const MULTIPLIED: usize = 32;
const LOADED: usize = 128;
const COPIED: usize = 1 << 17;

/// One kind of work.
#[derive(Debug)]
pub struct Probe {
    name: &'static str,
    gpu: Gpu,
    dispatches: Vec<Dispatch>,
    /// Lent as long as the bind groups name them.
    _leases: Vec<Arc<Lease>>,
}

impl Probe {
    /// What it does: `multiply_add` in registers, `copy`, or `loads` of single values.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs it once and waits for it.
    pub fn time(&self) -> Result<Timing> {
        time(&self.gpu.0.context, PROBE, &self.dispatches, true)
    }

    fn new(
        gpu: &Gpu,
        name: &'static str,
        call: &KernelCall,
        x: Result<Tensor, ShapeError>,
        elements: usize,
    ) -> Result<Self> {
        let x = gpu.upload(&x.map_err(Error::at(PROBE))?)?;
        let out = gpu.0.context.empty(&Shape::from([elements]), PROBE, "the output")?;
        let mut binder = gpu.binder(PROBE)?;
        binder.push_once(call, &x, &(out.lease.clone(), out.bytes()))?;
        let Bound { dispatches, leases, .. } = binder.finish()?;
        Ok(Probe { name, gpu: gpu.clone(), dispatches, _leases: leases })
    }
}

impl Gpu {
    /// Makes one probe for each kind of work, the same for every version of this library on an adapter of this kind.
    pub fn probes(&self) -> Result<Vec<Probe>> {
        let invocations = self.multiplying_invocations();
        let ones = |count| Tensor::filled([count], 1.0);
        let factor = Tensor::filled([2], 0.5);
        let multiplying = multiplying(invocations, MULTIPLIED)?;
        let loading = loading(invocations, LOADED)?;
        Ok(vec![
            Probe::new(self, "multiply_add", &multiplying, factor, invocations)?,
            Probe::new(self, "copy", &copying(COPIED)?, ones(COPIED), COPIED)?,
            Probe::new(self, "loads", &loading, ones(invocations + LOADED), invocations)?,
        ])
    }
}

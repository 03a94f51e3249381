//! How fast the device is just now: a small piece of work that is always the same, to be timed beside what is of interest.
//! Clocks rise and fall, and other programs take what is shared; a time as a multiple of the probe's beside it stays.

use std::sync::Arc;

use super::Gpu;
use super::bind::{Binder, Bound};
use super::buffers::Lease;
use super::execute::Dispatch;
use super::limits::{copying, multiplying};
use super::profile::Timing;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Names the probe in errors.
const PROBE: &str = "probe";

/// Rounds of multiply-adds of each invocation, and elements that are copied: about a millisecond each in software.
const ROUNDS: usize = 64;
const COPIED: usize = 1 << 18;

/// Some multiply-adds in registers, and a copy.
#[derive(Debug)]
pub struct Probe {
    gpu: Gpu,
    dispatches: Vec<Dispatch>,
    /// Lent as long as the bind groups name them.
    _leases: Vec<Arc<Lease>>,
}

impl Probe {
    /// Runs it once and waits for it. Its dispatches are the multiply-adds and the copy.
    pub fn time(&self) -> Result<Timing> {
        self.gpu.time(PROBE, &self.dispatches)
    }
}

impl Gpu {
    /// Makes a probe, the same for every version of this library on an adapter of this kind.
    pub fn probe(&self) -> Result<Probe> {
        let invocations = self.multiplying_invocations();
        let upload = |data: Tensor| self.upload(&data);
        let factor = upload(Tensor::filled([2], 0.5).map_err(Error::at(PROBE))?)?;
        let sums = self.empty(&Shape::from([invocations]), PROBE, "the sums")?;
        let from = upload(Tensor::filled([COPIED], 1.0).map_err(Error::at(PROBE))?)?;
        let to = self.empty(&Shape::from([COPIED]), PROBE, "the copy")?;
        let mut binder = Binder::new(self, PROBE)?;
        for (call, from, to) in
            [(multiplying(invocations, ROUNDS)?, &factor, &sums), (copying(COPIED)?, &from, &to)]
        {
            binder.push_once(&call, from, &(to.lease.clone(), to.bytes()))?;
        }
        let Bound { dispatches, leases, .. } = binder.finish()?;
        Ok(Probe { gpu: self.clone(), dispatches, _leases: leases })
    }
}

//! Hooks for tests and benchmarks.

pub mod limits;

use std::sync::atomic::Ordering;

use super::device::options::{Options, Precision};
use super::handle::Gpu;
use crate::error::Result;

impl Gpu {
    /// Opens its adapter once more, for single precision.
    pub fn in_single_precision(&self) -> Result<Gpu> {
        Gpu::open(&Options { precision: Precision::F32, ..self.0.context.options.clone() })
    }

    /// Destroys the device, as a driver reset would: every later call is an
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn destroy(&self) {
        self.0.context.driver.destroy();
    }

    /// Submissions of kernels since the start. A call or a run of a network is one, but where it would take
    /// the device longer than [`Options::submission_budget`](super::Options::submission_budget).
    pub fn submissions(&self) -> u64 {
        self.0.context.submissions.load(Ordering::Relaxed)
    }
}

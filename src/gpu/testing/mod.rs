//! What only tests and benchmarks ask of a device.

pub mod limits;
pub(super) mod probe;

use std::sync::atomic::Ordering;

use super::device::timestamps::Timing;
use super::handle::Gpu;
use super::network::Network;
use crate::error::Result;
use crate::shape::Shape;

impl Gpu {
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

impl Network {
    /// Runs the prepared plan on whatever its input holds, waits, and says how long it took by the host's clock alone, with
    /// all dispatches in one pass as in [`Network::run`]. Timestamps take a pass for each dispatch; the difference to
    /// [`Network::time`] is what they cost.
    pub fn time_whole(&self, x: &Shape, outputs: &[&str]) -> Result<Timing> {
        self.time_as(x, outputs, false)
    }
}

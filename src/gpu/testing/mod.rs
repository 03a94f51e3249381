//! What only tests and benchmarks ask of a device.

pub mod limits;

use std::sync::atomic::Ordering;

use super::handle::Gpu;

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

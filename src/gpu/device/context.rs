//! A device with its memory and the work that is on its way: what everything above takes to reach it.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::driver::Driver;
use super::options::Options;
use super::pool::{Lease, Pool, Use};
use super::tensor::GpuTensor;
use crate::error::{Error, Result};
use crate::shape::Shape;
use crate::tensor::DType;

/// The work of a submission where the options do not say. Windows resets a device that is busy with one for two
/// seconds, and a display that it drives stands still meanwhile.
const BUDGET: Duration = Duration::from_millis(500);

/// Submissions that the host may be ahead of the device.
const MAX_IN_FLIGHT: usize = 64;

/// Pieces of uploads that the device may have before it: what bounds the staging.
const PIECES_AHEAD: usize = 16;

/// An open device and what is on its way to it.
#[derive(Debug)]
pub(crate) struct Context {
    pub driver: Driver,
    pub pool: Pool,
    pub options: Options,
    /// The most work in a submission, by the estimate.
    pub budget: Duration,
    /// Dispatches on their way.
    pub in_flight: InFlight,
    /// Pieces of tensors on their way to the device.
    pub uploads: InFlight,
    /// Submissions of dispatches so far.
    pub submissions: AtomicU64,
}

impl Context {
    /// Opens a device.
    pub async fn open(options: &Options) -> Result<Self> {
        Ok(Context::of(Driver::open(options).await?, options.clone()))
    }

    /// The device with an empty pool and all counts at nothing.
    pub fn anew(self) -> Self {
        Context::of(self.driver, self.options)
    }

    fn of(driver: Driver, options: Options) -> Self {
        let unlimited = if driver.info.software { Duration::MAX } else { BUDGET };
        Context {
            budget: options.submission_budget.unwrap_or(unlimited),
            driver,
            pool: Pool::default(),
            options,
            in_flight: InFlight::new(MAX_IN_FLIGHT),
            uploads: InFlight::new(PIECES_AHEAD),
            submissions: AtomicU64::new(0),
        }
    }

    /// Lends a buffer of at least so many bytes; `op` and `what` name it in errors.
    pub fn lease(&self, usage: Use, bytes: u64, op: &'static str, what: &str) -> Result<Lease> {
        self.pool.lease(&self.driver, usage, bytes, op, what)
    }

    /// Lends a buffer of exactly so many bytes, a multiple of 4: for what stays, and whose size was planned.
    pub fn lease_exact(
        &self,
        usage: Use,
        bytes: u64,
        op: &'static str,
        what: &str,
    ) -> Result<Lease> {
        self.pool.lease_exact(&self.driver, usage, bytes, op, what)
    }

    /// A tensor whose values are not yet defined.
    pub fn empty(&self, shape: &Shape, op: &'static str, what: &str) -> Result<GpuTensor> {
        self.window(shape, self.driver.profile.storage, [0, 0], op, what)
    }

    /// A tensor of this type whose values are not yet defined, with so many elements before it in its buffer and so many
    /// of slack behind it.
    pub fn window(
        &self,
        shape: &Shape,
        dtype: DType,
        [before, slack]: [u64; 2],
        op: &'static str,
        what: &str,
    ) -> Result<GpuTensor> {
        let elements = shape.elements().map_err(Error::at(op))? as u64;
        let offset = dtype.bytes(before);
        let bytes = offset + dtype.bytes(elements + slack);
        let lease = Arc::new(self.lease(Use::Storage, bytes, op, what)?);
        Ok(GpuTensor { shape: shape.clone(), dtype, lease, offset, slack })
    }

    /// Whether a tensor lives on this device.
    pub fn owns(&self, tensor: &GpuTensor) -> bool {
        tensor.lease.is_of(&self.pool)
    }
}

/// Submissions that may be unfinished, oldest first, and how many at the most: the host waits before it runs too far
/// ahead.
#[derive(Debug)]
pub(crate) struct InFlight {
    queue: Mutex<VecDeque<wgpu::SubmissionIndex>>,
    most: usize,
}

impl InFlight {
    fn new(most: usize) -> Self {
        InFlight { queue: Mutex::default(), most }
    }

    /// Adds one, and waits for the oldest where there are too many.
    pub fn push(&self, driver: &Driver, submission: wgpu::SubmissionIndex) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.push_back(submission);
        if queue.len() > self.most
            && let Some(oldest) = queue.pop_front()
        {
            drop(queue);
            // A device that is lost meanwhile says so at the next call.
            let _ = driver.wait(Some(oldest));
        }
    }

    /// Waits for all of them.
    pub fn drain(&self, driver: &Driver) {
        let queue = std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(&last) = queue.back().as_ref() {
            let _ = driver.wait(Some(last.clone()));
        }
    }
}

//! The only part of the crate that names wgpu: it carries out [`KernelCall`](crate::kernel::KernelCall)s.
//!
//! [`Gpu`] opens a device; [`Gpu::run`] runs an operator from host tensors to a host tensor;
//! [`Gpu::upload`], [`Gpu::apply`] and [`Gpu::download`] keep tensors on the device in between.
//! A [`Gpu`] is a handle: clones share the device, the pipelines and the buffer pool, and any thread may
//! use any of them.

mod bind;
mod buffers;
mod device;
mod execute;
mod guard;
mod in_place;
pub mod limits;
mod network;
mod pipeline_cache;
mod pipelines;
mod probe;
mod profile;
mod readback;
pub mod shader;
mod split;
mod stream;
mod tuned;
mod upload;
mod warm_up;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Result;
use crate::ops::Operator;
use crate::shape::Shape;
use crate::tensor::{AsView, Tensor, TensorView};
use crate::tuned::Choices;

pub use buffers::PoolStats;
pub use device::{AdapterChoice, AdapterInfo, Fault, Options, adapters, backends};
pub use execute::{GpuTensor, Prepared};
pub use guard::Guarded;
pub use limits::{Bound, Limits};
pub use network::{Network, Outputs};
pub use pipeline_cache::PipelineFile;
pub use pipelines::PipelineStats;
pub use probe::Probe;
pub use profile::{Timer, Timing};
pub use stream::Stream;
pub use warm_up::Progress;

use device::Context;

/// A device, its pipelines and its buffers.
#[derive(Debug, Clone)]
pub struct Gpu(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    context: Context,
    pipelines: pipelines::Pipelines,
    pool: buffers::Pool,
    options: Options,
    /// Iterations of the loops of one invocation.
    max_trips: usize,
    /// Read once, when the device is opened.
    tuned: Choices,
    in_flight: execute::InFlight,
    /// Pieces on their way to the device.
    uploads: execute::InFlight,
    /// Submissions of dispatches so far.
    submissions: AtomicU64,
}

/// Which of an operator's candidates to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one the operator prefers, or the one that was [measured](crate::tuned) to be faster.
    #[default]
    Preferred,
    /// The one of this name, as in [`Candidate`](crate::ops::Candidate).
    Named(String),
}

impl Gpu {
    /// Opens the default adapter; see [`AdapterChoice::Auto`].
    pub fn new() -> Result<Self> {
        Gpu::open(&Options::default())
    }

    /// Opens a device, waiting for the driver.
    pub fn open(options: &Options) -> Result<Self> {
        pollster::block_on(Gpu::open_async(options))
    }

    /// Opens a device.
    pub async fn open_async(options: &Options) -> Result<Self> {
        let gpu = Gpu::of(Context::open(options).await?, options, None)?;
        let trips = limits::trips(&gpu).await?;
        // Nobody else has the device yet. What the test took does not count among what callers ask of it.
        let Some(Inner { context, .. }) = Arc::into_inner(gpu.0) else {
            return Err(crate::Error::Device {
                what: "opening".to_owned(),
                message: "the test of its loops is still at work".to_owned(),
            });
        };
        Gpu::of(context, options, trips)
    }

    /// A device with empty caches that gives so many iterations to the loops of an invocation.
    fn of(context: Context, options: &Options, trips: Option<usize>) -> Result<Self> {
        let unlimited = usize::MAX;
        Ok(Gpu(Arc::new(Inner {
            max_trips: trips.unwrap_or(unlimited).min(options.max_trips.unwrap_or(unlimited)),
            tuned: Choices::load(&options.tuned, &context.info.identity())?,
            pipelines: pipelines::Pipelines::new(pipeline_cache::open(
                &context,
                &options.pipeline_cache,
            )),
            context,
            pool: buffers::Pool::default(),
            options: options.clone(),
            in_flight: execute::InFlight::default(),
            uploads: execute::InFlight::default(),
            submissions: AtomicU64::new(0),
        })))
    }

    /// Opens the same adapter anew, after [`Error::DeviceLost`](crate::Error::DeviceLost). Tensors of the old device
    /// stay lost.
    pub fn recreate(&self) -> Result<Self> {
        Gpu::open(&self.0.options)
    }

    /// Destroys the device, as a driver reset would: whatever is done with it afterwards is
    /// [`Error::DeviceLost`](crate::Error::DeviceLost).
    pub fn destroy(&self) {
        self.0.context.destroy();
    }

    /// The adapter this runs on.
    pub fn adapter(&self) -> &AdapterInfo {
        &self.0.context.info
    }

    /// The iterations that loops of one invocation may make together, where the driver or the
    /// [options](Options::max_trips) set a limit: no candidate that could need more is run.
    pub fn max_trips(&self) -> Option<usize> {
        Some(self.0.max_trips).filter(|&trips| trips < usize::MAX)
    }

    /// What the buffer pool holds.
    pub fn pool_stats(&self) -> PoolStats {
        self.0.pool.stats()
    }

    /// Gives the buffers that nobody uses back to the driver.
    pub fn trim(&self) {
        self.0.pool.trim();
    }

    /// How often pipelines were asked for and compiled.
    pub fn pipeline_stats(&self) -> PipelineStats {
        self.0.pipelines.stats()
    }

    /// Submissions of kernels since the start. A call or a run of a network is one, but where it would take
    /// the device longer than [`Options::submission_budget`].
    pub fn submissions(&self) -> u64 {
        self.0.submissions.load(Ordering::Relaxed)
    }

    /// Runs an operator on host tensors with its preferred kernel and waits for the result.
    pub fn run(&self, op: impl Into<Operator>, inputs: &[impl AsView]) -> Result<Tensor> {
        let output = self.start(op.into(), inputs)?;
        // Nobody else has it.
        self.read_in_place(&output)?.map_or_else(|| self.download(&output), Ok)
    }

    /// Runs an operator on host tensors with its preferred kernel.
    pub async fn run_async(
        &self,
        op: impl Into<Operator>,
        inputs: &[impl AsView],
    ) -> Result<Tensor> {
        self.download_async(&self.start(op.into(), inputs)?).await
    }

    /// Puts an operator on host tensors into the queue; does not wait.
    fn start(&self, op: Operator, inputs: &[impl AsView]) -> Result<GpuTensor> {
        let inputs: Vec<TensorView<'_>> = inputs.iter().map(AsView::view).collect();
        let shapes: Vec<_> = inputs.iter().map(|input| input.shape()).collect();
        // Everything that can be refused is refused before anything is allocated.
        self.chunks(&op, &shapes, &Choice::Preferred)?;
        let uploaded: Vec<GpuTensor> =
            inputs.iter().map(|input| self.upload(input)).collect::<Result<_>>()?;
        let uploaded: Vec<&GpuTensor> = uploaded.iter().collect();
        self.apply(op, &uploaded)
    }

    /// Runs an operator on tensors of this device with its preferred kernel; does not wait.
    pub fn apply(&self, op: impl Into<Operator>, inputs: &[&GpuTensor]) -> Result<GpuTensor> {
        let prepared = self.prepare(&op.into(), inputs, &Choice::Preferred)?;
        self.submit(&prepared)?;
        Ok(prepared.output().clone())
    }

    /// Whether the device can carry out an operator on tensors of these shapes. Nothing is allocated;
    /// what [`Gpu::run`] would refuse is refused here.
    pub fn check(&self, op: &Operator, shapes: &[&Shape]) -> Result<()> {
        self.chunks(op, shapes, &Choice::Preferred).map(|_| ())
    }
}

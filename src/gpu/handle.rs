//! [`Gpu`]: an open device with its pipelines.

use std::path::PathBuf;
use std::sync::Arc;

use super::device::adapter::AdapterInfo;
use super::device::context::Context;
use super::device::driver::{Driver, Waiting};
use super::device::options::Options;
use super::device::pool::PoolStats;
use super::device::tensor::GpuTensor;
use super::device::transfer;
use super::program::binder::Binder;
use super::program::matrices::agree;
use super::program::pipeline_cache;
use super::program::pipelines::{PipelineStats, Pipelines};
use super::program::trips::trips;
use super::program::warm_up::{Compiler, Progress};
use crate::autotune::{Choices, Identity};
use crate::error::{Error, Result};
use crate::kernels::{self, Candidate, DeviceProfile, KernelKey};
use crate::ops::{Op, Operator};
use crate::plan::Plan;
use crate::schedule::{self, Choice, Lowered, Policy, Schedule};
use crate::shape::Shape;
use crate::tensor::{AsView, DType, Tensor, TensorView};

/// A device, its pipelines and its buffers.
#[derive(Debug, Clone)]
pub struct Gpu(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub context: Context,
    pub pipelines: Pipelines,
    pub profile: DeviceProfile,
    pub policy: Policy,
}

const FOREIGN: Error = Error::ForeignTensor { op: "download", tensor: "the tensor" };

fn identity(driver: &Driver) -> Identity {
    let mut identity = driver.info.identity();
    if driver.profile.storage == DType::F16 {
        identity.adapter.push_str(" (f16)");
    }
    identity
}

impl Gpu {
    /// Opens the default adapter; see [`AdapterChoice::Auto`](super::AdapterChoice::Auto).
    pub fn new() -> Result<Self> {
        Gpu::open(&Options::default())
    }

    /// Opens a device, waiting for the driver.
    pub fn open(options: &Options) -> Result<Self> {
        pollster::block_on(Gpu::open_as(options, Waiting::Thread))
    }

    /// Opens a device.
    pub async fn open_async(options: &Options) -> Result<Self> {
        Gpu::open_as(options, Waiting::Task).await
    }

    async fn open_as(options: &Options, waiting: Waiting) -> Result<Self> {
        let context = Context::open(options).await?;
        let trips = trips(&context, &Pipelines::default(), waiting).await?;
        let mut profile = context.driver.profile.clone();
        if let Some(units) = profile.matrix_units() {
            let right = agree(&context, &Pipelines::default(), units, waiting).await?;
            if !right {
                tracing::warn!(
                    "{}: matrix units give wrong results and are not used",
                    context.driver.info.name
                );
                profile.cooperative_matrices.clear();
            }
        }
        // What the tests took does not count among what callers ask of the device.
        let context = context.anew();
        let unlimited = usize::MAX;
        let asked = options.testing.max_trips.unwrap_or(unlimited);
        profile.max_trips = trips.unwrap_or(unlimited).min(asked);
        let policy = Policy {
            // Read once.
            measured: Choices::load(&options.tuned, &identity(&context.driver))?,
            low_memory: options.low_memory,
            submission_budget: context.budget,
        };
        Ok(Gpu(Arc::new(Inner {
            policy,
            profile,
            pipelines: Pipelines::new(pipeline_cache::open(&context)),
            context,
        })))
    }

    /// Opens the same adapter anew, after [`Error::DeviceLost`](crate::Error::DeviceLost). Tensors of the old device
    /// stay lost.
    pub fn recreate(&self) -> Result<Self> {
        Gpu::open(&self.0.context.options)
    }

    /// The adapter this runs on.
    pub fn adapter(&self) -> &AdapterInfo {
        &self.0.context.driver.info
    }

    /// What measurements on this device hold for: its adapter, driver and precision.
    pub fn identity(&self) -> Identity {
        identity(&self.0.context.driver)
    }

    /// What kernels are chosen by.
    pub fn profile(&self) -> &DeviceProfile {
        &self.0.profile
    }

    /// The measured choices that this device goes by; none where they are off or nothing was measured.
    pub fn tuned(&self) -> &Choices {
        &self.0.policy.measured
    }

    /// The iterations that loops of one invocation may make together, where the driver sets a limit: no candidate that
    /// could need more is run.
    pub fn max_trips(&self) -> Option<usize> {
        Some(self.0.profile.max_trips).filter(|&trips| trips < usize::MAX)
    }

    /// What the buffer pool holds.
    pub fn pool_stats(&self) -> PoolStats {
        self.0.context.pool.stats()
    }

    /// Gives the buffers that nobody uses back to the driver.
    pub fn trim(&self) {
        self.0.context.pool.trim();
    }

    /// How often pipelines were asked for and compiled.
    pub fn pipeline_stats(&self) -> PipelineStats {
        self.0.pipelines.stats()
    }

    /// Compiles kernels in parallel, so that the first call that uses them does not wait. The keys of a
    /// call are those of its candidates' [`KernelCall`](crate::kernels::KernelCall)s.
    pub fn warm_up(&self, keys: &[KernelKey]) -> Result<()> {
        self.warm_up_with(keys, |_| {})
    }

    /// Compiles kernels in parallel and says how far it has come: `progress` is called in the caller's thread whenever a
    /// kernel is begun and when it is ready, those that were compiled before too. Where a kernel fails, the others go on,
    /// and the count ends short of the total.
    pub fn warm_up_with(&self, keys: &[KernelKey], progress: impl FnMut(Progress)) -> Result<()> {
        let compiler = Compiler { context: &self.0.context, pipelines: &self.0.pipelines };
        compiler.warm_up(keys, progress)
    }

    /// Writes what the driver compiled into the file of [`Options::pipeline_cache`], unless it holds just that already, and
    /// gives the file. Nothing where none is kept: it is off, the driver has no such thing, or this is built without the
    /// feature `pipeline-cache`. Of two processes that write at the same time, the file of the one that ends last stays.
    pub fn save_pipeline_cache(&self) -> Result<Option<PathBuf>> {
        pipeline_cache::save(&self.0.context, self.0.pipelines.cache.as_ref())
    }

    /// Runs an operator on host tensors with its preferred kernel and waits for the result.
    pub fn run(&self, op: impl Into<Operator>, inputs: &[impl AsView]) -> Result<Tensor> {
        pollster::block_on(self.run_as(op.into(), inputs, Waiting::Thread))
    }

    /// Runs an operator on host tensors with its preferred kernel.
    pub async fn run_async(
        &self,
        op: impl Into<Operator>,
        inputs: &[impl AsView],
    ) -> Result<Tensor> {
        self.run_as(op.into(), inputs, Waiting::Task).await
    }

    async fn run_as(
        &self,
        op: Operator,
        inputs: &[impl AsView],
        waiting: Waiting,
    ) -> Result<Tensor> {
        let output = self.start(op, inputs)?;
        // Nobody else has it.
        transfer::take(&self.0.context, &output, waiting).await
    }

    /// Puts an operator on host tensors into the queue; does not wait.
    fn start(&self, op: Operator, inputs: &[impl AsView]) -> Result<GpuTensor> {
        let inputs: Vec<TensorView<'_>> = inputs.iter().map(AsView::view).collect();
        let shapes: Vec<_> = inputs.iter().map(|input| input.shape()).collect();
        // Everything that can be refused is refused before anything is allocated.
        self.lower_call(&op, &shapes, &Choice::Preferred)?;
        let values: Vec<_> = inputs.iter().map(|input| (input.shape(), input.data())).collect();
        op.check_values(&values).map_err(Error::at(op.name()))?;
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
        self.lower_call(op, shapes, &Choice::Preferred).map(|_| ())
    }

    /// The candidates that this device has for an operator, in the order of their [ranks](Candidate::rank). The last one is
    /// preferred: it is the one of the highest rank, or the one that was [measured](crate::autotune) to be the fastest.
    pub fn candidates(&self, op: &Operator, shapes: &[&Shape]) -> Result<Vec<Candidate>> {
        schedule::ordered(op, shapes, &self.0.profile, &self.0.policy)
    }

    /// The candidates that this device has for an operator, in the order that holds without any measurement.
    pub fn fixed_candidates(&self, op: &Operator, shapes: &[&Shape]) -> Result<Vec<Candidate>> {
        kernels::candidates(op, shapes, &self.0.profile).map_err(Error::at(op.name()))
    }

    /// How this device carries out a plan. Nothing is compiled or allocated.
    pub fn lower(&self, plan: &Plan) -> Result<Schedule> {
        self.0.context.driver.check()?;
        schedule::lower(plan, &self.0.profile, &self.0.policy, &Choice::Preferred)
    }

    /// How this device carries out a call, whose kernels are compiled then. Nothing is allocated.
    pub(super) fn lower_call(
        &self,
        op: &Operator,
        shapes: &[&Shape],
        choice: &Choice,
    ) -> Result<Lowered> {
        let Inner { context, pipelines, profile, policy } = &*self.0;
        context.driver.check()?;
        let lowered = schedule::lower_call(op, shapes, profile, policy, choice)?;
        lowered.keys().into_iter().try_for_each(|key| pipelines.get(context, key).map(|_| ()))?;
        Ok(lowered)
    }

    /// Copies a tensor to the device.
    pub fn upload(&self, tensor: &impl AsView) -> Result<GpuTensor> {
        let dtype = self.0.profile.storage;
        transfer::upload(&self.0.context, &tensor.view(), dtype)
    }

    /// Copies a tensor to the host, waiting for everything that was submitted before.
    pub fn download(&self, tensor: &GpuTensor) -> Result<Tensor> {
        pollster::block_on(self.download_as(tensor, Waiting::Thread))
    }

    /// Copies a tensor to the host.
    pub async fn download_async(&self, tensor: &GpuTensor) -> Result<Tensor> {
        self.download_as(tensor, Waiting::Task).await
    }

    async fn download_as(&self, tensor: &GpuTensor, waiting: Waiting) -> Result<Tensor> {
        let context = &self.0.context;
        if !context.owns(tensor) {
            return Err(FOREIGN);
        }
        transfer::download(context, tensor, waiting).await
    }

    /// For calls that are submitted together; `op` names them in errors.
    pub(super) fn binder(&self, op: &'static str) -> Result<Binder<'_>> {
        Binder::new(&self.0.context, &self.0.pipelines, op)
    }
}

//! A network on a device: its weights, uploaded once, and a prepared plan for each input shape in use.

use std::fmt;
use std::slice;
use std::sync::{Arc, MutexGuard, PoisonError};

use super::device::driver::Waiting;
use super::device::tensor::GpuTensor;
use super::device::timestamps::Timing;
use super::device::transfer::{self, Read};
use super::handle::Gpu;
use super::program::dispatch;
use super::program::slots::Slots;
use super::program::warm_up::Progress;
use super::run::{Compile, NETWORK, Run, Weights, in_layer};
use crate::error::{Error, Result, ShapeError};
use crate::ops::Operator;
use crate::plan::{Layer, Loaded, Plan};
use crate::schedule::Schedule;
use crate::shape::Shape;
use crate::tensor::{AsView, DType, StateDict, Tensor, TensorView};

/// Plans that are kept prepared at the same time; the one that was used longest ago goes first.
const KEPT: usize = 4;

/// A layer or network with its weights on a device. Clones share both.
#[derive(Debug, Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    gpu: Gpu,
    layer: Arc<dyn Layer>,
    /// Whether its plans are fused before they run.
    fused: bool,
    weights: Weights,
    /// By the shapes of the inputs and the names of the results, in order.
    runs: Slots<(Vec<Shape>, Vec<String>), Arc<Run>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("layer", &self.layer).finish_non_exhaustive()
    }
}

/// A run that is in the queue: the copies of its results by name, and what they are copies of.
#[derive(Debug)]
pub(crate) struct Started(Vec<(String, GpuTensor, Read)>);

/// The results of a network by name.
pub type Outputs = Vec<(String, Tensor)>;

impl Gpu {
    /// Brings a layer or a network to the device. The weights are checked here, all of them: what is
    /// missing, too many or of another shape is in one error.
    pub fn load(&self, layer: impl Layer + 'static, weights: StateDict) -> Result<Network> {
        self.load_shared(Arc::new(layer), weights)
    }

    /// Brings a layer that others hold, too, to the device.
    pub fn load_shared(&self, layer: Arc<dyn Layer>, weights: StateDict) -> Result<Network> {
        self.load_as(layer, weights, true)
    }

    /// Brings a layer to the device with every step as the layer defines it, and nothing [fused](Plan::fuse): slower, and
    /// there to see what fusing brings.
    #[cfg(feature = "testing")]
    pub fn load_unfused(&self, layer: Arc<dyn Layer>, weights: StateDict) -> Result<Network> {
        self.load_as(layer, weights, false)
    }

    fn load_as(&self, layer: Arc<dyn Layer>, weights: StateDict, fused: bool) -> Result<Network> {
        let plan = layer.example_plan()?;
        plan.check_weights(&weights)?;
        let (weights, runs) = (Weights::new(weights), Slots::of(KEPT));
        Ok(Network(Arc::new(Inner { gpu: self.clone(), layer, fused, weights, runs })))
    }
}

impl Network {
    /// The device that it is on.
    pub fn gpu(&self) -> &Gpu {
        &self.0.gpu
    }

    /// The layer or network that it runs.
    pub fn layer(&self) -> &dyn Layer {
        self.0.layer.as_ref()
    }

    /// Runs it on one input and gives the main result.
    pub fn run(&self, x: &impl AsView) -> Result<Tensor> {
        self.main_result(self.run_for(x, &[self.0.layer.output()])?)
    }

    /// Runs it on one input and gives the results of these names, in the plan's order.
    pub fn run_for(&self, x: &impl AsView, outputs: &[&str]) -> Result<Outputs> {
        self.run_views(&[x.view()], outputs)
    }

    /// Runs it on inputs of these names and gives the results of these names, in the plan's order.
    pub fn run_named(&self, inputs: &[(&str, impl AsView)], outputs: &[&str]) -> Result<Outputs> {
        let names = self.0.layer.example_inputs();
        let known = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let wrong = |source| in_layer(&self.0.layer.name(), Error::at("inputs")(source));
        if let Some((name, _)) =
            inputs.iter().find(|(name, _)| !known().split(", ").any(|it| it == *name))
        {
            return Err(wrong(ShapeError::UnknownTensor {
                name: (*name).to_owned(),
                known: known(),
            }));
        }
        let views = names.iter().map(|&(name, _)| {
            let given = inputs.iter().find(|(given, _)| *given == name);
            given.map(|(_, x)| x.view()).ok_or_else(|| {
                let given: Vec<&str> = inputs.iter().map(|(given, _)| *given).collect();
                let given = given.join(", ");
                wrong(ShapeError::MissingTensor { name, given, known: known() })
            })
        });
        self.run_views(&views.collect::<Result<Vec<_>>>()?, outputs)
    }

    fn run_views(&self, inputs: &[TensorView<'_>], outputs: &[&str]) -> Result<Outputs> {
        let context = &self.0.gpu.0.context;
        let run = self.prepared(&shapes(inputs), outputs)?;
        if !context.driver.in_place {
            return pollster::block_on(self.finish(self.queue(&run, inputs)?, Waiting::Thread));
        }
        // No other run may have the slots before the results are out of them.
        let _queueing = queueing(&run);
        self.submit(&run, inputs)?;
        let results = run.outputs.iter().map(|(name, tensor)| {
            let result = pollster::block_on(transfer::take(context, tensor, Waiting::Thread))?;
            Ok((name.clone(), result))
        });
        results.collect()
    }

    /// Runs it on one input and gives the results of these names, in the plan's order. Kernels that are not ready compile
    /// one after the other; [`Network::prepare`] compiles them on all cores.
    pub async fn run_for_async(&self, x: &impl AsView, outputs: &[&str]) -> Result<Outputs> {
        self.finish(self.start(&[x.view()], outputs)?, Waiting::Task).await
    }

    /// The main one of the results, where it is the only one.
    pub(super) fn main_result(&self, outputs: Outputs) -> Result<Tensor> {
        let missing = || Error::UnknownOutput {
            network: self.0.layer.name(),
            output: self.0.layer.output().to_owned(),
            known: Vec::new(),
        };
        outputs.into_iter().next().map(|(_, tensor)| tensor).ok_or_else(missing)
    }

    /// Puts a run into the queue, from the copies of its inputs to those of its results; does not wait.
    pub(super) fn start(&self, inputs: &[TensorView<'_>], outputs: &[&str]) -> Result<Started> {
        // What is to be compiled compiles when it is bound.
        let run = self.prepared_by(&shapes(inputs), outputs, &mut |_| Ok(()))?;
        self.queue(&run, inputs)
    }

    /// Puts a run into the queue. A later run may use the same slots: the queue keeps the order.
    fn queue(&self, run: &Run, inputs: &[TensorView<'_>]) -> Result<Started> {
        let _queueing = queueing(run);
        self.submit(run, inputs)?;
        let reads = run.outputs.iter().map(|(name, tensor)| {
            let read = transfer::start_download(&self.0.gpu.0.context, tensor)?;
            Ok((name.clone(), tensor.clone(), read))
        });
        Ok(Started(reads.collect::<Result<_>>()?))
    }

    /// Puts the copies of the inputs and the dispatches into the queue.
    fn submit(&self, run: &Run, inputs: &[TensorView<'_>]) -> Result<()> {
        let context = &self.0.gpu.0.context;
        let dtype = context.driver.profile.storage;
        for (((name, _), to), x) in run.plan.inputs().iter().zip(&run.inputs).zip(inputs) {
            transfer::write(context, to, x.data())?;
            if context.options.paranoid {
                let finite = finite("the input", x.shape(), x.data(), dtype);
                finite.map_err(|error| in_layer(name, error))?;
            }
        }
        self.submit_steps(run)
    }

    /// Puts the dispatches into the queue.
    fn submit_steps(&self, run: &Run) -> Result<()> {
        let context = &self.0.gpu.0.context;
        match context.options.paranoid {
            true => self.submit_checked(run),
            false => dispatch::submit(context, NETWORK, &run.bound.dispatches),
        }
    }

    /// Runs one step after the other and looks at the result of each.
    fn submit_checked(&self, run: &Run) -> Result<()> {
        let context = &self.0.gpu.0.context;
        let dtype = context.driver.profile.storage;
        for (call, (layer, result)) in run.results.iter().enumerate() {
            let dispatches = run.bound.dispatches.iter().zip(&run.bound.calls);
            let own: Vec<_> =
                dispatches.filter(|(_, of)| **of == call).map(|(own, _)| own.clone()).collect();
            dispatch::submit(context, NETWORK, &own)?;
            let tensor = pollster::block_on(transfer::download(context, result, Waiting::Thread))?;
            let finite = finite("the result", tensor.shape(), tensor.data(), dtype);
            finite.map_err(|error| in_layer(layer, error))?;
        }
        Ok(())
    }

    /// The results of a run, once they are there.
    pub(super) async fn finish(&self, started: Started, waiting: Waiting) -> Result<Outputs> {
        let mut results = Vec::new();
        let context = &self.0.gpu.0.context;
        for (name, tensor, read) in started.0 {
            results.push((name, transfer::finish_tensor(context, read, &tensor, waiting).await?));
        }
        Ok(results)
    }

    /// Compiles, uploads and binds everything for inputs of this shape, so that the first run does not wait. Meanwhile
    /// other threads run the shapes that are ready; those that ask for this one wait for it.
    pub fn prepare(&self, x: &Shape, outputs: &[&str]) -> Result<()> {
        self.prepare_with(x, outputs, |_| {})
    }

    /// Prepares for inputs of this shape and says how far it has come while kernels compile, as [`Gpu::warm_up_with`] does.
    /// Where this shape is ready already, it says nothing. `progress` must not ask for the shape that is being prepared.
    pub fn prepare_with(
        &self,
        x: &Shape,
        outputs: &[&str],
        mut progress: impl FnMut(Progress),
    ) -> Result<()> {
        let mut compile = |keys: &[_]| self.0.gpu.warm_up_with(keys, &mut progress);
        self.prepared_by(slice::from_ref(x), outputs, &mut compile).map(|_| ())
    }

    /// The plan that inputs of this shape run by, and how it is carried out.
    pub fn plan(&self, x: &Shape, outputs: &[&str]) -> Result<(Plan, Schedule)> {
        let run = self.prepared(slice::from_ref(x), outputs)?;
        Ok((run.plan.clone(), run.schedule.clone()))
    }

    /// The dispatches of a run for inputs of this shape: the step of the plan and the kernel of each.
    pub fn dispatches(&self, x: &Shape, outputs: &[&str]) -> Result<Vec<(String, &'static str)>> {
        let run = self.prepared(slice::from_ref(x), outputs)?;
        let name = |call: usize| run.results.get(call).map_or_else(String::new, |it| it.0.clone());
        let dispatches = run.bound.calls.iter().zip(&run.bound.dispatches);
        Ok(dispatches.map(|(&call, of)| (name(call), of.pipeline.shader.name)).collect())
    }

    /// Runs the prepared plan on whatever its input holds, waits, and says how long each of its
    /// [dispatches](Network::dispatches) took.
    pub fn time(&self, x: &Shape, outputs: &[&str]) -> Result<Timing> {
        let run = self.prepared(slice::from_ref(x), outputs)?;
        let _queueing = queueing(&run);
        dispatch::time(&self.0.gpu.0.context, NETWORK, &run.bound.dispatches)
    }

    fn prepared(&self, x: &[Shape], outputs: &[&str]) -> Result<Arc<Run>> {
        self.prepared_by(x, outputs, &mut |keys| self.0.gpu.warm_up(keys))
    }

    fn prepared_by(&self, x: &[Shape], outputs: &[&str], compile: Compile<'_>) -> Result<Arc<Run>> {
        let Inner { gpu, layer, fused, weights, runs } = &*self.0;
        let mut names: Vec<String> = outputs.iter().map(|&name| name.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        runs.get((x.to_vec(), names), || {
            let plan = layer.plan_for(x)?;
            // A layer may make its weights of the shape of its input.
            plan.check_weights(&weights.host)?;
            let plan = plan.keep(outputs)?;
            let plan = if *fused { plan.fuse() } else { plan };
            Run::bind(gpu, plan, weights, compile).map(Arc::new)
        })
    }
}

impl Loaded for Network {
    type Tensor = GpuTensor;

    fn place(&self, tensor: &Tensor) -> Result<GpuTensor> {
        self.gpu().upload(tensor)
    }

    fn run_placed(&self, inputs: &[&GpuTensor], outputs: &[&str]) -> Result<Vec<GpuTensor>> {
        let context = &self.0.gpu.0.context;
        let shapes: Vec<Shape> = inputs.iter().map(|tensor| tensor.shape.clone()).collect();
        let names = self.0.layer.example_inputs();
        let mut foreign = names.iter().zip(inputs).filter(|(_, it)| !context.owns(it));
        if let Some(((tensor, _), _)) = foreign.next() {
            let (op, tensor) = ("run_placed", *tensor);
            return Err(in_layer(&self.0.layer.name(), Error::ForeignTensor { op, tensor }));
        }
        let run = self.prepared(&shapes, outputs)?;
        let find = |name: &&str| run.outputs.iter().find(|(known, _)| known == name);
        let slots: Vec<&GpuTensor> =
            outputs.iter().filter_map(find).map(|(_, tensor)| tensor).collect();
        let results = slots.iter().map(|slot| context.empty(&slot.shape, NETWORK, "a result"));
        let results = results.collect::<Result<Vec<GpuTensor>>>()?;
        let _queueing = queueing(&run);
        transfer::copy(context, inputs.iter().copied().zip(&run.inputs))?;
        self.submit_steps(&run)?;
        transfer::copy(context, slots.into_iter().zip(&results))?;
        Ok(results)
    }

    fn apply(&self, op: Operator, inputs: &[&GpuTensor]) -> Result<GpuTensor> {
        self.gpu().apply(op, inputs)
    }

    fn fetch(&self, tensor: &GpuTensor) -> Result<Tensor> {
        self.gpu().download(tensor)
    }
}

/// An error where a value is not finite when it is stored in this type.
fn finite(what: &'static str, shape: &Shape, values: &[f32], dtype: DType) -> Result<()> {
    let stored = |value: f32| dtype.nearest(value);
    let Some(element) = values.iter().position(|&value| !stored(value).is_finite()) else {
        return Ok(());
    };
    let value = stored(values[element]).to_string();
    let cure = match dtype {
        DType::F16 => "half precision ends at 65504: use single precision",
        DType::F32 => {
            "the values before it, or the weights, are too large or not finite themselves"
        }
    };
    Err(Error::NotFinite { what, shape: shape.clone(), element, value, cure })
}

fn shapes(inputs: &[TensorView<'_>]) -> Vec<Shape> {
    inputs.iter().map(|x| x.shape().clone()).collect()
}

/// Held while a run is put into the queue, so that no other writes its slots in between.
fn queueing(run: &Run) -> MutexGuard<'_, ()> {
    run.queueing.lock().unwrap_or_else(PoisonError::into_inner)
}

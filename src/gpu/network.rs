//! A network on a device: its weights, uploaded once, and a prepared plan for each input shape in use.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bind::{Binder, Bound, Call, Packed};
use super::buffers::{Lease, Use};
use super::execute::{GpuTensor, MAX_IN_FLIGHT};
use super::profile::Timing;
use super::readback::Read;
use super::split::Chunk;
use super::{Choice, Gpu, Progress};
use crate::error::{Error, Result};
use crate::kernel::{KernelCall, KernelKey, Operand};
use crate::ops::{Candidate, Operator};
use crate::plan::{Action, Constant, Layer, Memory, Plan, Source, Step, Value};
use crate::shape::Shape;
use crate::tensor::{AsView, StateDict, Tensor, TensorView};

/// Plans that are kept prepared at the same time; the one that was used longest ago goes first.
const KEPT: usize = 4;

/// Names the network in errors of the device.
const NETWORK: &str = "network";

/// A layer or network with its weights on a device. Clones share both.
#[derive(Debug, Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    gpu: Gpu,
    layer: Arc<dyn Layer>,
    /// Whether its plans are fused before they run.
    fused: bool,
    weights: StateDict,
    constants: Mutex<HashMap<Constant, GpuTensor>>,
    /// Weights in the layouts of the kernels that read them, by what made them of what.
    packed: Mutex<Vec<(KernelCall, Constant, Packed)>>,
    /// The last used is the last.
    runs: Mutex<Vec<Arc<Run>>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("layer", &self.layer).finish_non_exhaustive()
    }
}

/// A plan with its slots and bind groups: can be submitted any number of times.
#[derive(Debug)]
struct Run {
    plan: Plan,
    memory: Memory,
    input: GpuTensor,
    outputs: Vec<(String, GpuTensor)>,
    bound: Bound,
    /// Held while a run is put into the queue, so that no other writes its slots in between.
    queueing: Mutex<()>,
}

/// A run that is in the queue: the copies of its results by name and shape.
#[derive(Debug)]
pub(crate) struct Started(Vec<(String, Shape, Read)>);

/// The results of a network by name.
pub type Outputs = Vec<(String, Tensor)>;

impl Gpu {
    /// Brings a layer or a network to the device. The weights are checked here, all of them: what is
    /// missing, too many or of another shape is in one error.
    pub fn load(&self, layer: impl Layer + 'static, weights: StateDict) -> Result<Network> {
        self.load_shared(Arc::new(layer), weights)
    }

    /// The same for a layer that others hold, too.
    pub fn load_shared(&self, layer: Arc<dyn Layer>, weights: StateDict) -> Result<Network> {
        self.load_as(layer, weights, true)
    }

    /// The same with every step as the layer defines it, and nothing [fused](Plan::fuse): slower, and there to see what
    /// fusing brings.
    pub fn load_unfused(&self, layer: Arc<dyn Layer>, weights: StateDict) -> Result<Network> {
        self.load_as(layer, weights, false)
    }

    fn load_as(&self, layer: Arc<dyn Layer>, weights: StateDict, fused: bool) -> Result<Network> {
        let plan = layer.example_plan()?;
        plan.check_weights(&weights)?;
        Ok(Network(Arc::new(Inner {
            gpu: self.clone(),
            layer,
            fused,
            weights,
            constants: Mutex::default(),
            packed: Mutex::default(),
            runs: Mutex::default(),
        })))
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
        let gpu = &self.0.gpu;
        if !gpu.0.context.in_place {
            return pollster::block_on(self.run_for_async(x, outputs));
        }
        let x = x.view();
        let run = self.prepared(x.shape(), outputs)?;
        // No other run may have the slots before the results are out of them.
        let _queueing = lock(&run.queueing);
        self.submit(&run, &x)?;
        let results = run.outputs.iter().map(|(name, tensor)| {
            let result = gpu.read_in_place(tensor)?;
            Ok((name.clone(), result.map_or_else(|| gpu.download(tensor), Ok)?))
        });
        results.collect()
    }

    /// Runs it on one input and gives the results of these names, in the plan's order.
    pub async fn run_for_async(&self, x: &impl AsView, outputs: &[&str]) -> Result<Outputs> {
        self.finish(self.start(x, outputs)?).await
    }

    /// The main one of the results, where it is the only one.
    pub(crate) fn main_result(&self, outputs: Outputs) -> Result<Tensor> {
        let missing = || Error::UnknownOutput {
            network: self.0.layer.name(),
            output: self.0.layer.output().to_owned(),
            known: Vec::new(),
        };
        outputs.into_iter().next().map(|(_, tensor)| tensor).ok_or_else(missing)
    }

    /// Puts a run into the queue, from the copy of its input to those of its results; does not wait. A later
    /// run may use the same slots: the queue keeps the order.
    pub(crate) fn start(&self, x: &impl AsView, outputs: &[&str]) -> Result<Started> {
        let x = x.view();
        let run = self.prepared(x.shape(), outputs)?;
        let gpu = &self.0.gpu;
        let _queueing = lock(&run.queueing);
        self.submit(&run, &x)?;
        let reads = run.outputs.iter().map(|(name, tensor)| {
            Ok((name.clone(), tensor.shape().clone(), gpu.start_download(tensor)?))
        });
        Ok(Started(reads.collect::<Result<_>>()?))
    }

    /// Puts the copy of the input and the dispatches into the queue.
    fn submit(&self, run: &Run, x: &TensorView<'_>) -> Result<()> {
        let gpu = &self.0.gpu;
        gpu.write(&run.input, x.data())?;
        let submission = gpu.record(NETWORK, &run.bound.dispatches, None)?;
        gpu.0.in_flight.push(gpu, submission, MAX_IN_FLIGHT);
        Ok(())
    }

    /// The results of a run, once they are there.
    pub(crate) async fn finish(&self, started: Started) -> Result<Outputs> {
        let mut results = Vec::new();
        for (name, shape, read) in started.0 {
            let data = self.0.gpu.finish_read(read).await?;
            results.push((name, Tensor::new(shape, data).map_err(Error::at(NETWORK))?));
        }
        Ok(results)
    }

    /// Compiles, uploads and binds everything for inputs of this shape, so that the first run does not wait.
    pub fn prepare(&self, x: &Shape, outputs: &[&str]) -> Result<()> {
        self.prepare_with(x, outputs, |_| {})
    }

    /// The same, which says how far it has come while kernels compile, as [`Gpu::warm_up_with`] does. Where this
    /// shape is ready already, it says nothing. Others wait for the network meanwhile, so `progress` must not use it.
    pub fn prepare_with(
        &self,
        x: &Shape,
        outputs: &[&str],
        mut progress: impl FnMut(Progress),
    ) -> Result<()> {
        self.prepared_with(x, outputs, &mut progress).map(|_| ())
    }

    /// The plan that inputs of this shape run by, with its memory.
    pub fn plan(&self, x: &Shape, outputs: &[&str]) -> Result<(Plan, Memory)> {
        let run = self.prepared(x, outputs)?;
        Ok((run.plan.clone(), run.memory.clone()))
    }

    /// The dispatches of a run for inputs of this shape: the step of the plan and the kernel of each.
    pub fn dispatches(&self, x: &Shape, outputs: &[&str]) -> Result<Vec<(String, &'static str)>> {
        let run = self.prepared(x, outputs)?;
        let applied = run.plan.steps().iter().filter(|step| step.action != Action::Reshape);
        let names: Vec<&str> = applied.map(|step| step.name.as_str()).collect();
        let name = |call: usize| names.get(call).copied().unwrap_or_default().to_owned();
        let dispatches = run.bound.calls.iter().zip(&run.bound.dispatches);
        Ok(dispatches.map(|(&call, of)| (name(call), of.pipeline.shader.name)).collect())
    }

    /// Runs the prepared plan on whatever its input holds, waits, and says how long each of its
    /// [dispatches](Network::dispatches) took.
    pub fn time(&self, x: &Shape, outputs: &[&str]) -> Result<Timing> {
        let run = self.prepared(x, outputs)?;
        let _queueing = lock(&run.queueing);
        self.0.gpu.time(NETWORK, &run.bound.dispatches)
    }

    /// The same by the host's clock alone, with all dispatches in one pass as in [`Network::run`]. Timestamps take a pass
    /// for each dispatch; the difference is what they cost.
    pub fn time_whole(&self, x: &Shape, outputs: &[&str]) -> Result<Timing> {
        let run = self.prepared(x, outputs)?;
        let _queueing = lock(&run.queueing);
        self.0.gpu.time_whole(NETWORK, &run.bound.dispatches)
    }

    fn prepared(&self, x: &Shape, outputs: &[&str]) -> Result<Arc<Run>> {
        self.prepared_with(x, outputs, &mut |_| {})
    }

    fn prepared_with(
        &self,
        x: &Shape,
        outputs: &[&str],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Arc<Run>> {
        let wanted = |run: &Run| {
            run.input.shape() == x
                && outputs.iter().all(|&wanted| run.outputs.iter().any(|(name, _)| name == wanted))
                && run.outputs.iter().all(|(name, _)| outputs.contains(&name.as_str()))
        };
        let mut runs = lock(&self.0.runs);
        if let Some(place) = runs.iter().position(|run| wanted(run)) {
            let run = runs.remove(place);
            runs.push(run.clone());
            return Ok(run);
        }
        // Its slots may be taken from the plan that goes.
        if runs.len() >= KEPT {
            runs.remove(0);
        }
        let run = Arc::new(self.bind(x, outputs, progress)?);
        runs.push(run.clone());
        Ok(run)
    }

    fn bind(&self, x: &Shape, outputs: &[&str], progress: &mut dyn FnMut(Progress)) -> Result<Run> {
        let gpu = &self.0.gpu;
        let plan = self.0.layer.plan(x)?;
        // A layer may make its weights of the shape of its input.
        plan.check_weights(&self.0.weights)?;
        let plan = plan.keep(outputs)?;
        let plan = if self.0.fused { plan.fuse() } else { plan };
        let ways = |op: &Operator, shapes: &[&Shape]| gpu.candidates(op, shapes);
        let memory = plan.memory_by(gpu.0.context.limits.max_buffer_size, &ways)?;
        // Whatever the device refuses is refused before anything is allocated: what is larger than a buffer
        // before kernels are compiled, what cannot be cut into parts after it.
        for step in plan.steps() {
            if let Action::Apply(op) = &step.action {
                gpu.check_buffers(op, &plan.input_shapes(step))
                    .map_err(|error| in_layer(&step.name, error))?;
            }
        }
        gpu.warm_up_with(&keys(gpu, &plan)?, progress)?;
        let mut chunks: Vec<Vec<Chunk>> = Vec::new();
        for step in plan.steps() {
            chunks.push(match &step.action {
                Action::Apply(op) => gpu
                    .chunks(op, &plan.input_shapes(step), &Choice::Preferred)
                    .map_err(|error| in_layer(&step.name, error))?,
                Action::Reshape => Vec::new(),
            });
        }
        let mut ready: Vec<Vec<Packed>> = Vec::new();
        for (step, chunks) in plan.steps().iter().zip(&chunks) {
            ready.push(self.pack(&plan, step, chunks)?);
        }
        let mut tensors = self.upload_constants(&plan, &unpacked(&plan, &chunks, &ready))?;
        // What the weights lay in before they were packed, and what they were staged in.
        gpu.0.uploads.drain(gpu);
        gpu.trim();
        let slots = memory.slots().iter().map(|&bytes| {
            let context = &gpu.0.context;
            let lease = gpu.0.pool.lease_exact(context, Use::Storage, bytes, NETWORK, "a slot")?;
            Ok(Arc::new(lease))
        });
        let slots: Vec<Arc<Lease>> = slots.collect::<Result<_>>()?;
        let place = |value: Value| {
            let place = memory.place(value)?;
            Some(gpu.view(plan.shape(value), slots.get(place.slot)?.clone(), place.offset, 0))
        };
        for &(_, input) in plan.inputs() {
            tensors.extend(place(input).map(|tensor| (input, tensor)));
        }
        let mut binder = Binder::new(gpu, NETWORK)?;
        for (index, ((step, chunks), ready)) in
            plan.steps().iter().zip(&chunks).zip(&ready).enumerate()
        {
            let inputs: Vec<Option<&GpuTensor>> =
                step.inputs.iter().map(|input| tensors.get(input)).collect();
            let output = match (&step.action, inputs.first()) {
                (Action::Reshape, Some(Some(input))) => {
                    Some(input.in_shape(plan.shape(step.output).clone()))
                }
                _ => place(step.output),
            };
            let output = output.ok_or_else(|| unplaced(&step.name))?;
            if let Action::Apply(op) = &step.action {
                let (shapes, inputs) = (plan.input_shapes(step), inputs.as_slice());
                let scratch = memory.scratch_places(index).iter();
                let scratch = scratch
                    .filter_map(|at| Some((slots.get(at.slot)?.clone(), at.offset, at.bytes)));
                let room = &[scratch.collect()];
                let call =
                    Call { op, shapes: &shapes, inputs, output: &output, chunks, ready, room };
                binder.push(call).map_err(|error| in_layer(&step.name, error))?;
            }
            tensors.insert(step.output, output);
        }
        let bound = binder.finish()?;
        let find = |value: &Value| {
            tensors.get(value).cloned().ok_or_else(|| unplaced(&plan.value(*value).name))
        };
        let outputs = plan
            .outputs()
            .iter()
            .map(|(name, value)| Ok((name.clone(), find(value)?)))
            .collect::<Result<_>>()?;
        let input = plan
            .inputs()
            .first()
            .map(|(_, input)| input)
            .ok_or_else(|| unplaced("x"))
            .and_then(find)?;
        Ok(Run { plan, memory, input, outputs, bound, queueing: Mutex::default() })
    }

    /// What the calls of a step that read weights alone make of them: made now, unless another plan has;
    /// nothing where there are none, or where what they read is no weight here.
    fn pack(&self, plan: &Plan, step: &Step, chunks: &[Chunk]) -> Result<Vec<Packed>> {
        let Some(Candidate { scratch, calls, once, .. }) = chunks.first().map(|c| &c.candidate)
        else {
            return Ok(Vec::new());
        };
        let once = calls.get(..*once).unwrap_or_default();
        if !chunks.iter().all(|chunk| chunk.candidate.calls.starts_with(once)) {
            return Ok(Vec::new());
        }
        let mut packed = Vec::new();
        for (call, &elements) in once.iter().zip(scratch) {
            let weight = call.bindings.iter().find_map(|(_, operand)| match operand {
                Operand::Input(index) => step.inputs.get(*index).copied(),
                _ => None,
            });
            match weight.map(|value| (value, &plan.value(value).source)) {
                Some((value, Source::Constant(constant))) => {
                    packed.push(self.packed(plan, value, constant, call, elements)?);
                }
                _ => return Ok(Vec::new()),
            }
        }
        Ok(packed)
    }

    fn packed(
        &self,
        plan: &Plan,
        value: Value,
        constant: &Constant,
        call: &KernelCall,
        elements: usize,
    ) -> Result<Packed> {
        let gpu = &self.0.gpu;
        let mut known = lock(&self.0.packed);
        if let Some((.., packed)) = known.iter().find(|(by, of, _)| (by, of) == (call, constant)) {
            return Ok(packed.clone());
        }
        let name = &plan.value(value).name;
        let context = &gpu.0.context;
        let bytes = 4 * elements as u64;
        let lease = gpu.0.pool.lease_exact(context, Use::Storage, bytes, NETWORK, name)?;
        let packed = (Arc::new(lease), bytes);
        // Only for as long as it is packed: the next one may use the same buffer.
        let weight = gpu.empty(plan.shape(value), NETWORK, name)?;
        gpu.write(&weight, constant.evaluate(&self.0.weights)?.data())?;
        let mut binder = Binder::new(gpu, NETWORK)?;
        binder.push_once(call, &weight, &packed)?;
        let bound = binder.finish()?;
        let submission = gpu.record(NETWORK, &bound.dispatches, None)?;
        gpu.0.in_flight.push(gpu, submission, MAX_IN_FLIGHT);
        known.push((call.clone(), constant.clone(), packed.clone()));
        Ok(packed)
    }

    /// These constants of a plan on the device, those that are there already shared.
    fn upload_constants(
        &self,
        plan: &Plan,
        wanted: &HashSet<Value>,
    ) -> Result<HashMap<Value, GpuTensor>> {
        let gpu = &self.0.gpu;
        let mut known = lock(&self.0.constants);
        let mut tensors = HashMap::new();
        for (value, constant) in plan.constants().filter(|(value, _)| wanted.contains(value)) {
            let tensor = match known.get(constant) {
                Some(tensor) => tensor.in_shape(plan.shape(value).clone()),
                None => {
                    let host = constant.evaluate(&self.0.weights)?;
                    let bytes = plan.bytes(value)?;
                    let context = &gpu.0.context;
                    let name = &plan.value(value).name;
                    let lease =
                        gpu.0.pool.lease_exact(context, Use::Storage, bytes, NETWORK, name)?;
                    let tensor = gpu.view(plan.shape(value), Arc::new(lease), 0, 0);
                    gpu.write(&tensor, host.data())?;
                    known.insert(constant.clone(), tensor.clone());
                    tensor
                }
            };
            tensors.insert(value, tensor);
        }
        Ok(tensors)
    }
}

/// The values that are read as they are: by a call that is not made once, in a new shape, or as a result.
fn unpacked(plan: &Plan, chunks: &[Vec<Chunk>], ready: &[Vec<Packed>]) -> HashSet<Value> {
    let mut values: HashSet<Value> = plan.outputs().iter().map(|(_, value)| *value).collect();
    for ((step, chunks), ready) in plan.steps().iter().zip(chunks).zip(ready) {
        if step.action == Action::Reshape {
            values.extend(&step.inputs);
        }
        for Candidate { calls, once, .. } in chunks.iter().map(|chunk| &chunk.candidate) {
            let made = if ready.is_empty() { 0 } else { *once };
            let operands = calls.iter().skip(made).flat_map(|call| &call.bindings);
            values.extend(operands.filter_map(|(_, operand)| match operand {
                Operand::Input(index) => step.inputs.get(*index),
                _ => None,
            }));
        }
    }
    values
}

/// The pipelines of a plan's preferred kernels, each once.
fn keys(gpu: &Gpu, plan: &Plan) -> Result<Vec<KernelKey>> {
    let mut keys: Vec<KernelKey> = Vec::new();
    for step in plan.steps() {
        let Action::Apply(op) = &step.action else { continue };
        for key in preferred(gpu, op, &plan.input_shapes(step))? {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
    }
    Ok(keys)
}

fn preferred(gpu: &Gpu, op: &Operator, shapes: &[&Shape]) -> Result<Vec<KernelKey>> {
    let candidates = gpu.candidates(op, shapes)?;
    let calls = candidates.last().map(|candidate| candidate.calls.as_slice()).unwrap_or_default();
    Ok(calls.iter().map(|call| call.key()).collect())
}

fn in_layer(layer: &str, error: Error) -> Error {
    Error::Layer { layer: layer.to_owned(), source: Box::new(error) }
}

fn unplaced(name: &str) -> Error {
    let message = format!("{name} has no place in memory");
    Error::Device { what: "binding a network".to_owned(), message }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at every point where a panic could unwind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

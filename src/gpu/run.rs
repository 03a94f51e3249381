//! A plan bound to a device: its weights uploaded, its slots lent, its dispatches made.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::device::pool::{Lease, Use};
use super::device::tensor::GpuTensor;
use super::device::transfer;
use super::handle::{Choice, Gpu};
use super::program::binder::{Bound, Call, Packed};
use super::program::dispatch;
use super::program::slots::Slots;
use super::split::Chunk;
use crate::error::{Error, Result};
use crate::kernels::{Candidate, KernelCall, KernelKey, Operand};
use crate::ops::Operator;
use crate::plan::{Action, Constant, Memory, Plan, Source, Step, Value};
use crate::shape::Shape;
use crate::tensor::StateDict;

/// Names the network in errors of the device.
pub(super) const NETWORK: &str = "network";

/// Compiles kernels ahead of binding them.
pub(super) type Compile<'a> = &'a mut dyn FnMut(&[KernelKey]) -> Result<()>;

/// The weights of a network, on the host and, as far as a plan has needed them, on the device.
pub(super) struct Weights {
    pub host: StateDict,
    constants: Slots<Constant, GpuTensor>,
    /// In the layouts of the kernels that read them, by what made them of what.
    packed: Slots<(KernelCall, Constant), Packed>,
}

/// A plan with its slots and bind groups: can be submitted any number of times.
#[derive(Debug)]
pub(super) struct Run {
    pub plan: Plan,
    pub memory: Memory,
    pub inputs: Vec<GpuTensor>,
    pub outputs: Vec<(String, GpuTensor)>,
    pub bound: Bound,
    pub queueing: Mutex<()>,
}

impl Run {
    /// Binds a plan. Whatever the device refuses is refused before anything is allocated: what is larger than a buffer
    /// before kernels are compiled, what cannot be cut into parts after it.
    pub fn bind(gpu: &Gpu, plan: Plan, weights: &Weights, compile: Compile<'_>) -> Result<Run> {
        let context = &gpu.0.context;
        let ways = |op: &Operator, shapes: &[&Shape]| gpu.candidates(op, shapes);
        let memory = plan.memory_by(context.driver.limits.max_buffer_size, &ways)?;
        for step in plan.steps() {
            if let Action::Apply(op) = &step.action {
                gpu.check_buffers(op, &plan.input_shapes(step))
                    .map_err(|error| in_layer(&step.name, error))?;
            }
        }
        compile(&keys(gpu, &plan)?)?;
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
            ready.push(weights.pack(gpu, &plan, step, chunks)?);
        }
        let mut tensors = weights.upload(gpu, &plan, &unpacked(&plan, &chunks, &ready))?;
        // What the weights lay in before they were packed, and what they were staged in.
        context.uploads.drain(&context.driver);
        gpu.trim();
        let slots = memory.slots().iter().map(|&bytes| {
            context.lease_exact(Use::Storage, bytes, NETWORK, "a slot").map(Arc::new)
        });
        let slots: Vec<Arc<Lease>> = slots.collect::<Result<_>>()?;
        let place = |value: Value| {
            let place = memory.place(value)?;
            let (shape, lease) = (plan.shape(value).clone(), slots.get(place.slot)?.clone());
            Some(GpuTensor { shape, lease, offset: place.offset, slack: 0 })
        };
        for &(_, input) in plan.inputs() {
            tensors.extend(place(input).map(|tensor| (input, tensor)));
        }
        let mut binder = gpu.binder(NETWORK)?;
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
        let inputs = plan.inputs().iter().map(|(_, input)| find(input)).collect::<Result<_>>()?;
        Ok(Run { plan, memory, inputs, outputs, bound, queueing: Mutex::default() })
    }
}

impl Weights {
    pub fn new(host: StateDict) -> Self {
        Weights { host, constants: Slots::default(), packed: Slots::default() }
    }

    /// What the calls of a step that read weights alone make of them: made now, unless another plan has;
    /// nothing where there are none, or where what they read is no weight here.
    fn pack(&self, gpu: &Gpu, plan: &Plan, step: &Step, chunks: &[Chunk]) -> Result<Vec<Packed>> {
        let Some(Candidate { scratch, calls, prepack: count, .. }) =
            chunks.first().map(|c| &c.candidate)
        else {
            return Ok(Vec::new());
        };
        let once = calls.get(..*count).unwrap_or_default();
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
                    let name = &plan.value(value).name;
                    let made = self.packed.get((call.clone(), constant.clone()), || {
                        let host = constant.evaluate(&self.host)?;
                        prepack(gpu, call, plan.shape(value), host.data(), elements, name)
                    });
                    packed.push(made?);
                }
                _ => return Ok(Vec::new()),
            }
        }
        Ok(packed)
    }

    /// These constants of a plan on the device, those that are there already shared.
    fn upload(
        &self,
        gpu: &Gpu,
        plan: &Plan,
        wanted: &HashSet<Value>,
    ) -> Result<HashMap<Value, GpuTensor>> {
        let context = &gpu.0.context;
        let wanted = plan.constants().filter(|(value, _)| wanted.contains(value));
        let tensors = wanted.map(|(value, constant)| {
            let shape = plan.shape(value);
            let tensor = self.constants.get(constant.clone(), || {
                let host = constant.evaluate(&self.host)?;
                let (bytes, name) = (plan.bytes(value)?, &plan.value(value).name);
                let lease = Arc::new(context.lease_exact(Use::Storage, bytes, NETWORK, name)?);
                let tensor = GpuTensor { shape: shape.clone(), lease, offset: 0, slack: 0 };
                transfer::write(context, &tensor, host.data())?;
                Ok(tensor)
            });
            Ok((value, tensor?.in_shape(shape.clone())))
        });
        tensors.collect()
    }
}

/// What a call makes of a weight: so many elements in another layout.
fn prepack(
    gpu: &Gpu,
    call: &KernelCall,
    shape: &Shape,
    weight: &[f32],
    elements: usize,
    name: &str,
) -> Result<Packed> {
    let context = &gpu.0.context;
    let bytes = 4 * elements as u64;
    let packed = (Arc::new(context.lease_exact(Use::Storage, bytes, NETWORK, name)?), bytes);
    // Only for as long as it is packed: the next one may use the same buffer.
    let tensor = context.empty(shape, NETWORK, name)?;
    transfer::write(context, &tensor, weight)?;
    let mut binder = gpu.binder(NETWORK)?;
    binder.push_once(call, &tensor, &packed)?;
    dispatch::submit(context, NETWORK, &binder.finish()?.dispatches)?;
    Ok(packed)
}

/// The values that are read as they are: by a call that is not made once, in a new shape, or as a result.
fn unpacked(plan: &Plan, chunks: &[Vec<Chunk>], ready: &[Vec<Packed>]) -> HashSet<Value> {
    let mut values: HashSet<Value> = plan.outputs().iter().map(|(_, value)| *value).collect();
    for ((step, chunks), ready) in plan.steps().iter().zip(chunks).zip(ready) {
        if step.action == Action::Reshape {
            values.extend(&step.inputs);
        }
        for Candidate { calls, prepack, .. } in chunks.iter().map(|chunk| &chunk.candidate) {
            let made = if ready.is_empty() { 0 } else { *prepack };
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

pub(super) fn in_layer(layer: &str, error: Error) -> Error {
    Error::Layer { layer: layer.to_owned(), source: Box::new(error) }
}

fn unplaced(name: &str) -> Error {
    Error::Internal(format!("{name} has no place in memory"))
}

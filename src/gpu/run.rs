//! A plan bound to a device: its weights uploaded, its slots lent, its dispatches made.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::device::pool::{Lease, Use};
use super::device::tensor::GpuTensor;
use super::device::transfer;
use super::handle::Gpu;
use super::program::binder::{Bound, Call, Packed};
use super::program::dispatch;
use super::program::slots::Slots;
use crate::error::{Error, Result};
use crate::kernels::{KernelCall, KernelKey};
use crate::plan::{Action, Constant, Plan, Source, Value, ValueInfo};
use crate::schedule::{Prepack, Schedule};
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
    pub schedule: Schedule,
    pub inputs: Vec<GpuTensor>,
    pub outputs: Vec<(String, GpuTensor)>,
    /// By call that was bound, its step and its result.
    pub results: Vec<(String, GpuTensor)>,
    pub bound: Bound,
    pub queueing: Mutex<()>,
}

impl Run {
    /// Lowers a plan and binds what comes out.
    pub fn bind(gpu: &Gpu, plan: Plan, weights: &Weights, compile: Compile<'_>) -> Result<Run> {
        let context = &gpu.0.context;
        // Whatever the device refuses is refused here, before anything is compiled or allocated.
        let schedule = gpu.lower(&plan)?;
        compile(&schedule.keys)?;
        let mut ready: Vec<Vec<Packed>> = Vec::new();
        for step in &schedule.steps {
            let packed = step.prepack.iter().map(|prepack| weights.prepacked(gpu, &plan, prepack));
            ready.push(packed.collect::<Result<_>>()?);
        }
        let mut tensors = weights.upload(gpu, &plan, &schedule.constants)?;
        // What the weights lay in before they were packed, and what they were staged in.
        context.uploads.drain(&context.driver);
        gpu.trim();
        let slots = schedule.memory.slots().iter().map(|&bytes| {
            context.lease_exact(Use::Storage, bytes, NETWORK, "a slot").map(Arc::new)
        });
        let slots: Vec<Arc<Lease>> = slots.collect::<Result<_>>()?;
        let dtype = gpu.profile().storage;
        let place = |value: Value| {
            let place = schedule.memory.place(value)?;
            let (shape, lease) = (plan.shape(value).clone(), slots.get(place.slot)?.clone());
            Some(GpuTensor { shape, dtype, lease, offset: place.offset, slack: 0 })
        };
        for &(_, input) in plan.inputs() {
            tensors.extend(place(input).map(|tensor| (input, tensor)));
        }
        let mut binder = gpu.binder(NETWORK)?;
        let mut results = Vec::new();
        for (index, (step, lowered)) in plan.steps().iter().zip(&schedule.steps).enumerate() {
            let inputs: Vec<Option<&GpuTensor>> =
                step.inputs.iter().map(|input| tensors.get(input)).collect();
            let output = match (&step.action, inputs.first()) {
                (Action::Reshape, Some(Some(input))) => {
                    Some(input.in_shape(plan.shape(step.output).clone()))
                }
                _ => place(step.output),
            };
            let output = output.ok_or_else(|| unplaced(&step.name))?;
            if let (Action::Apply(op), Some(call)) = (&step.action, &lowered.call) {
                let (shapes, inputs) = (plan.input_shapes(step), inputs.as_slice());
                let scratch = schedule.memory.scratch_places(index).iter();
                let scratch = scratch
                    .filter_map(|at| Some((slots.get(at.slot)?.clone(), at.offset, at.bytes)));
                let room = &[scratch.collect()];
                let (output, slices, ready) = (&output, &call.slices, &ready[index]);
                let call = Call { op, shapes: &shapes, inputs, output, slices, ready, room };
                binder.push(call).map_err(|error| in_layer(&step.name, error))?;
                results.push((step.name.clone(), output.clone()));
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
        Ok(Run { plan, schedule, inputs, outputs, results, bound, queueing: Mutex::default() })
    }
}

impl Weights {
    pub fn new(host: StateDict) -> Self {
        Weights { host, constants: Slots::default(), packed: Slots::default() }
    }

    /// A weight in another layout: made now, unless another plan has.
    fn prepacked(&self, gpu: &Gpu, plan: &Plan, prepack: &Prepack) -> Result<Packed> {
        let Prepack { value, call, .. } = prepack;
        let ValueInfo { name, shape, source, .. } = plan.value(*value);
        let Source::Constant(constant) = source else {
            return Err(Error::Internal(format!("{name} is prepacked and no weight")));
        };
        self.packed.get((call.clone(), constant.clone()), || {
            let context = &gpu.0.context;
            let bytes = gpu.profile().storage.bytes(prepack.elements as u64);
            let host = constant.evaluate(&self.host)?;
            let lease = context.lease_exact(Use::Storage, bytes, NETWORK, name)?;
            let packed = (Arc::new(lease), bytes);
            // Only for as long as it is packed: the next one may use the same buffer.
            let tensor = context.empty(shape, NETWORK, name)?;
            transfer::write(context, &tensor, host.data())?;
            let mut binder = gpu.binder(NETWORK)?;
            binder.push_once(call, &tensor, &packed)?;
            dispatch::submit(context, NETWORK, &binder.finish()?.dispatches)?;
            Ok(packed)
        })
    }

    /// These constants of a plan on the device, those that are there already shared.
    fn upload(
        &self,
        gpu: &Gpu,
        plan: &Plan,
        wanted: &HashSet<Value>,
    ) -> Result<HashMap<Value, GpuTensor>> {
        let (context, dtype) = (&gpu.0.context, gpu.profile().storage);
        let wanted = plan.constants().filter(|(value, _)| wanted.contains(value));
        let tensors = wanted.map(|(value, constant)| {
            let shape = plan.shape(value);
            let tensor = self.constants.get(constant.clone(), || {
                let host = constant.evaluate(&self.host)?;
                let (bytes, name) = (plan.bytes(value, dtype)?, &plan.value(value).name);
                let lease = Arc::new(context.lease_exact(Use::Storage, bytes, NETWORK, name)?);
                let tensor = GpuTensor { shape: shape.clone(), dtype, lease, offset: 0, slack: 0 };
                transfer::write(context, &tensor, host.data())?;
                Ok(tensor)
            });
            Ok((value, tensor?.in_shape(shape.clone())))
        });
        tensors.collect()
    }
}

pub(super) fn in_layer(layer: &str, error: Error) -> Error {
    Error::Layer { layer: layer.to_owned(), source: Box::new(error) }
}

fn unplaced(name: &str) -> Error {
    Error::Internal(format!("{name} has no place in memory"))
}

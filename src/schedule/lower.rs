//! From a plan to a schedule.

use std::collections::HashSet;

use super::choose::{Choice, Policy, Why};
use super::memory::Memory;
use super::slices::{Lowered, Slice, Slicing, check_buffers};
use crate::error::{Error, Result};
use crate::kernels::{Candidate, DeviceProfile, KernelCall, KernelKey, Operand};
use crate::ops::Operator;
use crate::plan::{Action, Plan, Source, Value};
use crate::shape::Shape;

/// How a plan is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// By step of the plan.
    pub steps: Vec<Step>,
    /// Where values and scratch lie.
    pub memory: Memory,
    /// The constants that are read as they are. Those that are not are prepacked.
    pub constants: HashSet<Value>,
    /// The pipelines that it takes, each once.
    pub keys: Vec<KernelKey>,
}

/// How a step is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The call; nothing where the step only gives a value another shape.
    pub call: Option<Lowered>,
    /// The weights that are brought into the layout of the kernels once: in each slice, these take the place of the first
    /// calls and of the scratch that they write.
    pub prepack: Vec<Prepack>,
}

/// A weight in another layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepack {
    /// The weight.
    pub value: Value,
    /// What makes the other layout of it.
    pub call: KernelCall,
    /// Elements of the result.
    pub elements: usize,
}

/// Lowers a call.
pub fn lower_call(
    op: &Operator,
    shapes: &[&Shape],
    profile: &DeviceProfile,
    policy: &Policy,
    choice: &Choice,
) -> Result<Lowered> {
    Slicing { op, shapes, profile, policy, choice }.slices()
}

/// Lowers a plan. A candidate that is asked for by name carries out each step that has it; it is an error where none has.
pub fn lower(
    plan: &Plan,
    profile: &DeviceProfile,
    policy: &Policy,
    choice: &Choice,
) -> Result<Schedule> {
    // A tensor that no buffer can hold is refused before those that could be cut.
    each(plan, |op, shapes| check_buffers(op, shapes, profile).map(|_| ()))?;
    let mut missing = None;
    let calls = each(plan, |op, shapes| match lower_call(op, shapes, profile, policy, choice) {
        Err(error @ Error::UnknownKernel { .. }) if *choice != Choice::Preferred => {
            missing.get_or_insert(error);
            lower_call(op, shapes, profile, policy, &Choice::Preferred)
        }
        lowered => lowered,
    })?;
    let named = |call: &Option<Lowered>| call.as_ref().is_some_and(|call| call.why == Why::Named);
    if let Some(missing) = missing.filter(|_| !calls.iter().any(named)) {
        return Err(missing);
    }
    let steps: Vec<Step> = calls
        .into_iter()
        .enumerate()
        .map(|(index, call)| Step { prepack: prepack(plan, index, call.as_ref()), call })
        .collect();
    let memory = Memory::of(plan, profile, &scratch(&steps))?;
    let mut keys: Vec<KernelKey> = Vec::new();
    for key in steps.iter().filter_map(|step| step.call.as_ref()).flat_map(Lowered::keys) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    Ok(Schedule { constants: constants(plan, &steps), steps, memory, keys })
}

impl Schedule {
    /// Checks where everything lies: see [`Memory::check`].
    pub fn check(&self, plan: &Plan) -> std::result::Result<(), String> {
        self.memory.check(plan, &scratch(&self.steps))
    }
}

/// What a function makes of the call of each step, with the step in its error; nothing for those that only reshape.
fn each<T>(
    plan: &Plan,
    mut f: impl FnMut(&Operator, &[&Shape]) -> Result<T>,
) -> Result<Vec<Option<T>>> {
    let steps = plan.steps().iter().map(|step| match &step.action {
        Action::Reshape => Ok(None),
        Action::Apply(op) => f(op, &plan.input_shapes(step))
            .map(Some)
            .map_err(|source| Error::Layer { layer: step.name.clone(), source: Box::new(source) }),
    });
    steps.collect()
}

/// Elements of the scratch buffers of each step, but for those that are prepacked weights: the most of any slice.
fn scratch(steps: &[Step]) -> Vec<Vec<usize>> {
    let of = |step: &Step| {
        let mut most: Vec<usize> = Vec::new();
        for slice in step.call.iter().flat_map(|call| &call.slices) {
            let own = slice.candidate.scratch.iter().skip(step.prepack.len());
            for (place, &elements) in own.enumerate() {
                match most.get_mut(place) {
                    Some(known) => *known = elements.max(*known),
                    None => most.push(elements),
                }
            }
        }
        most
    };
    steps.iter().map(of).collect()
}

/// The weights of a step that can be prepacked: none where the slices prepack differently or read parts of them, or where a
/// call that should reads what is no weight.
fn prepack(plan: &Plan, index: usize, call: Option<&Lowered>) -> Vec<Prepack> {
    let Some(call) = call else { return Vec::new() };
    let Some(Candidate { calls, prepack, scratch, .. }) = call.candidate() else {
        return Vec::new();
    };
    let calls = calls.get(..*prepack).unwrap_or_default();
    let whole = |slice: &Slice| slice.groups.is_none() && slice.candidate.calls.starts_with(calls);
    if !call.slices.iter().all(whole) {
        return Vec::new();
    }
    let inputs = &plan.steps()[index].inputs;
    let prepacked = calls.iter().zip(scratch).map(|(call, &elements)| {
        let weight = call.bindings.iter().find_map(|(_, operand)| match operand {
            Operand::Input(input) => inputs.get(*input).copied(),
            _ => None,
        });
        let weight =
            weight.filter(|&value| matches!(plan.value(value).source, Source::Constant(_)));
        weight.map(|value| Prepack { value, call: call.clone(), elements })
    });
    prepacked.collect::<Option<_>>().unwrap_or_default()
}

/// The constants that are read as they are: by a call that is not prepacked, in a new shape, or as a result.
fn constants(plan: &Plan, steps: &[Step]) -> HashSet<Value> {
    let mut values: HashSet<Value> = plan.outputs().iter().map(|(_, value)| *value).collect();
    for (step, lowered) in plan.steps().iter().zip(steps) {
        let Some(call) = &lowered.call else {
            values.extend(&step.inputs);
            continue;
        };
        for slice in &call.slices {
            let calls = slice.candidate.calls.iter().skip(lowered.prepack.len());
            values.extend(calls.flat_map(|call| &call.bindings).filter_map(|(_, operand)| {
                match operand {
                    Operand::Input(index) => step.inputs.get(*index),
                    _ => None,
                }
            }));
        }
    }
    values.retain(|&value| matches!(plan.value(value).source, Source::Constant(_)));
    values
}

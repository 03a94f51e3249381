//! Where the values of a plan lie: values that are never needed at the same time share a slot.
//!
//! A slot is a buffer. Slots rather than one arena, because a kernel may not read and write the same
//! buffer.

use std::collections::HashSet;

use super::{Action, Constant, Plan, Source, Value};
use crate::error::{Error, Result};
use crate::ops::Op;

/// From which moment to which a value is needed. Inputs are there at moment 0, step `i` runs at moment
/// `i + 1`, and results are fetched after the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// When it is written.
    pub first: usize,
    /// When it is read for the last time.
    pub last: usize,
}

impl Span {
    /// Whether there is a moment at which both values are needed.
    pub fn meets(&self, other: &Span) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// The slots of a plan and which value lies in which.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// By value; nothing for constants and for values that no step needs.
    slot_of: Vec<Option<usize>>,
    slots: Vec<u64>,
    /// Bytes of all constants.
    pub constants: u64,
    /// The most scratch that one step takes.
    pub scratch: u64,
    /// The most that is needed at one moment: no layout can do with less.
    pub live: u64,
}

/// What slots are a multiple of, in bytes.
const UNIT: u64 = 256;

impl Plan {
    /// The value whose memory a value lies in: itself, but for one that is another in a new shape.
    pub fn root(&self, value: Value) -> Value {
        let maker = self.steps.iter().find(|step| step.output == value);
        match maker {
            Some(step) if step.action == Action::Reshape => {
                step.inputs.first().map_or(value, |&input| self.root(input))
            }
            _ => value,
        }
    }

    /// The root of every value, in one go.
    fn roots(&self) -> Vec<Value> {
        let mut roots: Vec<Value> = (0..self.values.len()).map(Value).collect();
        for step in self.steps.iter().filter(|step| step.action == Action::Reshape) {
            if let Some(input) = step.inputs.first() {
                roots[step.output.0] = roots[input.0];
            }
        }
        roots
    }

    /// When each value is needed: of roots that are not constants.
    pub fn spans(&self) -> Vec<Option<Span>> {
        let roots = self.roots();
        let mut spans: Vec<Option<Span>> = vec![None; self.values.len()];
        let mut need = |value: Value, moment: usize| {
            let root = roots[value.0];
            if matches!(self.value(root).source, Source::Constant(_)) {
                return;
            }
            let span = spans[root.0].get_or_insert(Span { first: moment, last: moment });
            span.last = span.last.max(moment);
        };
        for &input in &self.inputs {
            need(input, 0);
        }
        for (index, step) in self.steps.iter().enumerate() {
            for &value in step.inputs.iter().chain([&step.output]) {
                need(value, index + 1);
            }
        }
        for &(_, output) in &self.outputs {
            need(output, self.steps.len() + 1);
        }
        spans
    }

    /// Bytes of a value.
    pub fn bytes(&self, value: Value) -> Result<u64> {
        let elements = self.shape(value).elements().map_err(Error::at("plan"))?;
        Ok(4 * elements as u64)
    }

    /// Lays the values out: the largest first, each in the first slot where it meets nobody.
    pub fn memory(&self) -> Result<Memory> {
        let spans = self.spans();
        let mut order = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            if let Some(span) = span {
                let bytes = self.bytes(Value(index))?.next_multiple_of(UNIT);
                order.push((bytes, index, *span));
            }
        }
        let live = (0..self.steps.len() + 2).map(|moment| {
            let now = Span { first: moment, last: moment };
            order.iter().filter(|(.., span)| span.meets(&now)).map(|(bytes, ..)| bytes).sum()
        });
        let live = live.max().unwrap_or(0);
        order.sort_by_key(|&(bytes, index, _)| (std::cmp::Reverse(bytes), index));
        let mut slots: Vec<(u64, Vec<Span>)> = Vec::new();
        let mut slot_of = vec![None; self.values.len()];
        for (bytes, index, span) in order {
            let free = slots.iter().position(|(_, taken)| !taken.iter().any(|t| t.meets(&span)));
            let slot = free.unwrap_or_else(|| {
                slots.push((bytes, Vec::new()));
                slots.len() - 1
            });
            slots[slot].1.push(span);
            slot_of[index] = Some(slot);
        }
        let mut constants = 0;
        let mut seen: HashSet<&Constant> = HashSet::new();
        for (value, constant) in self.constants() {
            if seen.insert(constant) {
                constants += self.bytes(value)?.next_multiple_of(UNIT);
            }
        }
        let slots = slots.into_iter().map(|(bytes, _)| bytes).collect();
        Ok(Memory { slot_of, slots, constants, scratch: self.scratch()?, live })
    }

    /// The most scratch that any way to carry out any step takes.
    fn scratch(&self) -> Result<u64> {
        let mut most = 0;
        for step in &self.steps {
            let Action::Apply(op) = &step.action else { continue };
            let candidates = op.candidates(&self.input_shapes(step));
            for candidate in candidates.map_err(Error::at(op.name()))? {
                let bytes = |&elements: &usize| (4 * elements as u64).next_multiple_of(UNIT);
                // What is made of the weights once takes their place.
                let scratch = candidate.scratch.iter().skip(candidate.once);
                most = most.max(scratch.map(bytes).sum());
            }
        }
        Ok(most)
    }
}

impl Memory {
    /// The slot in which a value lies; nothing for constants, and for values in another's shape the slot
    /// of their [root](Plan::root).
    pub fn slot(&self, value: Value) -> Option<usize> {
        self.slot_of.get(value.0).copied().flatten()
    }

    /// Bytes of each slot.
    pub fn slots(&self) -> &[u64] {
        &self.slots
    }

    /// Bytes of all slots.
    pub fn activations(&self) -> u64 {
        self.slots.iter().sum()
    }

    /// Bytes of everything that a run holds on the device.
    pub fn peak(&self) -> u64 {
        self.activations() + self.constants + self.scratch
    }

    /// Proves the layout: every value has a slot that it fits into and nobody else needs meanwhile. The
    /// error is the first pair of values that share what they must not, or the one without a place.
    pub fn check(&self, plan: &Plan) -> std::result::Result<(), String> {
        let placed: Vec<(Value, Span, usize)> = plan
            .spans()
            .iter()
            .enumerate()
            .filter_map(|(index, span)| span.map(|span| (Value(index), span)))
            .map(|(value, span)| {
                let name = &plan.value(value).name;
                let slot = self.slot(value).ok_or_else(|| format!("{name} has no slot"))?;
                let bytes = plan.bytes(value).map_err(|error| error.to_string())?;
                if self.slots.get(slot).is_none_or(|&size| size < bytes) {
                    return Err(format!("{name} does not fit into slot {slot}"));
                }
                Ok((value, span, slot))
            })
            .collect::<std::result::Result<_, String>>()?;
        for (index, (a, a_span, a_slot)) in placed.iter().enumerate() {
            for (b, b_span, b_slot) in &placed[index + 1..] {
                if a_slot == b_slot && a_span.meets(b_span) {
                    let name = |value: &Value| &plan.value(*value).name;
                    return Err(format!("{} and {} share slot {a_slot}", name(a), name(b)));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::ops::{Activate, Activation, Add};
    use crate::plan::Builder;
    use crate::shape::Shape;

    /// x, a = relu(x), b = relu(a), c = a + b, with c and a view of x as results.
    fn example() -> Plan {
        let mut plan = Builder::new("example");
        let relu = Activate { activation: Activation::Relu };
        let x = plan.input("x", &Shape::from([100]));
        let view = plan.reshape(x, [10, 10]).unwrap();
        let a = plan.apply("a", relu, &[x]).unwrap();
        let b = plan.apply("b", relu, &[a]).unwrap();
        let c = plan.apply("c", Add::default(), &[a, b]).unwrap();
        plan.output("c", c);
        plan.output("view", view);
        plan.finish()
    }

    #[test]
    fn a_layout_that_was_tampered_with_is_refused() {
        let plan = example();
        let memory = plan.memory().unwrap();
        assert_eq!(memory.check(&plan), Ok(()));
        let spans = plan.spans();
        let placed: Vec<usize> = (0..spans.len()).filter(|&value| spans[value].is_some()).collect();
        assert_eq!(placed.len(), 4);
        for &value in &placed {
            let name = &plan.values[value].name;
            let told = |memory: Memory| memory.check(&plan).unwrap_err();

            let mut nowhere = memory.clone();
            nowhere.slot_of[value] = None;
            assert_eq!(told(nowhere), format!("{name} has no slot"));
            let mut beyond = memory.clone();
            beyond.slot_of[value] = Some(memory.slots.len());
            assert!(told(beyond).starts_with(&format!("{name} does not fit")));
            let mut narrow = memory.clone();
            narrow.slots[memory.slot_of[value].unwrap()] = 396;
            assert!(told(narrow).contains("does not fit into slot"));

            // Into the slot of every other value: refused where both are needed at one moment.
            for &other in placed.iter().filter(|&&other| other != value) {
                let mut shared = memory.clone();
                shared.slot_of[value] = memory.slot_of[other];
                let meet = spans[value].unwrap().meets(&spans[other].unwrap());
                let answer = shared.check(&plan);
                assert!(!meet || answer.is_err(), "{name}: {answer:?}");
                if meet {
                    assert!(answer.unwrap_err().contains("share slot"));
                }
            }
        }
    }

    #[test]
    fn values_are_needed_from_the_step_that_writes_them_to_the_last_that_reads_them() {
        let plan = example();
        let span = |first, last| Some(Span { first, last });
        // The view is x, from before the first of four steps to after the last.
        assert_eq!(plan.spans(), [span(0, 5), None, span(2, 4), span(3, 4), span(4, 5)]);
        assert!(!Span { first: 0, last: 2 }.meets(&Span { first: 3, last: 4 }));
        assert!(Span { first: 0, last: 3 }.meets(&Span { first: 3, last: 4 }));
    }
}

//! Where the values of a plan lie: values that are never needed at the same time share a place.
//!
//! A slot is a buffer, a place is a part of it. Slots rather than one arena, because a kernel may not read and
//! write the same buffer: what a step writes lies in another slot than what it reads.

use std::collections::HashSet;

use super::spans::{Span, roots, spans};
use crate::error::Result;
use crate::kernels::DeviceProfile;
use crate::plan::{Action, Constant, Plan, Value};
use crate::tensor::DType;

/// A part of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Which slot.
    pub slot: usize,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u64,
}

impl Place {
    fn end(&self) -> u64 {
        self.offset + self.bytes
    }

    /// Whether some byte belongs to both.
    fn meets(&self, other: &Place) -> bool {
        self.slot == other.slot && self.offset < other.end() && other.offset < self.end()
    }
}

/// The slots of a plan and which value lies where in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// By value; nothing for constants and for values that no step needs.
    places: Vec<Option<Place>>,
    /// By step: its scratch buffers that found room between the values.
    scratch_places: Vec<Vec<Place>>,
    slots: Vec<u64>,
    /// The type in which everything is stored.
    dtype: DType,
    /// Bytes of all constants.
    pub constants: u64,
    /// The most that one step takes of scratch for which there is no room between the values.
    pub scratch: u64,
    /// The most that is needed at one moment: no layout can do with less.
    pub live: u64,
}

/// A value or scratch that has its place.
#[derive(Debug, Clone, Copy)]
struct Placed {
    place: Place,
    span: Span,
}

/// What places are a multiple of, in bytes: a binding may start at any of them on every device.
const UNIT: u64 = 256;

impl Memory {
    /// Lays the values of a plan out, in buffers of at most the device's size unless a value is larger, and the scratch buffers
    /// of each step, of so many elements, between them: the largest value first, each where it makes a slot least larger,
    /// among those that no step reads and writes then.
    pub fn of(plan: &Plan, profile: &DeviceProfile, scratch: &[Vec<usize>]) -> Result<Memory> {
        let (max_buffer, dtype) = (profile.max_buffer_size, profile.storage);
        let spans = spans(plan);
        let mut order = Vec::new();
        for (index, span) in spans.iter().enumerate() {
            if let Some(span) = span {
                let bytes = plan.bytes(Value(index), dtype)?.next_multiple_of(UNIT);
                order.push((bytes, index, *span));
            }
        }
        let live = (0..plan.steps().len() + 2).map(|moment| {
            let now = Span { first: moment, last: moment };
            order.iter().filter(|(.., span)| span.meets(&now)).map(|(bytes, ..)| bytes).sum()
        });
        let live = live.max().unwrap_or(0);
        order.sort_by_key(|&(bytes, index, _)| (std::cmp::Reverse(bytes), index));
        let partners = partners(plan);
        let mut slots: Vec<u64> = Vec::new();
        let mut placed: Vec<Placed> = Vec::new();
        let mut places: Vec<Option<Place>> = vec![None; plan.values().len()];
        for (bytes, index, span) in order {
            let apart: HashSet<usize> =
                partners[index].iter().filter_map(|other| Some(places[other.0]?.slot)).collect();
            let free = (0..slots.len()).filter(|slot| !apart.contains(slot));
            let fits = free.map(|slot| lowest(&placed, slot, bytes, span));
            let grown = fits.map(|place| (place.end().saturating_sub(slots[place.slot]), place));
            let allowed = grown.filter(|(growth, place)| *growth == 0 || place.end() <= max_buffer);
            let least = allowed.min_by_key(|&(growth, place)| (growth, place.slot));
            let place = match least.filter(|&(growth, _)| growth < bytes) {
                Some((growth, place)) => {
                    slots[place.slot] += growth;
                    place
                }
                None => {
                    slots.push(bytes);
                    Place { slot: slots.len() - 1, offset: 0, bytes }
                }
            };
            placed.push(Placed { place, span });
            places[index] = Some(place);
        }
        let mut constants = 0;
        let mut seen: HashSet<&Constant> = HashSet::new();
        for (value, constant) in plan.constants() {
            if seen.insert(constant) {
                constants += plan.bytes(value, dtype)?.next_multiple_of(UNIT);
            }
        }
        let scratch_places = Vec::new();
        let mut memory =
            Memory { places, scratch_places, slots, dtype, constants, scratch: 0, live };
        for (index, elements) in scratch.iter().enumerate() {
            let (inside, outside) = place_scratch(plan, index, elements, &memory, &placed);
            memory.scratch_places.push(inside);
            memory.scratch = memory.scratch.max(outside);
        }
        Ok(memory)
    }

    /// The slot in which a value lies; nothing for constants, and for values in another's shape the slot
    /// of their [root](Plan::root).
    pub fn slot(&self, value: Value) -> Option<usize> {
        self.place(value).map(|place| place.slot)
    }

    /// Where in its slot a value lies.
    pub fn place(&self, value: Value) -> Option<Place> {
        self.places.get(value.0).copied().flatten()
    }

    /// Where the first scratch buffers of a step lie; those that are not here found no room between the values.
    pub fn scratch_places(&self, step: usize) -> &[Place] {
        self.scratch_places.get(step).map_or(&[], Vec::as_slice)
    }

    /// The type in which everything is stored.
    pub fn dtype(&self) -> DType {
        self.dtype
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

    /// Checks the layout of a plan whose steps have scratch buffers of so many elements: every value has a place that it
    /// fits into and nobody else needs meanwhile, so has scratch that lies between the values, what does not is counted, and
    /// no step writes a slot that it reads, or two scratch buffers in one. The error is the first pair that shares what it
    /// must not, or the one without a place.
    pub fn check(&self, plan: &Plan, elements: &[Vec<usize>]) -> std::result::Result<(), String> {
        let mut placed: Vec<(String, Placed)> = Vec::new();
        let mut scratch = 0;
        let fits = |name: &str, place: &Place, bytes: u64| {
            let inside = self.slots.get(place.slot).is_some_and(|&size| place.end() <= size);
            let fits = inside && bytes <= place.bytes && place.offset.is_multiple_of(UNIT);
            if fits { Ok(()) } else { Err(format!("{name} does not fit into slot {}", place.slot)) }
        };
        for (index, span) in spans(plan).into_iter().enumerate() {
            let Some(span) = span else { continue };
            let name = plan.value(Value(index)).name.clone();
            let place = self.place(Value(index)).ok_or_else(|| format!("{name} has no slot"))?;
            let bytes = plan.bytes(Value(index), self.dtype).map_err(|error| error.to_string())?;
            fits(&name, &place, bytes)?;
            placed.push((name, Placed { place, span }));
        }
        for (index, step) in plan.steps().iter().enumerate() {
            let span = Span { first: index + 1, last: index + 1 };
            let sizes = sizes(elements.get(index).map_or(&[], Vec::as_slice), self.dtype);
            for (at, &place) in self.scratch_places(index).iter().enumerate() {
                let name = format!("scratch {at} of {}", step.name);
                fits(&name, &place, *sizes.get(at).ok_or_else(|| format!("there is no {name}"))?)?;
                placed.push((name, Placed { place, span }));
            }
            scratch = scratch.max(sizes.iter().skip(self.scratch_places(index).len()).sum());
        }
        if scratch != self.scratch {
            return Err(format!(
                "{scratch} bytes of scratch are outside, {} counted",
                self.scratch
            ));
        }
        for (index, (a, one)) in placed.iter().enumerate() {
            for (b, other) in &placed[index + 1..] {
                if one.place.meets(&other.place) && one.span.meets(&other.span) {
                    return Err(format!("{a} and {b} share slot {}", one.place.slot));
                }
            }
        }
        let roots = roots(plan);
        for (index, step) in plan.steps().iter().enumerate() {
            if step.action == Action::Reshape {
                continue;
            }
            let slot = |value: &Value| self.slot(roots[value.0]);
            let read: HashSet<usize> = step.inputs.iter().filter_map(slot).collect();
            let written = slot(&step.output).into_iter();
            let mut seen = read;
            for slot in written.chain(self.scratch_places(index).iter().map(|place| place.slot)) {
                if !seen.insert(slot) {
                    return Err(format!("{} reads and writes slot {slot}", step.name));
                }
            }
        }
        Ok(())
    }
}

/// By root: those that a step writes while it reads the other.
fn partners(plan: &Plan) -> Vec<HashSet<Value>> {
    let roots = roots(plan);
    let mut partners = vec![HashSet::new(); plan.values().len()];
    for step in plan.steps().iter().filter(|step| step.action != Action::Reshape) {
        let output = roots[step.output.0];
        for input in step.inputs.iter().map(|input| roots[input.0]) {
            partners[output.0].insert(input);
            partners[input.0].insert(output);
        }
    }
    partners
}

/// Places for the scratch of a step between the values, and the bytes of what finds none.
fn place_scratch(
    plan: &Plan,
    index: usize,
    elements: &[usize],
    memory: &Memory,
    placed: &[Placed],
) -> (Vec<Place>, u64) {
    let step = &plan.steps()[index];
    let sizes = sizes(elements, memory.dtype);
    let used = step.inputs.iter().chain([&step.output]);
    let roots = used.map(|&value| plan.root(value));
    let mut taken: HashSet<usize> = roots.filter_map(|root| memory.slot(root)).collect();
    let span = Span { first: index + 1, last: index + 1 };
    let mut places = Vec::new();
    for &bytes in &sizes {
        let free = (0..memory.slots.len()).filter(|slot| !taken.contains(slot));
        let fits = free.map(|slot| lowest(placed, slot, bytes, span));
        let Some(place) = fits.into_iter().find(|place| place.end() <= memory.slots[place.slot])
        else {
            // One after the other: those behind it are outside, too.
            break;
        };
        taken.insert(place.slot);
        places.push(place);
    }
    let outside = sizes.iter().skip(places.len()).sum();
    (places, outside)
}

/// Bytes of scratch buffers of so many elements.
fn sizes(elements: &[usize], dtype: DType) -> Vec<u64> {
    elements.iter().map(|&elements| dtype.bytes(elements as u64).next_multiple_of(UNIT)).collect()
}

/// The lowest place of a slot that nobody needs meanwhile, past its end if need be.
fn lowest(placed: &[Placed], slot: usize, bytes: u64, span: Span) -> Place {
    let mut taken: Vec<Place> = placed
        .iter()
        .filter(|other| other.place.slot == slot && other.span.meets(&span))
        .map(|other| other.place)
        .collect();
    taken.sort_by_key(|place| place.offset);
    let mut place = Place { slot, offset: 0, bytes };
    for other in taken.iter().filter(|other| other.bytes > 0) {
        if place.meets(other) {
            place.offset = other.end();
        }
    }
    place
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::ops::{Activate, Activation, Add};
    use crate::plan::Builder;
    use crate::shape::Shape;

    const SIGMOID: Activate = Activate { activation: Activation::Sigmoid };

    /// x, a = relu(x), b = sigmoid(a), c = a + b, with c, so many relu(c), and a view of x as results.
    fn example(more: usize) -> Plan {
        let mut plan = Builder::new("example");
        let relu = Activate { activation: Activation::Relu };
        let x = plan.input("x", &Shape::from([100]));
        let view = plan.reshape(x, [10, 10]).unwrap();
        let a = plan.apply("a", relu, &[x]).unwrap();
        let b = plan.apply("b", SIGMOID, &[a]).unwrap();
        let c = plan.apply("c", Add::default(), &[a, b]).unwrap();
        plan.output("c", c);
        for _ in 0..more {
            let result = plan.apply("more", relu, &[c]).unwrap();
            plan.output("more", result);
        }
        plan.output("view", view);
        plan.finish()
    }

    #[test]
    fn a_layout_that_was_tampered_with_is_refused() {
        let plan = example(0);
        let memory = Memory::of(&plan, &DeviceProfile::software(), &[]).unwrap();
        assert_eq!(memory.check(&plan, &[]), Ok(()));
        let spans = spans(&plan);
        let placed: Vec<usize> = (0..spans.len()).filter(|&value| spans[value].is_some()).collect();
        assert_eq!(placed.len(), 4);
        for &value in &placed {
            let name = &plan.values()[value].name;
            let told = |memory: Memory| memory.check(&plan, &[]).unwrap_err();

            let mut nowhere = memory.clone();
            nowhere.places[value] = None;
            assert_eq!(told(nowhere), format!("{name} has no slot"));
            let place = memory.places[value].unwrap();
            let moved = |place: Place| {
                let mut memory = memory.clone();
                memory.places[value] = Some(place);
                memory
            };
            let beyond = Place { slot: memory.slots.len(), ..place };
            assert!(told(moved(beyond)).starts_with(&format!("{name} does not fit")));
            let crooked = Place { offset: place.offset + 4, bytes: 400, ..place };
            assert!(told(moved(crooked)).contains("does not fit into slot"));
            let narrow = Place { bytes: 396, ..place };
            assert!(told(moved(narrow)).contains("does not fit into slot"));
            let mut short = memory.clone();
            short.slots[place.slot] = place.offset + 396;
            assert!(told(short).contains("does not fit into slot"));

            // Into the place of every other value: refused where both are needed at one moment.
            for &other in placed.iter().filter(|&&other| other != value) {
                let shared = moved(memory.places[other].unwrap());
                let meet = spans[value].unwrap().meets(&spans[other].unwrap());
                let answer = shared.check(&plan, &[]);
                assert!(!meet || answer.is_err(), "{name}: {answer:?}");
                if meet {
                    assert!(answer.unwrap_err().contains("share slot"));
                }
            }
        }
    }

    /// Beside each other in one buffer two values may be needed at once, but not read and written at once.
    #[test]
    fn a_step_that_reads_and_writes_a_slot_is_refused() {
        let plan = example(0);
        let mut memory = Memory::of(&plan, &DeviceProfile::software(), &[]).unwrap();
        let [a, b] = [2, 3].map(|value| {
            Memory::of(&plan, &DeviceProfile::software(), &[]).unwrap().places[value].unwrap()
        });
        assert_ne!(a.slot, b.slot);
        memory.slots[a.slot] = 1024;
        memory.places[3] = Some(Place { slot: a.slot, offset: 512, ..b });
        assert_eq!(memory.check(&plan, &[]), Err(format!("b reads and writes slot {}", a.slot)));
    }

    #[test]
    fn scratch_that_was_tampered_with_is_refused() {
        let plan = example(3);
        // Of the three buffers of `b` two find room: where c and the last result will be.
        let scratch = [vec![], vec![], vec![64, 65, 129], vec![], vec![], vec![], vec![]];
        let memory = Memory::of(&plan, &DeviceProfile::software(), &scratch).unwrap();
        assert_eq!(memory.check(&plan, &scratch), Ok(()));
        let [one, other] = memory.scratch_places(2)[..] else { panic!("{memory:?}") };
        assert_eq!((one.bytes, other.bytes, memory.scratch), (256, 512, 768));
        let [x, a, b] = [0, 2, 3].map(|value| memory.places[value].unwrap().slot);
        let beyond = memory.slots.len();
        let mut wrong = memory.clone();
        wrong.slots.iter_mut().for_each(|bytes| *bytes = 1024);
        for (slot, offset, bytes, told) in [
            (one.slot, 0, 252, "scratch 0 of b does not fit"),
            (one.slot, 4, 256, "scratch 0 of b does not fit"),
            (one.slot, 1024, 256, "scratch 0 of b does not fit"),
            (beyond, 0, 256, "scratch 0 of b does not fit"),
            (x, 256, 256, "x and scratch 0 of b share slot"),
            (a, 0, 256, "a and scratch 0 of b share slot"),
            (b, 0, 256, "b and scratch 0 of b share slot"),
            (other.slot, 0, 256, "scratch 0 of b and scratch 1 of b share slot"),
            (a, 512, 256, "b reads and writes slot"),
            (b, 512, 256, "b reads and writes slot"),
            (other.slot, 512, 256, "b reads and writes slot"),
        ] {
            wrong.scratch_places[2][0] = Place { slot, offset, bytes };
            let answer = wrong.check(&plan, &scratch).unwrap_err();
            assert!(answer.starts_with(told), "{answer}, not {told}");
        }
        for (step, told) in [(3, "there is no scratch 0 of c"), (2, "768 bytes of scratch are")] {
            let mut wrong = Memory { scratch: 0, ..memory.clone() };
            wrong.scratch_places[step].resize(2, one);
            assert!(wrong.check(&plan, &scratch).unwrap_err().starts_with(told));
        }
    }

    /// Whatever the order in which they were placed.
    #[test]
    fn the_lowest_place_is_behind_all_that_are_needed_meanwhile() {
        let span = Span { first: 1, last: 1 };
        let at = |offset, bytes| Placed { place: Place { slot: 0, offset, bytes }, span };
        let place = lowest(&[at(512, 256), at(256, 256), at(0, 256)], 0, 256, span);
        assert_eq!(place, Place { slot: 0, offset: 768, bytes: 256 });
    }
}

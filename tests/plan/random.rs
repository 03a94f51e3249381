//! Random plans: their memory is laid out rightly, and fusing them changes nothing but rounding.

use std::collections::{HashMap, HashSet};

use involution::kernels::DeviceProfile;
use involution::ops::{Activation, Add, Conv2d};
use involution::plan::{Action, Builder, Source, Step, Value};
use involution::schedule::{Memory, Place};
use involution::{Plan, Shape, reference};

use super::{activate, norm};
use crate::harness::property;
use crate::networks::{assert_all_close, distance, input, lowered, state_of};

/// A plan of up to 14 steps that these choices describe.
fn plan_of(choices: Vec<u32>) -> Plan {
    let mut choices = choices.into_iter();
    let mut next = |count: usize| choices.next().map_or(0, |choice| choice as usize % count);
    let mut plan = Builder::new("random");
    let batch = 1 + next(2);
    let x = plan.input("x", &Shape::from([batch, 1 + next(4), 1 + next(5), 1 + next(6)]));
    let mut values = vec![x];
    for step in 0..1 + next(14) {
        let name = format!("s{step}");
        // Mostly the newest, so that there are chains.
        let x = if next(3) == 0 { values[next(values.len())] } else { values[values.len() - 1] };
        let dims = plan.shape(x).dims().to_vec();
        let [n, c, h, w] = dims[..] else { unreachable!() };
        let value = match next(8) {
            0..=2 => {
                let (out, kernel, bias) = (1 + next(6), 1 + 2 * next(2), next(2) == 1);
                let stride = [1 + next(2), 1];
                let conv =
                    Conv2d { stride, padding: (kernel / 2).into(), bias, ..Conv2d::default() };
                plan.scope(&name, |plan| {
                    let mut inputs = vec![x, plan.weight("weight", [out, c, kernel, kernel])];
                    inputs.extend(bias.then(|| plan.weight("bias", [out])));
                    plan.apply("", conv, &inputs)
                })
                .unwrap()
            }
            3 | 4 => norm(&mut plan, &name, x, next(2) == 1),
            5 => activate(&mut plan, &name, x, Activation::ALL[next(Activation::ALL.len())].1),
            6 => {
                let alike: Vec<Value> =
                    values.iter().copied().filter(|&y| plan.shape(y) == plan.shape(x)).collect();
                // It may be added to itself.
                let y = alike[next(alike.len())];
                plan.apply(&name, Add::default(), &[x, y]).unwrap()
            }
            _ => plan.reshape(x, [n, c, w, h]).unwrap(),
        };
        values.push(value);
    }
    plan.output("last", values[values.len() - 1]);
    for index in 0..next(3) {
        let value = values[next(values.len())];
        plan.output(&format!("other{index}"), value);
    }
    plan.finish()
}

fn padded(plan: &Plan, value: Value) -> u64 {
    let bytes: usize = 4 * plan.shape(value).dims().iter().product::<usize>();
    (bytes as u64).next_multiple_of(256)
}

/// Which value another is a view of, found by following reshapes.
fn viewed(plan: &Plan) -> HashMap<Value, Value> {
    let mut viewed: HashMap<Value, Value> = HashMap::new();
    for step in plan.steps() {
        if step.action == Action::Reshape {
            let of = step.inputs[0];
            viewed.insert(step.output, viewed.get(&of).copied().unwrap_or(of));
        }
    }
    viewed
}

/// Writes a value's name to its place, over whatever held a byte of it.
fn write(held: &mut Vec<(Place, Value)>, place: Place, value: Value) {
    let range = |place: &Place| place.offset..place.offset + place.bytes;
    held.retain(|(other, _)| {
        let (a, b) = (range(other), range(&place));
        other.slot != place.slot || a.end <= b.start || b.end <= a.start
    });
    held.push((place, value));
}

/// Carries a plan out on slots that hold the names of the values that were written last, as the device would:
/// an error is a value that is read and no longer there, or a slot that is read and written by one step.
/// Gives the most bytes that held something which was still to be read.
fn simulate(plan: &Plan, memory: &Memory) -> Result<u64, String> {
    let viewed = viewed(plan);
    let root = |value: Value| viewed.get(&value).copied().unwrap_or(value);
    let constant = |value: Value| matches!(plan.value(value).source, Source::Constant(_));
    let place = |value: Value| {
        let place = memory.place(root(value)).ok_or(format!("{value:?} has no slot"))?;
        let inside = place.offset + place.bytes <= memory.slots()[place.slot];
        match inside && place.bytes >= padded(plan, value) && place.offset.is_multiple_of(256) {
            true => Ok(place),
            false => Err(format!("{value:?} does not fit into slot {}", place.slot)),
        }
    };
    let results: HashSet<Value> = plan.outputs().iter().map(|&(_, value)| root(value)).collect();
    let needed_from = |step: usize| -> HashSet<Value> {
        let read = plan.steps()[step..].iter().flat_map(|step| &step.inputs).map(|&v| root(v));
        read.chain(results.iter().copied()).filter(|&value| !constant(value)).collect()
    };
    let mut held: Vec<(Place, Value)> = Vec::new();
    let mut written: HashSet<Value> = HashSet::new();
    for &(_, input) in plan.inputs() {
        write(&mut held, place(input)?, input);
        written.insert(input);
    }
    let bytes = |values: HashSet<Value>| values.into_iter().map(|v| padded(plan, v)).sum::<u64>();
    let mut most = bytes(plan.inputs().iter().map(|(_, input)| *input).collect());
    for (index, step) in plan.steps().iter().enumerate() {
        let inputs = || step.inputs.iter().copied().filter(|&input| !constant(input));
        for input in inputs() {
            if !held.contains(&(place(input)?, root(input))) {
                return Err(format!("{} reads {input:?}, which is overwritten", step.name));
            }
        }
        if step.action != Action::Reshape {
            let output = place(step.output)?;
            // A kernel may use its scratch before and after it reads and writes.
            for &scratch in memory.scratch_places(index) {
                write(&mut held, scratch, step.output);
            }
            for input in inputs() {
                if place(input)?.slot == output.slot {
                    return Err(format!("{} reads and writes slot {}", step.name, output.slot));
                }
                if !held.contains(&(place(input)?, root(input))) {
                    return Err(format!("the scratch of {} overwrites {input:?}", step.name));
                }
            }
            write(&mut held, output, step.output);
            written.insert(step.output);
        }
        let mut alive: HashSet<Value> =
            needed_from(index).into_iter().filter(|value| written.contains(value)).collect();
        alive.insert(root(step.output));
        most = most.max(bytes(alive));
    }
    for &(_, output) in plan.outputs() {
        if !constant(output) && !held.contains(&(place(output)?, root(output))) {
            return Err(format!("the result {output:?} is overwritten"));
        }
    }
    Ok(most)
}

/// Scratch of each step: a buffer as large as the input, and one of half that.
fn with_scratch(plan: &Plan) -> Vec<Vec<usize>> {
    let of = |step: &Step| match step.action {
        Action::Reshape => Vec::new(),
        Action::Apply(_) => {
            let elements: usize = plan.shape(step.inputs[0]).dims().iter().product();
            vec![elements, elements.div_ceil(2)]
        }
    };
    plan.steps().iter().map(of).collect()
}

fn check_memory(plan: &Plan) -> Result<(), String> {
    let lay_out = |most, scratch: &[Vec<usize>]| {
        let profile = DeviceProfile { max_buffer_size: most, ..DeviceProfile::software() };
        let memory = Memory::of(plan, &profile, scratch).map_err(|error| error.to_string())?;
        memory.check(plan, scratch)?;
        Ok::<_, String>(memory)
    };
    let memory = lay_out(u64::MAX, &with_scratch(plan))?;
    simulate(plan, &memory)?;
    let memory = lay_out(u64::MAX, &[])?;
    let most = simulate(plan, &memory)?;
    // In small buffers, as a device may have them: none is larger than that or than one value.
    let allowed = memory.slots().iter().copied().min().unwrap_or(0);
    let small = lay_out(allowed, &[])?;
    simulate(plan, &small)?;
    let largest = |slot: usize| {
        let values = plan
            .inputs()
            .iter()
            .map(|(_, input)| input)
            .chain(plan.steps().iter().map(|step| &step.output));
        let places = values.filter_map(|&value| small.place(value));
        places.filter(|place| place.slot == slot).map(|place| place.bytes).max()
    };
    for (slot, &bytes) in small.slots().iter().enumerate() {
        if bytes > allowed && Some(bytes) != largest(slot) {
            return Err(format!("slot {slot} has {bytes} bytes, {allowed} are allowed"));
        }
    }
    if memory.live != most {
        return Err(format!("{} bytes are needed at one moment, it says {}", most, memory.live));
    }
    if memory.activations() < memory.live {
        return Err(format!("{} bytes for {} that are needed", memory.activations(), most));
    }
    if memory.peak() != memory.slots().iter().sum::<u64>() + memory.constants + memory.scratch {
        return Err("the peak is not the sum of its parts".to_owned());
    }
    Ok(())
}

#[test]
fn memory_is_laid_out_rightly() {
    property("memory of plans", 400, |choices| {
        let plan = plan_of(choices);
        check_memory(&plan)?;
        check_memory(&plan.clone().fuse())?;
        check_memory(&plan.keep(&["last"]).map_err(|error| error.to_string())?)
    });
}

#[test]
fn fusing_changes_nothing_but_rounding() {
    property("fused plans", 150, |choices| {
        let twice = choices[0].is_multiple_of(2);
        let plan = plan_of(choices);
        let once = plan.clone().fuse();
        // Once more may find what the first time made room for.
        let fused = if twice { once.fuse() } else { once };
        if fused.steps().len() > plan.steps().len() {
            return Err("fusing adds steps".to_owned());
        }
        let weights = state_of(&plan, 1);
        let x = input(plan.shape(plan.inputs()[0].1).dims(), 2);
        let run = |plan: &Plan| {
            reference::run_plan(plan, &weights, &[&x]).map_err(|error| error.to_string())
        };
        let (want, found) = (run(&plan)?, run(&fused)?);
        for ((name, want), (again, found)) in want.iter().zip(&found) {
            if name != again {
                return Err(format!("{name} became {again}"));
            }
            let nothing = want.data().iter().all(|&value| value == 0.0);
            if nothing && found.data().iter().any(|value| value.abs() > 1e-6) {
                return Err(format!("{name} was zero"));
            }
            if !nothing && distance(found, want) > 1e-5 {
                return Err(format!("{name} is {:.1e} apart", distance(found, want)));
            }
        }
        Ok(())
    });
}

/// A plan kept to one result gives that result.
#[test]
fn keeping_changes_no_result() {
    property("kept plans", 60, |choices| {
        let plan = plan_of(choices);
        let weights = state_of(&plan, 3);
        let x = input(plan.shape(plan.inputs()[0].1).dims(), 4);
        let all = reference::run_plan(&plan, &weights, &[&x]).map_err(|error| error.to_string())?;
        for result in &all {
            let kept = plan.clone().keep(&[&result.0]).map_err(|error| error.to_string())?;
            let alone = reference::run_plan(&kept, &weights, &[&x]);
            if alone != Ok(vec![result.clone()]) {
                return Err(format!("{} is another", result.0));
            }
        }
        Ok(())
    });
}

/// The random plans are worth something: there are long ones, branches, views, and what fuses.
#[test]
fn random_plans_are_of_every_kind() {
    let mut rng = fastrand::Rng::with_seed(7);
    let plans: Vec<Plan> =
        (0..200).map(|_| plan_of((0..40).map(|_| rng.u32(..)).collect())).collect();
    let count = |is: &dyn Fn(&Plan) -> bool| plans.iter().filter(|plan| is(plan)).count();
    assert!(count(&|plan| plan.steps().len() >= 8) >= 30);
    assert!(count(&|plan| plan.outputs().len() > 1) >= 30);
    assert!(count(&|plan| !viewed(plan).is_empty()) >= 20);
    assert!(count(&|plan| plan.clone().fuse().steps().len() < plan.steps().len()) >= 30);
    assert!(count(&|plan| lowered(plan).unwrap().memory.slots().len() < plan.steps().len()) >= 60);
    let twice = |plan: &Plan| {
        plan.steps().iter().any(|step| step.inputs.len() == 2 && step.inputs[0] == step.inputs[1])
    };
    assert!(count(&twice) >= 5, "{}", count(&twice));
    // Slots are shared where values do not meet: a long chain takes two.
    let mut chain = Builder::new("chain");
    let mut x = chain.input("x", &Shape::from([1, 1, 16, 16]));
    for _ in 0..9 {
        x = activate(&mut chain, "relu", x, Activation::Relu);
    }
    chain.output("last", x);
    let chain = chain.finish();
    assert_eq!(lowered(&chain).unwrap().memory.slots(), [1024, 1024]);
    let x = input(&[1, 1, 16, 16], 1);
    let weights = state_of(&chain, 0);
    let run = |plan: &Plan| reference::run_plan(plan, &weights, &[&x]).unwrap();
    assert_all_close("chain", &run(&chain.clone().fuse()), &run(&chain), 0.0);
}

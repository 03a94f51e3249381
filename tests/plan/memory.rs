//! When the values of a plan are needed, what they take together, and where they lie.

use involution::ops::{Activation, Add, Conv2d, Linear};
use involution::plan::{Builder, Value};
use involution::schedule::{Span, spans};
use involution::{Plan, Shape};

use super::activate;
use crate::networks::lowered;

/// x, a = relu(x), b = relu(a), c = a + b, with c and a view of x as results.
fn example() -> Plan {
    let mut plan = Builder::new("example");
    let x = plan.input("x", &Shape::from([100]));
    let view = plan.reshape(x, [10, 10]).unwrap();
    let a = activate(&mut plan, "a", x, Activation::Relu);
    let b = activate(&mut plan, "b", a, Activation::Relu);
    let c = plan.apply("c", Add::default(), &[a, b]).unwrap();
    plan.output("c", c);
    plan.output("view", view);
    plan.finish()
}

#[test]
fn values_are_needed_from_the_step_that_writes_them_to_the_last_that_reads_them() {
    let span = |first, last| Some(Span { first, last });
    // The view is x, from before the first of four steps to after the last.
    assert_eq!(spans(&example()), [span(0, 5), None, span(2, 4), span(3, 4), span(4, 5)]);
    assert!(!Span { first: 0, last: 2 }.meets(&Span { first: 3, last: 4 }));
    assert!(Span { first: 0, last: 3 }.meets(&Span { first: 3, last: 4 }));
}

/// Of two slots that are free, a value goes where it makes one least larger.
#[test]
fn a_value_goes_where_a_slot_grows_least() {
    let mut plan = Builder::new("growing");
    let linear = |plan: &mut Builder, x: Value, size: usize| {
        let weight = plan.weight(&format!("{size}"), [size, plan.shape(x).dims()[1]]);
        let op = Linear { bias: false, ..Linear::default() };
        plan.apply("linear", op, &[x, weight]).unwrap()
    };
    // 1024 bytes, then 512 beside them, then 768 in the place of the first, which are needed to the end.
    let x = plan.input("x", &Shape::from([1, 256]));
    let narrow = linear(&mut plan, x, 128);
    let wide = linear(&mut plan, narrow, 192);
    let small = linear(&mut plan, wide, 64);
    // Where 768 bytes lie, 512 more take 256 that are not there yet. The other slot has room.
    let value = linear(&mut plan, small, 128);
    let last = linear(&mut plan, wide, 32);
    plan.output("value", value);
    plan.output("last", last);
    let plan = plan.finish();
    let schedule = lowered(&plan).unwrap();
    let memory = &schedule.memory;
    let slots = [x, narrow, wide, small, value].map(|value| memory.slot(value).unwrap());
    assert_eq!(slots, [0, 1, 0, 2, 1]);
    assert_eq!(memory.slots(), [1024, 512, 256]);
    schedule.check(&plan).unwrap();
}

/// Two layers on one weight: on the device it lies once. One of another shape lies beside it.
#[test]
fn equal_constants_are_counted_once() {
    let mut plan = Builder::new("shared");
    let mut x = plan.input("x", &Shape::from([1, 16, 5, 5]));
    for _ in 0..2 {
        let weight = plan.weight("weight", [16, 16, 1, 1]);
        x = plan.apply("conv", Conv2d::default(), &[x, weight]).unwrap();
    }
    plan.output("y", x);
    let once = 4 * 16 * 16;
    assert_eq!(lowered(&plan.finish()).unwrap().memory.constants, once);

    let mut plan = Builder::new("not shared");
    let x = plan.input("x", &Shape::from([1, 16]));
    for name in ["weight", "other"] {
        let weight = plan.weight(name, [16, 16]);
        let op = Linear { bias: false, ..Linear::default() };
        let y = plan.apply(name, op, &[x, weight]).unwrap();
        plan.output(name, y);
    }
    assert_eq!(lowered(&plan.finish()).unwrap().memory.constants, 2 * once);
}

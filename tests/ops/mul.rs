use involution::ops::{Activation, Add, Conv2d, Mul};
use involution::reference::Array;
use involution::{Shape, ShapeError};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> Mul {
    Mul::default()
}

#[test]
fn takes_two_tensors_that_broadcast() {
    refuses!(plain(), [[4]], ShapeError::InputCount { expected: e, found: 1 } if *e == ["x", "y"]);
    refuses!(plain(), [[4], [4, 0]], ShapeError::Empty { tensor: "y", .. });
    let [x, y] = [Shape::from([3, 4]), Shape::from([3])];
    refuses!(plain(), [x.dims(), y.dims()], ShapeError::Broadcast { x: found, y: other }
        if (found, other) == (&x, &y));
    refuses!(plain(), [[1 << 40, 1], [1 << 40]], ShapeError::Overflow { .. });
}

/// Twice a tensor is its sum with itself, whichever operand is the number.
#[test]
fn twice_is_the_sum_with_itself() {
    let (x, two) = (numbers([2, 3, 4], 1), Array::from_fn([1], |[_]: [usize; 1]| 2.0));
    let sum = evaluate(Add { activation: Activation::Relu }, &[&x, &x]);
    let op = Mul { activation: Activation::Relu };
    assert_same(&evaluate(op, &[&x, &two]), &sum);
    assert_same(&evaluate(op, &[&two, &x]), &sum);
}

/// A factor for each channel is a depthwise 1x1 convolution.
#[test]
fn factors_of_channels_are_a_depthwise_convolution() {
    let (x, factors) = (numbers([1, 3, 4, 5], 1), numbers([1, 3, 1, 1], 2));
    let weight = Array::from_fn([3, 1, 1, 1], |[c, ..]: [usize; 4]| factors.at(&[0, c, 0, 0]));
    let conv = Conv2d { groups: 3, ..Conv2d::default() };
    assert_same(&evaluate(plain(), &[&x, &factors]), &evaluate(conv, &[&x, &weight]));
}

use involution::ops::{Conv2d, DynamicConv2d, Operator};
use involution::reference::Array;
use involution::{Padding, Shape, ShapeError};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn with(conv: Conv2d) -> DynamicConv2d {
    DynamicConv2d { conv }
}

fn plain() -> DynamicConv2d {
    with(Conv2d::default())
}

fn biased() -> DynamicConv2d {
    with(Conv2d { bias: true, ..Conv2d::default() })
}

const X: [usize; 4] = [3, 6, 9, 8];
const ATTENTION: [usize; 2] = [3, 5];
const WEIGHT: [usize; 5] = [5, 4, 6, 3, 2];

#[test]
fn takes_attention_and_a_bank() {
    refuses!(plain(), [X, WEIGHT], ShapeError::InputCount { found: 2, .. });
    refuses!(plain(), [X, ATTENTION, WEIGHT, [5, 4]], ShapeError::InputCount { found: 4, .. });
    refuses!(biased(), [X, ATTENTION, WEIGHT], ShapeError::InputCount { expected: e, found: 3 }
        if *e == ["x", "attention", "weight", "bias"]);
}

#[test]
fn ranks_are_named() {
    refuses!(plain(), [[3, 6, 9], ATTENTION, WEIGHT], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [X, [15], WEIGHT], ShapeError::Rank { tensor: "attention", .. });
    refuses!(plain(), [X, ATTENTION, [4, 6, 3, 2]], ShapeError::Rank { tensor: "weight", .. });
    refuses!(biased(), [X, ATTENTION, WEIGHT, [4]], ShapeError::Rank { tensor: "bias", .. });
}

#[test]
fn no_dimension_is_empty() {
    refuses!(plain(), [[0, 6, 9, 8], ATTENTION, WEIGHT], ShapeError::Empty { tensor: "x", .. });
    refuses!(plain(), [X, [3, 0], WEIGHT], ShapeError::Empty { tensor: "attention", .. });
    refuses!(plain(), [X, ATTENTION, [0, 4, 6, 3, 2]], ShapeError::Empty { tensor: "weight", .. });
    refuses!(biased(), [X, ATTENTION, WEIGHT, [5, 0]], ShapeError::Empty { tensor: "bias", .. });
}

#[test]
fn every_sample_attends_to_every_kernel() {
    refuses!(
        plain(),
        [X, [2, 5], WEIGHT],
        ShapeError::Dimension {
            tensor: "attention",
            dimension: "batch",
            expected: 3,
            found: 2,
            ..
        }
    );
    refuses!(
        plain(),
        [X, [3, 4], WEIGHT],
        ShapeError::Dimension {
            tensor: "attention",
            dimension: "kernels",
            expected: 5,
            found: 4,
            ..
        }
    );
}

#[test]
fn channels_agree() {
    refuses!(
        plain(),
        [X, ATTENTION, [5, 4, 5, 3, 2]],
        ShapeError::Dimension { tensor: "weight", expected: 6, found: 5, .. }
    );
    refuses!(
        biased(),
        [X, ATTENTION, WEIGHT, [4, 4]],
        ShapeError::Dimension { tensor: "bias", dimension: "kernels", expected: 5, found: 4, .. }
    );
    refuses!(
        biased(),
        [X, ATTENTION, WEIGHT, [5, 6]],
        ShapeError::Dimension {
            tensor: "bias",
            dimension: "output channels",
            expected: 4,
            found: 6,
            ..
        }
    );
    let grouped = |groups| with(Conv2d { groups, ..Conv2d::default() });
    refuses!(grouped(4), [X, ATTENTION, WEIGHT], ShapeError::NotDivisible { value: 6, .. });
    refuses!(grouped(3), [X, ATTENTION, WEIGHT], ShapeError::NotDivisible { value: 4, .. });
    refuses!(grouped(0), [X, ATTENTION, WEIGHT], ShapeError::NotDivisible { divisor: 0, .. });
}

#[test]
fn parameters_have_a_meaning() {
    let conv = Conv2d::default();
    refuses!(
        with(Conv2d { stride: [0, 1], ..conv }),
        [X, ATTENTION, WEIGHT],
        ShapeError::Parameter { parameter: "stride", .. }
    );
    refuses!(
        with(Conv2d { dilation: [1, usize::MAX], ..conv }),
        [X, ATTENTION, WEIGHT],
        ShapeError::Parameter { parameter: "dilation", .. }
    );
    refuses!(
        with(Conv2d { padding: Padding::symmetric(usize::MAX, 0), ..conv }),
        [X, ATTENTION, WEIGHT],
        ShapeError::Overflow { what: "padding", .. }
    );
    refuses!(
        with(Conv2d { dilation: [5, 1], ..conv }),
        [X, ATTENTION, WEIGHT],
        ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [11, 2] && *i == [9, 8]
    );
}

/// A sample that attends to one kernel alone is convolved with that kernel.
#[test]
fn undivided_attention_is_a_convolution() {
    let conv = Conv2d { padding: 1.into(), groups: 2, bias: true, ..Conv2d::default() };
    let (x, weight, bias) =
        (numbers([3, 4, 5, 6], 1), numbers([3, 2, 2, 3, 3], 2), numbers([3, 2], 3));
    let chosen = [2, 0, 1];
    let attention = Array::from_fn([3, 3], |[n, k]| f64::from(u8::from(chosen[n] == k)));
    let out = evaluate(DynamicConv2d { conv }, &[&x, &attention, &weight, &bias]);
    for (n, k) in chosen.into_iter().enumerate() {
        let weight = Array::from_fn([2, 2, 3, 3], |[o, c, p, q]| weight.at(&[k, o, c, p, q]));
        let bias = Array::from_fn([2], |[o]| bias.at(&[k, o]));
        let x = Array::from_fn([1, 4, 5, 6], |[_, c, i, j]| x.at(&[n, c, i, j]));
        let sample = Array::from_fn([1, 2, 5, 6], |[_, o, i, j]| out.at(&[n, o, i, j]));
        assert_same(&sample, &evaluate(conv, &[&x, &weight, &bias]));
    }
}

/// Five tensors of nearly 2^60 elements each are more bytes than a `u64` counts, but no reason to panic.
#[test]
fn a_cost_past_64_bits_is_the_largest_there_is() {
    let large = (1 << 30) - 1;
    let conv = Conv2d { groups: large, bias: true, ..Conv2d::default() };
    let shapes = [
        Shape::from([large, large, 1, 1]),
        Shape::from([large, large]),
        Shape::from([large, large, 1, 1, 1]),
        Shape::from([large, large]),
    ];
    let cost = Operator::from(DynamicConv2d { conv }).cost(&shapes.each_ref()).unwrap();
    assert_eq!(cost.bytes, u64::MAX);
}

use involution::ShapeError;
use involution::ops::{Activation, Conv2d, Linear};
use involution::reference::Array;

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> Linear {
    Linear { bias: false, activation: Activation::None }
}

fn biased() -> Linear {
    Linear { bias: true, ..plain() }
}

const X: [usize; 3] = [2, 3, 5];
const WEIGHT: [usize; 2] = [4, 5];

#[test]
fn takes_a_weight_and_the_bias_it_was_promised() {
    refuses!(plain(), [X], ShapeError::InputCount { found: 1, .. });
    refuses!(plain(), [X, WEIGHT, [4]], ShapeError::InputCount { found: 3, .. });
    refuses!(biased(), [X, WEIGHT], ShapeError::InputCount { expected: e, found: 2 }
        if *e == ["x", "weight", "bias"]);
}

#[test]
fn ranks_are_named() {
    refuses!(plain(), [[], WEIGHT], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [X, [4, 5, 1]], ShapeError::Rank { tensor: "weight", .. });
    refuses!(plain(), [X, [5]], ShapeError::Rank { tensor: "weight", .. });
    refuses!(biased(), [X, WEIGHT, [1, 4]], ShapeError::Rank { tensor: "bias", .. });
}

#[test]
fn no_dimension_is_empty() {
    refuses!(plain(), [[0, 5], WEIGHT], ShapeError::Empty { tensor: "x", .. });
    refuses!(plain(), [[2, 0], [4, 0]], ShapeError::Empty { tensor: "x", .. });
    refuses!(plain(), [X, [0, 5]], ShapeError::Empty { tensor: "weight", .. });
    refuses!(biased(), [X, WEIGHT, [0]], ShapeError::Empty { tensor: "bias", .. });
}

#[test]
fn features_agree() {
    refuses!(
        plain(),
        [X, [4, 6]],
        ShapeError::Dimension {
            tensor: "weight",
            dimension: "input features",
            expected: 5,
            found: 6,
            ..
        }
    );
    // The transposed weight is the mistake that is made.
    refuses!(plain(), [X, [5, 4]], ShapeError::Dimension { tensor: "weight", .. });
    refuses!(
        biased(),
        [X, WEIGHT, [5]],
        ShapeError::Dimension {
            tensor: "bias",
            dimension: "output features",
            expected: 4,
            found: 5,
            ..
        }
    );
    refuses!(plain(), [[1 << 40, 1], [1 << 40, 1]], ShapeError::Overflow { .. });
}

/// On one pixel, a convolution of 1x1.
#[test]
fn it_is_a_pointwise_convolution() {
    let (x, weight, bias) = (numbers([6, 5], 1), numbers([4, 5], 2), numbers([4], 3));
    let pixels = Array { shape: vec![6, 5, 1, 1], ..x.clone() };
    let kernel = Array { shape: vec![4, 5, 1, 1], ..weight.clone() };
    let activation = Activation::Sigmoid;
    let conv = Conv2d { bias: true, activation, ..Conv2d::default() };
    assert_same(
        &evaluate(Linear { bias: true, activation }, &[&x, &weight, &bias]),
        &evaluate(conv, &[&pixels, &kernel, &bias]),
    );
}

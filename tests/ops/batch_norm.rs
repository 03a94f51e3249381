use involution::ShapeError;
use involution::ops::{BatchNorm, Conv2d};
use involution::reference::Array;

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> BatchNorm {
    BatchNorm { affine: false, ..BatchNorm::default() }
}

fn affine() -> BatchNorm {
    BatchNorm::default()
}

const X: [usize; 4] = [2, 3, 5, 4];
const C: [usize; 1] = [3];

#[test]
fn takes_statistics_and_the_affine_pair_it_was_promised() {
    refuses!(plain(), [X], ShapeError::InputCount { found: 1, .. });
    refuses!(plain(), [X, C, C, C, C], ShapeError::InputCount { found: 5, .. });
    refuses!(affine(), [X, C, C, C], ShapeError::InputCount { found: 4, .. });
    refuses!(affine(), [X, C, C], ShapeError::InputCount { expected: e, found: 3 }
        if *e == ["x", "running_mean", "running_var", "weight", "bias"]);
}

#[test]
fn x_has_channels() {
    refuses!(plain(), [[3], C, C], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [[], C, C], ShapeError::Rank { tensor: "x", .. });
    for x in [[0, 3, 5, 4], [2, 0, 5, 4], [2, 3, 5, 0]] {
        refuses!(plain(), [x, C, C], ShapeError::Empty { tensor: "x", .. });
    }
}

#[test]
fn there_is_a_number_for_each_channel() {
    for (index, tensor) in ["running_mean", "running_var", "weight", "bias"].into_iter().enumerate()
    {
        let mut vectors = [C; 4];
        vectors[index] = [4];
        let [mean, var, weight, bias] = vectors;
        refuses!(
            affine(),
            [X, mean, var, weight, bias],
            ShapeError::Dimension { tensor: t, dimension: "channels", expected: 3, found: 4, .. }
                if *t == tensor
        );
        let matrix = [3, 1];
        let mut vectors = [&C[..]; 4];
        vectors[index] = &matrix;
        let [mean, var, weight, bias] = vectors;
        refuses!(affine(), [X, mean, var, weight, bias], ShapeError::Rank { tensor: t, .. }
            if *t == tensor);
        vectors[index] = &[0];
        let [mean, var, weight, bias] = vectors;
        refuses!(affine(), [X, mean, var, weight, bias], ShapeError::Empty { tensor: t, .. }
            if *t == tensor);
    }
}

#[test]
fn eps_is_a_small_number() {
    for eps in [-1e-5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let norm = BatchNorm { eps, ..plain() };
        refuses!(norm, [X, C, C], ShapeError::Parameter { parameter: "eps", .. });
    }
    refuses!(plain(), [[usize::MAX, 3, 4], C, C], ShapeError::Overflow { .. });
}

/// What a network's loader does: the four vectors go into the weight and the bias of the convolution before.
#[test]
fn it_folds_into_the_convolution_before_it() {
    let eps = 1e-3;
    let (x, weight, bias) = (numbers([2, 3, 6, 5], 1), numbers([4, 3, 3, 3], 2), numbers([4], 3));
    let [mean, gain, shift] = [4, 5, 6].map(|seed| numbers([4], seed));
    let var = Array::from_fn([4], |[c]| 0.25 + c as f64);
    let conv = Conv2d { bias: true, ..Conv2d::default() };
    let between = evaluate(conv, &[&x, &weight, &bias]);
    let norm = BatchNorm { eps, ..affine() };
    let out = evaluate(norm, &[&between, &mean, &var, &gain, &shift]);

    let scale: Vec<f64> =
        (0..4).map(|c| gain.data[c] / (var.data[c] + f64::from(eps)).sqrt()).collect();
    let weight = Array::from_fn([4, 3, 3, 3], |[o, c, p, q]| weight.at(&[o, c, p, q]) * scale[o]);
    let bias = Array::from_fn([4], |[o]| (bias.data[o] - mean.data[o]) * scale[o] + shift.data[o]);
    assert_same(&out, &evaluate(conv, &[&x, &weight, &bias]));
}

//! Dynamic convolution, as the paper's equations define it.

use super::array::Array;
use super::conv2d;
use super::rounding::Rounding;
use crate::ops::DynamicConv2d;

pub(super) fn evaluate(op: &DynamicConv2d, inputs: &[Array]) -> Array {
    let (x, attention, weight) = (&inputs[0], &inputs[1], &inputs[2]);
    let [n, k] = [attention.shape[0], attention.shape[1]];
    let [co, group_in, kh, kw] =
        [weight.shape[1], weight.shape[2], weight.shape[3], weight.shape[4]];
    let [ci, h, w] = [x.shape[1], x.shape[2], x.shape[3]];

    let mut samples = Vec::new();
    for b in 0..n {
        let mixed = |value: &dyn Fn(usize) -> f64| -> f64 {
            (0..k).map(|kernel| attention.at(&[b, kernel]) * value(kernel)).sum()
        };
        let mut inputs_of_sample = vec![
            Array::from_fn([1, ci, h, w], |[_, c, i, j]| x.at(&[b, c, i, j])),
            Array::from_fn([co, group_in, kh, kw], |[o, c, p, q]| {
                mixed(&|kernel| weight.at(&[kernel, o, c, p, q]))
            }),
        ];
        if op.conv.bias {
            let bias = Array::from_fn([co], |[o]| mixed(&|kernel| inputs[3].at(&[kernel, o])));
            inputs_of_sample.push(bias);
        }
        samples.push(conv2d::evaluate(&op.conv, &inputs_of_sample));
    }
    let [oh, ow] = [samples[0].shape[2], samples[0].shape[3]];
    Array::from_fn([n, co, oh, ow], |[b, o, i, j]| samples[b].at(&[0, o, i, j]))
}

/// How far single precision may be off.
pub(super) fn rounding(_: &DynamicConv2d, inputs: &[Array], _: &Array) -> Rounding {
    let weight = &inputs[2].shape;
    Rounding::Sum(weight[0] + weight[2..].iter().product::<usize>() + 1)
}

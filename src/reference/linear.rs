//! A linear layer, as `torch.nn.functional.linear` defines it.

use super::activation;
use super::array::Array;
use super::rounding::Rounding;
use crate::ops::Linear;

pub(super) fn evaluate(op: &Linear, inputs: &[Array]) -> Array {
    let (x, weight) = (&inputs[0], &inputs[1]);
    let [features, terms] = [weight.shape[0], weight.shape[1]];
    let rows = x.data.len() / terms;

    let mut out = Array::from_fn([rows, features], |[r, o]| {
        let mut sum = 0.0;
        for i in 0..terms {
            sum += weight.at(&[o, i]) * x.data[r * terms + i];
        }
        if op.bias {
            sum += inputs[2].at(&[o]);
        }
        activation::apply(op.activation, sum)
    });
    out.shape = x.shape.clone();
    out.shape[x.shape.len() - 1] = features;
    out
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Linear, inputs: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(inputs[1].shape[1] + 1)
}

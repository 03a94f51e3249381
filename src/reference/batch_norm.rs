//! Batch normalisation, as `torch.nn.functional.batch_norm` defines it for inference.

use super::activation;
use super::array::Array;
use super::rounding::Rounding;
use crate::ops::BatchNorm;

pub(super) fn evaluate(op: &BatchNorm, inputs: &[Array]) -> Array {
    let (x, mean, var) = (&inputs[0], &inputs[1], &inputs[2]);
    let [n, c] = [x.shape[0], x.shape[1]];
    let values = x.shape[2..].iter().product();

    let flat = Array { shape: vec![n, c, values], data: x.data.clone() };
    let y = Array::from_fn([n, c, values], |[b, channel, i]| {
        let deviation = (var.at(&[channel]) + f64::from(op.eps)).sqrt();
        let mut value = (flat.at(&[b, channel, i]) - mean.at(&[channel])) / deviation;
        if op.affine {
            value = value * inputs[3].at(&[channel]) + inputs[4].at(&[channel]);
        }
        activation::apply(op.activation, value)
    });
    Array { shape: x.shape.clone(), ..y }
}

/// How far single precision may be off.
pub(super) fn rounding(_: &BatchNorm, _: &[Array], _: &Array) -> Rounding {
    // Difference, sum with eps, inverse root (2 units), two products, sum.
    Rounding::Sum(8)
}

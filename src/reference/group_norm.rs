//! Group normalisation, as `torch.nn.functional.group_norm` defines it.

use super::array::Array;
use super::rounding::{EPSILON, FLUSH, Rounding};
use crate::ops::GroupNorm;

/// The values of one group of one sample.
struct Group<'a> {
    values: &'a [f64],
    mean: f64,
    variance: f64,
}

/// Every group of every sample, in the order of x.
fn groups<'a>(op: &GroupNorm, x: &'a Array) -> impl Iterator<Item = Group<'a>> {
    let length = x.data.len() / (x.shape[0] * op.groups);
    x.data.chunks(length).map(|values| {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count;
        Group { values, mean, variance }
    })
}

/// Weight and bias of the channel that the value at a place of x belongs to.
fn affine(op: &GroupNorm, inputs: &[Array], place: usize) -> (f64, f64) {
    let shape = &inputs[0].shape;
    let positions: usize = shape[2..].iter().product();
    let channel = place / positions % shape[1];
    if op.affine { (inputs[1].data[channel], inputs[2].data[channel]) } else { (1.0, 0.0) }
}

pub(super) fn evaluate(op: &GroupNorm, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let mut out = Array::zeros(&x.shape);
    let mut place = 0;
    for group in groups(op, x) {
        let deviation = (group.variance + f64::from(op.eps)).sqrt();
        for v in group.values {
            let (weight, bias) = affine(op, inputs, place);
            out.data[place] = (v - group.mean) / deviation * weight + bias;
            place += 1;
        }
    }
    out
}

/// How far single precision may be off. A sum of n values is off by n roundings of its magnitude; what the mean is off by
/// every difference is off by, and the variance by twice the mean difference times that; then there are the inverse root
/// (2 units), two products and a sum.
pub(super) fn rounding(op: &GroupNorm, inputs: &[Array], _: &Array) -> Rounding {
    let mut bound = Vec::new();
    for Group { values, mean, variance } in groups(op, &inputs[0]) {
        let count = values.len() as f64;
        let magnitude = values.iter().map(|v| v.abs()).sum::<f64>() / count;
        let furthest = values.iter().fold(0.0, |most: f64, v| most.max((v - mean).abs()));
        let off_mean = (count + 2.0) * (EPSILON * magnitude + FLUSH) + EPSILON * furthest;
        let square = variance + 2.0 * variance.sqrt() * off_mean + off_mean * off_mean;
        let off_variance = square - variance + (count + 4.0) * (EPSILON * square + FLUSH);
        let sum = variance + f64::from(op.eps);
        let inverse = 1.0 / sum.sqrt();
        let largest = (1.0 + 4.0 * EPSILON) / (sum - off_variance - EPSILON * sum).max(0.0).sqrt();
        for v in values {
            let (weight, bias) = affine(op, inputs, bound.len());
            let difference = (v - mean).abs();
            let off = difference * (largest - inverse) + off_mean * largest;
            let steps = 4.0 * EPSILON * (difference * largest * weight.abs() + bias.abs());
            bound.push(weight.abs() * off + steps + FLUSH);
        }
    }
    Rounding::Own(bound)
}

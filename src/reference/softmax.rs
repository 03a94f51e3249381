//! Softmax along an axis, as `torch.softmax(x / temperature, axis)` defines it.

use super::array::Array;
use super::rounding::{EPSILON, FLUSH, Rounding};
use crate::ops::Softmax;

pub(super) fn evaluate(op: &Softmax, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let rank = x.shape.len();
    let axis = if op.axis < 0 { rank - op.axis.unsigned_abs() } else { op.axis as usize };
    let length = x.shape[axis];
    let step: usize = x.shape[axis + 1..].iter().product();

    let mut out = Array::zeros(&x.shape);
    for first in 0..x.data.len() {
        // A row begins wherever the index along the axis is 0.
        if !(first / step).is_multiple_of(length) {
            continue;
        }
        let row: Vec<f64> =
            (0..length).map(|i| x.data[first + i * step] / f64::from(op.temperature)).collect();
        // Nothing changes but that no exponential overflows.
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = row.iter().map(|&v| (v - largest).exp()).sum();
        for (i, &v) in row.iter().enumerate() {
            out.data[first + i * step] = (v - largest).exp() / sum;
        }
    }
    out
}

/// How far single precision may be off. The exponents are off by the rounding of x / T and of the difference with the
/// maximum, exp by 3 + 2|x| units, the sum by its length, the quotient by 2.5 units.
pub(super) fn rounding(op: &Softmax, inputs: &[Array], value: &Array) -> Rounding {
    let x = &inputs[0];
    let largest = x.data.iter().fold(0.0, |m: f64, v| m.max(v.abs())) / f64::from(op.temperature);
    let length = x.shape.iter().copied().max().unwrap_or(1);
    let relative = (10.0 * largest + length as f64 + 16.0) * EPSILON;
    Rounding::Own(value.data.iter().map(|y| relative * y + FLUSH).collect())
}

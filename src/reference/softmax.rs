//! Softmax along an axis, as `torch.softmax(x / temperature, axis)` defines it.

use super::array::Array;
use crate::ops::Softmax;

pub(super) fn softmax(op: &Softmax, inputs: &[Array]) -> Array {
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

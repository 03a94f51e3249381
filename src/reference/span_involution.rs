//! Involution with the last layer of the branch that makes its kernel, as the paper's equations define them.

use super::array::Array;
use super::involution;
use super::rounding::Rounding;
use crate::ops::SpanInvolution;

pub(super) fn evaluate(op: &SpanInvolution, inputs: &[Array]) -> Array {
    let (x, reduced, weight) = (&inputs[0], &inputs[1], &inputs[2]);
    let [n, cr] = [reduced.shape[0], reduced.shape[1]];
    let [oh, ow] = [reduced.shape[2], reduced.shape[3]];
    let kernel = Array::from_fn([n, weight.shape[0], oh, ow], |[b, tap, i, j]| {
        let bias = if op.bias { inputs[3].data[tap] } else { 0.0 };
        (0..cr).fold(bias, |sum, c| sum + weight.at(&[tap, c, 0, 0]) * reduced.at(&[b, c, i, j]))
    });
    let affine = inputs[3 + usize::from(op.bias)..].iter().cloned();
    let inputs: Vec<Array> = [x.clone(), kernel].into_iter().chain(affine).collect();
    involution::evaluate(&op.involution, &inputs)
}

/// How far single precision may be off.
pub(super) fn rounding(op: &SpanInvolution, inputs: &[Array], _: &Array) -> Rounding {
    // Each product has a tap, which is a sum itself.
    Rounding::Sum(op.involution.window.taps() + 2 + inputs[2].shape[1] + 1)
}

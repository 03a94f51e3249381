//! Unfolding of volumes.

use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::Unfold3d;

pub(super) fn evaluate(op: &Unfold3d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c] = [x.shape[0], x.shape[1]];
    let (kernel, stride) = (op.window.kernel_size, op.window.stride);
    let dilation = op.window.dilation;
    let sides = padding(op.window.padding, kernel, dilation);
    let [od, oh, ow] = [0, 1, 2].map(|axis| {
        let padded = x.shape[2 + axis] + sides[axis][0] + sides[axis][1];
        (padded - dilation[axis] * (kernel[axis] - 1) - 1) / stride[axis] + 1
    });
    let [kd, kh, kw] = kernel;

    let patches =
        Array::from_fn([n, c, kd, kh, kw, od, oh, ow], |[b, channel, r, p, q, k, i, j]| {
            let (position, tap) = ([k, i, j], [r, p, q]);
            let places = [0, 1, 2].map(|axis| {
                let at = position[axis] * stride[axis] + tap[axis] * dilation[axis];
                at as isize - sides[axis][0] as isize
            });
            x.within(b, channel, places).unwrap_or(0.0)
        });
    Array { shape: vec![n, c * kd * kh * kw, od * oh * ow], ..patches }
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Unfold3d, _: &[Array], _: &Array) -> Rounding {
    // A copy.
    Rounding::Exact
}

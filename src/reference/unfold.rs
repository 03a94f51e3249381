//! Unfolding, as `torch.nn.functional.unfold` defines it.

use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::Unfold;

pub(super) fn evaluate(op: &Unfold, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c, h, w] = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];
    let [kh, kw] = op.window.kernel_size;
    let [sh, sw] = op.window.stride;
    let [dh, dw] = op.window.dilation;
    let [[top, bottom], [left, right]] = padding(op.window.padding, [kh, kw], [dh, dw]);
    let oh = (h + top + bottom - dh * (kh - 1) - 1) / sh + 1;
    let ow = (w + left + right - dw * (kw - 1) - 1) / sw + 1;

    let patches = Array::from_fn([n, c, kh, kw, oh, ow], |[b, channel, p, q, i, j]| {
        let row = (i * sh + p * dh) as isize - top as isize;
        let column = (j * sw + q * dw) as isize - left as isize;
        x.inside(b, channel, row, column).unwrap_or(0.0)
    });
    Array { shape: vec![n, c * kh * kw, oh * ow], ..patches }
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Unfold, _: &[Array], _: &Array) -> Rounding {
    // A copy.
    Rounding::Exact
}

//! Maximum pooling, as `torch.nn.functional.max_pool2d` defines it.

use super::array::{Array, padding};
use super::avg_pool2d::windows;
use super::rounding::Rounding;
use crate::ops::MaxPool2d;

pub(super) fn evaluate(op: &MaxPool2d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c, h, w] = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];
    let [kh, kw] = op.window.kernel_size;
    let [sh, sw] = op.window.stride;
    let [dh, dw] = op.window.dilation;
    let [rows, columns] = padding(op.window.padding, [kh, kw], [dh, dw]);
    let oh = windows(h, rows, dh * (kh - 1) + 1, sh, op.ceil_mode);
    let ow = windows(w, columns, dw * (kw - 1) + 1, sw, op.ceil_mode);

    Array::from_fn([n, c, oh, ow], |[b, channel, i, j]| {
        let mut best = f64::NEG_INFINITY;
        for p in 0..kh {
            for q in 0..kw {
                let row = (i * sh + p * dh) as isize - rows[0] as isize;
                let column = (j * sw + q * dw) as isize - columns[0] as isize;
                if let Some(value) = x.inside(b, channel, row, column) {
                    // Nothing is larger than NaN, so that the first one stays.
                    if value > best || value.is_nan() {
                        best = value;
                    }
                }
            }
        }
        best
    })
}

/// How far single precision may be off.
pub(super) fn rounding(_: &MaxPool2d, _: &[Array], _: &Array) -> Rounding {
    // A choice.
    Rounding::Exact
}

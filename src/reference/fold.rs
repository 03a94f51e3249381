//! Folding, as `torch.nn.functional.fold` defines it: each value of x is added to its pixel.

use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::Fold;

pub(super) fn evaluate(op: &Fold, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [kh, kw] = op.window.kernel_size;
    let [sh, sw] = op.window.stride;
    let [dh, dw] = op.window.dilation;
    let [h, w] = op.output_size;
    let [n, c] = [x.shape[0], x.shape[1] / (kh * kw)];
    let [[top, bottom], [left, right]] = padding(op.window.padding, [kh, kw], [dh, dw]);
    let oh = (h + top + bottom - dh * (kh - 1) - 1) / sh + 1;
    let ow = (w + left + right - dw * (kw - 1) - 1) / sw + 1;

    let patches = Array { shape: vec![n, c, kh, kw, oh, ow], data: x.data.clone() };
    let mut out = Array::zeros(&[n, c, h, w]);
    for b in 0..n {
        for channel in 0..c {
            for (p, q) in pairs(kh, kw) {
                for (i, j) in pairs(oh, ow) {
                    let row = (i * sh + p * dh) as isize - top as isize;
                    let column = (j * sw + q * dw) as isize - left as isize;
                    if out.inside(b, channel, row, column).is_some() {
                        let place = ((b * c + channel) * h + row as usize) * w + column as usize;
                        out.data[place] += patches.at(&[b, channel, p, q, i, j]);
                    }
                }
            }
        }
    }
    out
}

fn pairs(rows: usize, columns: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// How far single precision may be off.
pub(super) fn rounding(op: &Fold, _: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(op.window.taps())
}

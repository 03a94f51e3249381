//! Average pooling, as `torch.nn.functional.avg_pool2d` defines it.

use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::AvgPool2d;

/// How many windows of this extent are laid along one axis.
///
/// Each starts a stride after the one before and must lie on the padded input. In ceil mode one more is
/// laid while the padded input is not covered to its end, if it starts on the input or before it.
pub(super) fn windows(
    size: usize,
    [before, after]: [usize; 2],
    extent: usize,
    stride: usize,
    ceil_mode: bool,
) -> usize {
    let padded = before + size + after;
    let mut count = 0;
    while count * stride + extent <= padded {
        count += 1;
    }
    let covered = (count - 1) * stride + extent;
    if ceil_mode && covered < padded && count * stride < before + size {
        count += 1;
    }
    count
}

pub(super) fn evaluate(op: &AvgPool2d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c, h, w] = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];
    let [kh, kw] = op.window.kernel_size;
    let [sh, sw] = op.window.stride;
    let [rows, columns] = padding(op.window.padding, [kh, kw], [1, 1]);
    let oh = windows(h, rows, kh, sh, op.ceil_mode);
    let ow = windows(w, columns, kw, sw, op.ceil_mode);

    Array::from_fn([n, c, oh, ow], |[b, channel, i, j]| {
        let (mut sum, mut on_input, mut on_padded) = (0.0, 0, 0);
        for p in 0..kh {
            for q in 0..kw {
                let row = (i * sh + p) as isize - rows[0] as isize;
                let column = (j * sw + q) as isize - columns[0] as isize;
                if let Some(value) = x.inside(b, channel, row, column) {
                    sum += value;
                    on_input += 1;
                }
                if row < (h + rows[1]) as isize && column < (w + columns[1]) as isize {
                    on_padded += 1;
                }
            }
        }
        sum / f64::from(if op.count_include_pad { on_padded } else { on_input })
    })
}

/// How far single precision may be off.
pub(super) fn rounding(op: &AvgPool2d, _: &[Array], _: &Array) -> Rounding {
    // The division is rounded, or is a product with a rounded inverse.
    Rounding::Sum(op.window.taps() + 3)
}

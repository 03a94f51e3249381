//! Images of another size, as `torch.nn.functional.interpolate` defines them with `align_corners=False`.

use super::array::Array;
use super::rounding::Rounding;
use crate::ops::{Interpolation, Resize};

pub(super) fn evaluate(op: &Resize, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c] = [x.shape[0], x.shape[1]];
    let [h, w] = op.input_size.unwrap_or([x.shape[2], x.shape[3]]);
    let [oh, ow] = op.output_size;
    Array::from_fn([n, c, oh, ow], |[b, channel, i, j]| {
        let mut sum = 0.0;
        for (row, down) in parts(op.mode, i, h, oh) {
            for (column, across) in parts(op.mode, j, w, ow) {
                sum += down * across * x.at(&[b, channel, row, column]);
            }
        }
        if op.residual {
            sum += inputs[1].at(&[b, channel, i, j]);
        }
        sum
    })
}

/// Which places of an axis of `size` place i of `count` is made of, and how much each counts.
fn parts(mode: Interpolation, i: usize, size: usize, count: usize) -> Vec<(usize, f64)> {
    match mode {
        Interpolation::Nearest => vec![(i * size / count, 1.0)],
        Interpolation::Bilinear => {
            // How far the place is from the middle of the first one, in parts of which 2 * count make a whole.
            let whole = 2 * count;
            let far = ((2 * i + 1) * size).saturating_sub(count);
            let after = (far % whole) as f64 / whole as f64;
            vec![(far / whole, 1.0 - after), ((far / whole + 1).min(size - 1), after)]
        }
    }
}

/// How far single precision may be off. A pixel is copied, or it is a sum of products with two factors, one for each axis.
/// A factor is a quotient of two integers: each is rounded once, which makes 1 ULP together, and the quotient is within
/// 2.5 of the exact one: 3.5 for each axis, 7 for both. Two products and two sums are on the way from a value to the
/// result, each within half a ULP, and the residual's sum is one more.
pub(super) fn rounding(op: &Resize, _: &[Array], _: &Array) -> Rounding {
    match op.mode {
        Interpolation::Nearest if !op.residual => Rounding::Exact,
        Interpolation::Nearest => Rounding::Sum(1),
        Interpolation::Bilinear => Rounding::Sum(9 + usize::from(op.residual)),
    }
}

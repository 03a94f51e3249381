//! Average pooling of volumes, as `torch.nn.functional.avg_pool3d` defines it.

use super::array::{Array, padding};
use super::avg_pool2d::windows;
use super::rounding::Rounding;
use crate::ops::AvgPool3d;

pub(super) fn evaluate(op: &AvgPool3d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c] = [x.shape[0], x.shape[1]];
    let size = [0, 1, 2].map(|axis| x.shape[2 + axis]);
    let (kernel, stride) = (op.window.kernel_size, op.window.stride);
    let sides = padding(op.window.padding, kernel, [1, 1, 1]);
    let [od, oh, ow] = [0, 1, 2]
        .map(|axis| windows(size[axis], sides[axis], kernel[axis], stride[axis], op.ceil_mode));

    Array::from_fn([n, c, od, oh, ow], |[b, channel, k, i, j]| {
        let (mut sum, mut on_input, mut on_padded) = (0.0, 0, 0);
        for r in 0..kernel[0] {
            for p in 0..kernel[1] {
                for q in 0..kernel[2] {
                    let at = [k * stride[0] + r, i * stride[1] + p, j * stride[2] + q];
                    let places = [0, 1, 2].map(|axis| at[axis] as isize - sides[axis][0] as isize);
                    if let Some(value) = x.within(b, channel, places) {
                        sum += value;
                        on_input += 1;
                    }
                    let ends = [0, 1, 2].map(|axis| (size[axis] + sides[axis][1]) as isize);
                    on_padded +=
                        u32::from(places.iter().zip(ends).all(|(&place, end)| place < end));
                }
            }
        }
        sum / f64::from(if op.count_include_pad { on_padded } else { on_input })
    })
}

/// How far single precision may be off.
pub(super) fn rounding(op: &AvgPool3d, _: &[Array], _: &Array) -> Rounding {
    // The division is rounded, or is a product with a rounded inverse; a long window is divided axis by axis.
    Rounding::Sum(op.window.taps() + 9)
}

//! Maximum pooling of volumes, as `torch.nn.functional.max_pool3d` defines it.

use super::array::{Array, padding};
use super::avg_pool2d::windows;
use super::rounding::Rounding;
use crate::ops::MaxPool3d;

pub(super) fn evaluate(op: &MaxPool3d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c] = [x.shape[0], x.shape[1]];
    let size = [0, 1, 2].map(|axis| x.shape[2 + axis]);
    let (kernel, stride) = (op.window.kernel_size, op.window.stride);
    let dilation = op.window.dilation;
    let sides = padding(op.window.padding, kernel, dilation);
    let [od, oh, ow] = [0, 1, 2].map(|axis| {
        let extent = dilation[axis] * (kernel[axis] - 1) + 1;
        windows(size[axis], sides[axis], extent, stride[axis], op.ceil_mode)
    });

    Array::from_fn([n, c, od, oh, ow], |[b, channel, k, i, j]| {
        let position = [k, i, j];
        let mut best = f64::NEG_INFINITY;
        for r in 0..kernel[0] {
            for p in 0..kernel[1] {
                for q in 0..kernel[2] {
                    let tap = [r, p, q];
                    let places = [0, 1, 2].map(|axis| {
                        let at = position[axis] * stride[axis] + tap[axis] * dilation[axis];
                        at as isize - sides[axis][0] as isize
                    });
                    if let Some(value) = x.within(b, channel, places) {
                        // Nothing is larger than NaN, so that the first one stays.
                        if value > best || value.is_nan() {
                            best = value;
                        }
                    }
                }
            }
        }
        best
    })
}

/// How far single precision may be off.
pub(super) fn rounding(_: &MaxPool3d, _: &[Array], _: &Array) -> Rounding {
    // A choice.
    Rounding::Exact
}

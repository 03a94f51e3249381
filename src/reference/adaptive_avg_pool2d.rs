//! Adaptive average pooling, as `torch.nn.functional.adaptive_avg_pool2d` defines it.

use super::array::Array;
use super::rounding::Rounding;
use crate::ops::AdaptiveAvgPool2d;

pub(super) fn evaluate(op: &AdaptiveAvgPool2d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c, h, w] = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];
    let [oh, ow] = op.output_size;

    Array::from_fn([n, c, oh, ow], |[b, channel, i, j]| {
        let (mut sum, mut count) = (0.0, 0);
        for row in i * h / oh..((i + 1) * h).div_ceil(oh) {
            for column in j * w / ow..((j + 1) * w).div_ceil(ow) {
                sum += x.at(&[b, channel, row, column]);
                count += 1;
            }
        }
        sum / f64::from(count)
    })
}

/// How far single precision may be off.
pub(super) fn rounding(op: &AdaptiveAvgPool2d, inputs: &[Array], _: &Array) -> Rounding {
    // The largest window: both of its ends may fall between two values.
    let [down, across] = op.output_size;
    let [height, width] = [inputs[0].shape[2], inputs[0].shape[3]];
    Rounding::Sum((height.div_ceil(down) + 1) * (width.div_ceil(across) + 1) + 3)
}

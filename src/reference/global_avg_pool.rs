//! Global average pooling, as `torch.nn.functional.adaptive_avg_pool2d` to 1x1 defines it.

use super::array::Array;
use super::rounding::Rounding;
use crate::ops::GlobalAvgPool;

pub(super) fn evaluate(_: &GlobalAvgPool, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c, h, w] = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];

    Array::from_fn([n, c, 1, 1], |[b, channel, _, _]| {
        let mut sum = 0.0;
        for i in 0..h {
            for j in 0..w {
                sum += x.at(&[b, channel, i, j]);
            }
        }
        sum / (h * w) as f64
    })
}

/// How far single precision may be off.
pub(super) fn rounding(_: &GlobalAvgPool, inputs: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(inputs[0].shape[2..].iter().product::<usize>() + 3)
}

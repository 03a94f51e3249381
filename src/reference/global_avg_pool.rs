//! Global average pooling, as `torch.nn.functional.adaptive_avg_pool2d` to 1x1 defines it.

use super::array::Array;
use super::rounding::Rounding;
use crate::ops::GlobalAvgPool;

pub(super) fn evaluate(_: &GlobalAvgPool, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [n, c] = [x.shape[0], x.shape[1]];
    let values: usize = x.shape[2..].iter().product();

    let flat = Array { shape: vec![n, c, values], data: x.data.clone() };
    let y = Array::from_fn([n, c], |[b, channel]| {
        let sum: f64 = (0..values).map(|i| flat.at(&[b, channel, i])).sum();
        sum / values as f64
    });
    Array { shape: [&[n, c][..], &vec![1; x.shape.len() - 2]].concat(), ..y }
}

/// How far single precision may be off.
pub(super) fn rounding(_: &GlobalAvgPool, inputs: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(inputs[0].shape[2..].iter().product::<usize>() + 3)
}

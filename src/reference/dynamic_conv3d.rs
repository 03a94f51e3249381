//! Dynamic convolution of volumes, as the paper's equations define it.

use super::array::Array;
use super::conv3d;
use super::rounding::Rounding;
use crate::ops::DynamicConv3d;

pub(super) fn evaluate(op: &DynamicConv3d, inputs: &[Array]) -> Array {
    let (x, attention, weight) = (&inputs[0], &inputs[1], &inputs[2]);
    let kernels = weight.shape[0];
    // The tensor that the attention of a sample makes of a bank.
    let mixed = |b: usize, bank: &Array| {
        let mut mixed = Array::zeros(&bank.shape[1..]);
        let elements = mixed.data.len();
        for (i, value) in mixed.data.iter_mut().enumerate() {
            for k in 0..kernels {
                *value += attention.at(&[b, k]) * bank.data[k * elements + i];
            }
        }
        mixed
    };

    let mut output = Array::zeros(&[]);
    output.data.clear();
    let of_sample = x.data.len() / x.shape[0];
    for b in 0..x.shape[0] {
        let data = x.data[b * of_sample..(b + 1) * of_sample].to_vec();
        let shape = [&[1], &x.shape[1..]].concat();
        let mut sample = vec![Array { shape, data }, mixed(b, weight)];
        if op.conv.bias {
            sample.push(mixed(b, &inputs[3]));
        }
        let y = conv3d::evaluate(&op.conv, &sample);
        output.shape = [&[x.shape[0]], &y.shape[1..]].concat();
        output.data.extend(y.data);
    }
    output
}

/// How far single precision may be off.
pub(super) fn rounding(_: &DynamicConv3d, inputs: &[Array], _: &Array) -> Rounding {
    let weight = &inputs[2].shape;
    Rounding::Sum(weight[0] + weight[2..].iter().product::<usize>() + 1)
}

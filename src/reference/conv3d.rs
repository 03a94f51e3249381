//! Convolution of volumes, as `torch.nn.functional.conv3d` defines it.

use super::activation;
use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::Conv3d;

pub(super) fn evaluate(op: &Conv3d, inputs: &[Array]) -> Array {
    let (x, weight) = (&inputs[0], &inputs[1]);
    let size = [0, 1, 2].map(|axis| x.shape[2 + axis]);
    let kernel = [0, 1, 2].map(|axis| weight.shape[2 + axis]);
    let [co, group_in] = [weight.shape[0], weight.shape[1]];
    let group_out = co / op.groups;
    let sides = padding(op.padding, kernel, op.dilation);
    let [od, oh, ow] = [0, 1, 2].map(|axis| {
        let padded = size[axis] + sides[axis][0] + sides[axis][1];
        (padded - op.dilation[axis] * (kernel[axis] - 1) - 1) / op.stride[axis] + 1
    });
    let place = |axis: usize, position: usize, tap: usize| {
        (position * op.stride[axis] + tap * op.dilation[axis]) as isize - sides[axis][0] as isize
    };

    Array::from_fn([x.shape[0], co, od, oh, ow], |[b, o, k, i, j]| {
        let group = o / group_out;
        let mut sum = 0.0;
        for c in 0..group_in {
            for r in 0..kernel[0] {
                for p in 0..kernel[1] {
                    for q in 0..kernel[2] {
                        let places = [place(0, k, r), place(1, i, p), place(2, j, q)];
                        let value = x.within(b, group * group_in + c, places).unwrap_or(0.0);
                        sum += weight.at(&[o, c, r, p, q]) * value;
                    }
                }
            }
        }
        if op.bias {
            sum += inputs[2].at(&[o]);
        }
        if op.residual {
            sum += inputs[inputs.len() - 1].at(&[b, o, k, i, j]);
        }
        activation::apply(op.activation, sum)
    })
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Conv3d, inputs: &[Array], _: &Array) -> Rounding {
    let weight = &inputs[1].shape;
    Rounding::Sum(weight[1..].iter().product::<usize>() + 2)
}

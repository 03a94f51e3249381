//! Convolution, as `torch.nn.functional.conv2d` defines it.

use super::activation;
use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::Conv2d;

pub(super) fn evaluate(op: &Conv2d, inputs: &[Array]) -> Array {
    let (x, weight) = (&inputs[0], &inputs[1]);
    let [n, h, w] = [x.shape[0], x.shape[2], x.shape[3]];
    let [co, group_in, kh, kw] =
        [weight.shape[0], weight.shape[1], weight.shape[2], weight.shape[3]];
    let group_out = co / op.groups;
    let [[top, bottom], [left, right]] = padding(op.padding, [kh, kw], op.dilation);
    let [sh, sw] = op.stride;
    let [dh, dw] = op.dilation;
    let oh = (h + top + bottom - dh * (kh - 1) - 1) / sh + 1;
    let ow = (w + left + right - dw * (kw - 1) - 1) / sw + 1;

    Array::from_fn([n, co, oh, ow], |[b, o, i, j]| {
        let group = o / group_out;
        let mut sum = 0.0;
        for c in 0..group_in {
            for p in 0..kh {
                for q in 0..kw {
                    let row = (i * sh + p * dh) as isize - top as isize;
                    let column = (j * sw + q * dw) as isize - left as isize;
                    let value = x.inside(b, group * group_in + c, row, column).unwrap_or(0.0);
                    sum += weight.at(&[o, c, p, q]) * value;
                }
            }
        }
        if op.bias {
            sum += inputs[2].at(&[o]);
        }
        if op.residual {
            sum += inputs[inputs.len() - 1].at(&[b, o, i, j]);
        }
        activation::apply(op.activation, sum)
    })
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Conv2d, inputs: &[Array], _: &Array) -> Rounding {
    let weight = &inputs[1].shape;
    Rounding::Sum(weight[1..].iter().product::<usize>() + 2)
}

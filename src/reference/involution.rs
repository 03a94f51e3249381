//! Involution, as the paper's equation defines it.

use super::activation;
use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::{ChannelOrder, Involution};

pub(super) fn evaluate(op: &Involution, inputs: &[Array]) -> Array {
    let (x, kernel) = (&inputs[0], &inputs[1]);
    let [n, c] = [x.shape[0], x.shape[1]];
    let [oh, ow] = [kernel.shape[2], kernel.shape[3]];
    let [kh, kw] = op.window.kernel_size;
    let [sh, sw] = op.window.stride;
    let [dh, dw] = op.window.dilation;
    let ([top, _], [left, _]) = padding(op.window.padding, [kh, kw], [dh, dw]);

    Array::from_fn([n, c, oh, ow], |[b, c_out, i, j]| {
        let group = match op.channel_order {
            ChannelOrder::Blocked => c_out / (c / op.groups),
            ChannelOrder::Interleaved => c_out % op.groups,
        };
        let mut sum = 0.0;
        for p in 0..kh {
            for q in 0..kw {
                let row = (i * sh + p * dh) as isize - top as isize;
                let column = (j * sw + q * dw) as isize - left as isize;
                let value = x.inside(b, c_out, row, column).unwrap_or(0.0);
                sum += kernel.at(&[b, (group * kh + p) * kw + q, i, j]) * value;
            }
        }
        if op.affine {
            sum = sum * inputs[2].data[c_out] + inputs[3].data[c_out];
        }
        activation::apply(op.activation, sum)
    })
}

/// How far single precision may be off.
pub(super) fn rounding(op: &Involution, _: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(op.window.taps() + 2)
}

//! Transposed convolution, as `torch.nn.functional.conv_transpose2d` defines it: each value of x is scattered over the taps.

use super::activation;
use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::ConvTranspose2d;

pub(super) fn evaluate(op: &ConvTranspose2d, inputs: &[Array]) -> Array {
    let (x, weight) = (&inputs[0], &inputs[1]);
    let [n, ci, h, w] = [0, 1, 2, 3].map(|axis| x.shape[axis]);
    let [group_out, kh, kw] = [1, 2, 3].map(|axis| weight.shape[axis]);
    let [[top, bottom], [left, right]] = padding(op.padding, [kh, kw], op.dilation);
    let [sh, sw] = op.stride;
    let [dh, dw] = op.dilation;
    let oh = (h - 1) * sh + dh * (kh - 1) + 1 + op.output_padding[0] - top - bottom;
    let ow = (w - 1) * sw + dw * (kw - 1) + 1 + op.output_padding[1] - left - right;
    let co = group_out * op.groups;

    let mut out = Array::from_fn(
        [n, co, oh, ow],
        |[_, o, ..]| {
            if op.bias { inputs[2].at(&[o]) } else { 0.0 }
        },
    );
    let places = || (0..h * w).flat_map(|pixel| (0..kh * kw).map(move |tap| (pixel, tap)));
    for b in 0..n {
        for c in 0..ci {
            for o in 0..group_out {
                let channel = c / (ci / op.groups) * group_out + o;
                for (pixel, tap) in places() {
                    let ([i, j], [p, q]) = ([pixel / w, pixel % w], [tap / kw, tap % kw]);
                    let row = (i * sh + p * dh) as isize - top as isize;
                    let column = (j * sw + q * dw) as isize - left as isize;
                    if out.inside(b, channel, row, column).is_some() {
                        let at = ((b * co + channel) * oh + row as usize) * ow + column as usize;
                        out.data[at] += x.at(&[b, c, i, j]) * weight.at(&[c, o, p, q]);
                    }
                }
            }
        }
    }
    out.data.iter_mut().for_each(|value| *value = activation::apply(op.activation, *value));
    out
}

/// How far single precision may be off: at most all taps of all channels of a group meet.
pub(super) fn rounding(op: &ConvTranspose2d, inputs: &[Array], _: &Array) -> Rounding {
    let weight = &inputs[1].shape;
    Rounding::Sum(weight[0] / op.groups * weight[2] * weight[3] + 2)
}

//! Involution of volumes, as the paper's equation defines it along three axes.

use super::activation;
use super::array::{Array, padding};
use super::involution::{normalised_rounding, read, softmax_over_taps};
use super::rounding::Rounding;
use crate::ops::{ChannelOrder, Involution3d};

pub(super) fn evaluate(op: &Involution3d, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let size = [0, 1, 2].map(|axis| x.shape[2 + axis]);
    let positions = &inputs[1].shape[2..];
    // The places of a map in a row, which softmax does not care for.
    let mut kernel = inputs[1].clone();
    kernel.shape = vec![kernel.shape[0], kernel.shape[1], 1, positions.iter().product()];
    if op.softmax {
        kernel = softmax_over_taps(&kernel, op.groups);
    }
    let [n, c] = [x.shape[0], x.shape[1]];
    let [od, oh, ow] = [positions[0], positions[1], positions[2]];
    let window = op.window;
    let [kd, kh, kw] = window.kernel_size;
    let sides = padding(window.padding, window.kernel_size, window.dilation);

    Array::from_fn([n, c, od, oh, ow], |[b, c_out, k, i, j]| {
        let group = match op.channel_order {
            ChannelOrder::Blocked => c_out / (c / op.groups),
            ChannelOrder::Interleaved => c_out % op.groups,
        };
        let position = [k, i, j];
        let mut sum = 0.0;
        for r in 0..kd {
            for p in 0..kh {
                for q in 0..kw {
                    let tap = [r, p, q];
                    let places = [0, 1, 2].map(|axis| {
                        let numbers = [
                            window.kernel_size[axis],
                            window.stride[axis],
                            window.dilation[axis],
                            sides[axis][0],
                        ];
                        read(op.border, [position[axis], tap[axis]], numbers, size[axis])
                    });
                    let map = ((group * kd + r) * kh + p) * kw + q;
                    let weight = kernel.at(&[b, map, 0, (k * oh + i) * ow + j]);
                    sum += weight * x.within(b, c_out, places).unwrap_or(0.0);
                }
            }
        }
        if op.affine {
            sum = sum * inputs[2].data[c_out] + inputs[3].data[c_out];
        }
        activation::apply(op.activation, sum)
    })
}

/// How far single precision may be off.
pub(super) fn rounding(op: &Involution3d, inputs: &[Array], _: &Array) -> Rounding {
    let taps = op.window.taps();
    let normalised = if op.softmax { normalised_rounding(taps, &inputs[1]) } else { 0 };
    Rounding::Sum(taps + 2 + normalised)
}

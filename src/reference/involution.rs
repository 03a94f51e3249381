//! Involution, as the paper's equation defines it.

use super::activation;
use super::array::{Array, padding};
use super::rounding::Rounding;
use crate::ops::{Border, ChannelOrder, Involution, KernelLayout};

pub(super) fn evaluate(op: &Involution, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let mut kernel = taps_first(op, &inputs[1]);
    if op.softmax {
        kernel = softmax_over_taps(&kernel, op.groups);
    }
    let [n, c, h, w] = [x.shape[0], x.shape[1], x.shape[2], x.shape[3]];
    let r = op.upsample;
    let [oh, ow] = [kernel.shape[2], kernel.shape[3]];
    let [kh, kw] = op.window.kernel_size;
    let [sh, sw] = op.window.stride;
    let [dh, dw] = op.window.dilation;
    let [[top, _], [left, _]] = padding(op.window.padding, [kh, kw], [dh, dw]);

    Array::from_fn([n, c, oh, ow], |[b, c_out, i, j]| {
        let group = match op.channel_order {
            ChannelOrder::Blocked => c_out / (c / op.groups),
            ChannelOrder::Interleaved => c_out % op.groups,
        };
        let mut sum = 0.0;
        for p in 0..kh {
            for q in 0..kw {
                let row = read(op.border, [i / r, p], [kh, sh, dh, top], h);
                let column = read(op.border, [j / r, q], [kw, sw, dw, left], w);
                let value = x.inside(b, c_out, row, column).unwrap_or(0.0);
                let tap = kernel.at(&[b, (group * kh + p) * kw + q, i, j]);
                sum += tap * value;
            }
        }
        if op.affine {
            sum = sum * inputs[2].data[c_out] + inputs[3].data[c_out];
        }
        activation::apply(op.activation, sum)
    })
}

/// The kernel as `[N, G*Kh*Kw, H', W']`.
fn taps_first(op: &Involution, kernel: &Array) -> Array {
    let (r, taps, shape) = (op.upsample, op.window.taps(), &kernel.shape);
    let maps = op.groups * taps;
    match op.kernel_layout {
        KernelLayout::TapsFirst => {
            let [.., oh, ow] = shape[..] else { return kernel.clone() };
            Array { shape: vec![shape[0], maps, oh, ow], data: kernel.data.clone() }
        }
        KernelLayout::TapsLast => {
            Array::from_fn([shape[0], maps, shape[2], shape[3]], |[b, map, i, j]| {
                kernel.at(&[b, map / taps, i, j, map % taps])
            })
        }
        KernelLayout::BeforePixelShuffle => {
            Array::from_fn([shape[0], maps, shape[2] * r, shape[3] * r], |[b, map, i, j]| {
                kernel.at(&[b, map * r * r + i % r * r + j % r, i / r, j / r])
            })
        }
    }
}

/// Which place along an axis a tap of a position reads; outside of the image there is zero.
pub(super) fn read(
    border: Border,
    [position, tap]: [usize; 2],
    [taps, stride, dilation, padding]: [usize; 4],
    length: usize,
) -> isize {
    let place = (position * stride + tap * dilation) as isize - padding as isize;
    let last = length as isize - 1;
    match border {
        Border::Zero => place,
        Border::Reflect if place < 0 => -place,
        Border::Reflect if place > last => 2 * last - place,
        Border::Reflect => place,
        Border::Replicate => place.max(0).min(last),
        Border::Shift => {
            // Every place that this position can reach.
            let own: Vec<usize> =
                (0..length).filter(|place| place % dilation == position % dilation).collect();
            let middle = own.iter().position(|&place| place == position).unwrap_or(0);
            let start = middle.saturating_sub(taps / 2).min(own.len() - taps);
            own[start + tap] as isize
        }
    }
}

/// The kernel whose taps sum to one in each pixel and group.
pub(super) fn softmax_over_taps(kernel: &Array, groups: usize) -> Array {
    let [n, maps, oh, ow] = [0, 1, 2, 3].map(|axis| kernel.shape[axis]);
    let taps = maps / groups;
    Array::from_fn([n, maps, oh, ow], |[b, map, i, j]| {
        let all = (0..taps).map(|tap| kernel.at(&[b, map / taps * taps + tap, i, j]));
        let largest = all.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = all.map(|value| (value - largest).exp()).sum();
        (kernel.at(&[b, map, i, j]) - largest).exp() / sum
    })
}

/// How far single precision may be off. Taps that are normalised are off by what softmax is, relative to themselves.
pub(super) fn rounding(op: &Involution, inputs: &[Array], _: &Array) -> Rounding {
    let taps = op.window.taps();
    let normalised = if op.softmax { normalised_rounding(taps, &inputs[1]) } else { 0 };
    Rounding::Sum(taps + 2 + normalised)
}

/// The roundings of taps that are normalised.
pub(super) fn normalised_rounding(taps: usize, kernel: &Array) -> usize {
    let largest = kernel.data.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    (16.0 + taps as f64 + 10.0 * largest).min(1e9).ceil() as usize
}

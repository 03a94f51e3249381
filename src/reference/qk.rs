//! Products of queries with the keys of their windows, as stand-alone self-attention and NATTEN define them.

use super::array::Array;
use super::rounding::{EPSILON, FLUSH, Rounding};
use crate::ops::qk::MASKED;
use crate::ops::{Border, Qk};

pub(super) fn evaluate(op: &Qk, inputs: &[Array]) -> Array {
    let [query, key] = [&inputs[0], &inputs[1]];
    let [n, c, h, w] = [0, 1, 2, 3].map(|axis| query.shape[axis]);
    let [kh, kw] = op.kernel_size;
    let channels = c / op.heads;
    Array::from_fn([n, op.heads * kh * kw, h, w], |[b, map, i, j]| {
        let (head, [p, q]) = (map / (kh * kw), [map / kw % kh, map % kw]);
        let (row, r) = key_of(op.border, [i, p], [kh, op.dilation[0]], h);
        let (column, s) = key_of(op.border, [j, q], [kw, op.dilation[1]], w);
        let inside = key.inside(b, 0, row, column).is_some();
        if op.mask && !inside {
            return f64::from(MASKED);
        }
        let mut sum = 0.0;
        for channel in head * channels..(head + 1) * channels {
            let value = key.inside(b, channel, row, column).unwrap_or(0.0);
            sum += query.at(&[b, channel, i, j]) * value;
        }
        sum *= f64::from(op.scale);
        if op.bias {
            sum += inputs[2].at(&[head, r, s]);
        }
        sum
    })
}

/// The place along an axis whose key a tap of a position reads, and the index of its distance, in taps.
fn key_of(
    border: Border,
    [position, tap]: [usize; 2],
    [taps, dilation]: [usize; 2],
    length: usize,
) -> (isize, usize) {
    let half = taps / 2;
    let last = length as isize - 1;
    let place = position as isize + (tap as isize - half as isize) * dilation as isize;
    let distance = tap + half;
    match border {
        Border::Zero => (place, distance),
        Border::Replicate => (place.clamp(0, last), distance),
        Border::Reflect if place < 0 => (-place, distance),
        Border::Reflect if place > last => (2 * last - place, distance),
        Border::Reflect => (place, distance),
        Border::Shift => {
            // The nearest places of the same residue, as many as there are taps, with the position in the middle where
            // it can be.
            let own: Vec<usize> =
                (0..length).filter(|place| place % dilation == position % dilation).collect();
            let middle = position / dilation;
            let first = if middle < half {
                0
            } else if middle + half >= own.len() {
                own.len() - taps
            } else {
                middle - half
            };
            (own[first + tap] as isize, first + tap + taps - 1 - middle)
        }
    }
}

/// How far single precision may be off: a sum of d products, the scale and the bias.
pub(super) fn rounding(op: &Qk, inputs: &[Array], value: &Array) -> Rounding {
    let absolute = |input: &Array| Array {
        shape: input.shape.clone(),
        data: input.data.iter().map(|value| value.abs()).collect(),
    };
    let magnitudes = evaluate(op, &inputs.iter().map(absolute).collect::<Vec<_>>());
    let steps = (inputs[0].shape[1] / op.heads + 4) as f64;
    let bound = magnitudes.data.iter().zip(&value.data).map(|(&magnitude, &value)| {
        if op.mask && value == f64::from(MASKED) {
            return 0.0;
        }
        steps * (EPSILON * magnitude + FLUSH)
    });
    Rounding::Own(bound.collect())
}

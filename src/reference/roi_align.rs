//! Averages of bilinear samples in the bins of boxes, as `torchvision.ops.roi_align` defines them.

use super::array::Array;
use super::rounding::{EPSILON, FLUSH, Rounding};
use crate::ops::RoiAlign;

/// The samples of one axis of a bin that lie on the map, of all that there are.
struct Samples {
    places: Vec<f64>,
    all: f64,
    /// Those that rounding may move on the map or off it.
    unsure: usize,
    /// Whether rounding may change their number.
    number_unsure: bool,
    /// How far rounding may move one.
    off: f64,
}

/// How far coordinates are off in units of the largest: the corners 1, their distance 2, the quotients by the bins and by the
/// samples 2.5 each, the products with the numbers of bin and sample 1.5, three sums of at most twice the size 4.
const STEPS: f64 = 16.0;

/// The samples of bin `bin` of `bins` of a box from `low` to `high`, on an axis of this size.
fn samples(op: &RoiAlign, [low, high]: [f64; 2], [bin, bins]: [usize; 2], size: usize) -> Samples {
    let (scale, bins) = (f64::from(op.spatial_scale), bins as f64);
    let mut length = (high - low) * scale;
    let mut start = low * scale;
    if op.aligned {
        start -= 0.5;
    } else {
        length = length.max(1.0);
    }
    let each = length / bins;
    let all = if op.sampling_ratio > 0 { op.sampling_ratio as f64 } else { each.ceil().max(0.0) };
    let apart = each / all;
    let bin_start = start + bin as f64 * each;
    let last = size as f64;
    let mut found = Samples {
        places: Vec::new(),
        all,
        unsure: 0,
        number_unsure: false,
        off: STEPS * (EPSILON * (low.abs() * scale + high.abs() * scale + 1.0) + FLUSH),
    };
    if all == 0.0 || !(bin_start + apart).is_finite() {
        return found;
    }
    // Where a box is far larger than the map, most samples lie beside it.
    let mut ends = [(-1.0 - bin_start) / apart, (last - bin_start) / apart];
    if apart == 0.0 {
        ends = [0.0, all];
    }
    ends.sort_by(f64::total_cmp);
    let margin = 4.0 + if apart == 0.0 { 0.0 } else { found.off / apart.abs() };
    let first = (ends[0] - margin).max(0.0) as usize;
    let end = (ends[1] + margin).clamp(0.0, all) as usize;
    for k in first..end {
        let place = bin_start + (k as f64 + 0.5) * apart;
        if (-1.0..=last).contains(&place) {
            found.places.push(place);
        }
        let edge = (place + 1.0).abs().min((place - last).abs());
        found.unsure += usize::from(edge <= found.off);
    }
    // Where the length is the same number in single precision, so is the number of samples.
    let exact = f64::from((high as f32 - low as f32) * op.spatial_scale) == (high - low) * scale;
    let to_next = (length - bins * each.round()).abs();
    found.number_unsure = op.sampling_ratio == 0 && !exact && to_next <= found.off;
    found
}

/// The two pixels of an axis around a sample, and how much of each.
fn around(place: f64, size: usize) -> [(usize, f64); 2] {
    let place = place.max(0.0);
    let low = place.floor() as usize;
    if low >= size - 1 {
        return [(size - 1, 1.0), (size - 1, 0.0)];
    }
    let part = place - low as f64;
    [(low, 1.0 - part), (low + 1, part)]
}

/// Calls `f` with the sample, and the samples down and across, of each box and bin; nothing where the sample is none of the batch.
fn bins(
    op: &RoiAlign,
    inputs: &[Array],
    mut f: impl FnMut([usize; 3], Option<(usize, Samples, Samples)>),
) {
    let (x, rois) = (&inputs[0], &inputs[1]);
    let [ph, pw] = op.output_size;
    for roi in 0..rois.shape[0] {
        let [sample, left, top, right, bottom] = [0, 1, 2, 3, 4].map(|at| rois.at(&[roi, at]));
        let exists = sample >= 0.0 && sample < x.shape[0] as f64;
        for p in 0..ph {
            for q in 0..pw {
                let down = samples(op, [top, bottom], [p, ph], x.shape[2]);
                let across = samples(op, [left, right], [q, pw], x.shape[3]);
                f([roi, p, q], exists.then_some((sample as usize, down, across)));
            }
        }
    }
}

pub(super) fn evaluate(op: &RoiAlign, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let [channels, height, width] = [1, 2, 3].map(|axis| x.shape[axis]);
    let [ph, pw] = op.output_size;
    let mut out = Array::zeros(&[inputs[1].shape[0], channels, ph, pw]);
    bins(op, inputs, |[roi, p, q], samples| {
        let Some((sample, down, across)) = samples else { return };
        for channel in 0..channels {
            let mut sum = 0.0;
            for &y in &down.places {
                for &x_ in &across.places {
                    for (row, above) in around(y, height) {
                        for (column, beside) in around(x_, width) {
                            sum += above * beside * x.at(&[sample, channel, row, column]);
                        }
                    }
                }
            }
            let at = ((roi * channels + channel) * ph + p) * pw + q;
            out.data[at] = sum / (down.all * across.all).max(1.0);
        }
    });
    out
}

/// How far single precision may be off. A sample that moves by d changes by at most 2 d of the largest value M of its channel,
/// along each axis; one that may leave the map, by M. The sum has four products of three roundings for each sample, and then
/// there is the quotient. Where the number of samples may be another, nothing is known but that a mean is at most M.
pub(super) fn rounding(op: &RoiAlign, inputs: &[Array], _: &Array) -> Rounding {
    let x = &inputs[0];
    let channels = x.shape[1];
    let [ph, pw] = op.output_size;
    let largest: Vec<f64> = x
        .data
        .chunks(x.shape[2] * x.shape[3])
        .map(|plane| {
            let finite = plane.iter().map(|v| v.abs()).filter(|v| v.is_finite());
            finite.fold(0.0, f64::max)
        })
        .collect();
    let mut bound = vec![0.0; inputs[1].shape[0] * channels * ph * pw];
    bins(op, inputs, |[roi, p, q], samples| {
        let Some((sample, down, across)) = samples else { return };
        let all = (down.all * across.all).max(1.0);
        let [rows, columns] = [&down, &across].map(|axis| (axis.places.len() + axis.unsure) as f64);
        let visited = rows * columns;
        let unsure = down.unsure as f64 * columns + across.unsure as f64 * rows;
        let steps = 4.0 * visited + 16.0;
        for channel in 0..channels {
            let most = largest[sample * channels + channel];
            let moved = visited / all * 2.0 * (down.off + across.off) * most;
            let sure =
                moved + unsure / all * most + steps * (EPSILON * visited / all * most + FLUSH);
            let at = ((roi * channels + channel) * ph + p) * pw + q;
            let number_unsure = down.number_unsure || across.number_unsure;
            bound[at] = if number_unsure { sure + 2.0 * most } else { sure };
        }
    });
    Rounding::Own(bound)
}

//! The channel of the largest value of images that are resized first: the resizes and the argmax, one after another.

use super::array::Array;
use super::rounding::{EPSILON, FLUSH, Rounding};
use super::{argmax, resize};
use crate::ops::{Argmax, Interpolation, Resize, ResizeArgmax};

/// The images whose largest channels are looked for.
fn resized(op: &ResizeArgmax, x: &Array) -> Array {
    let to = |output_size| Resize::new(output_size, Interpolation::Bilinear);
    let of_part = Resize { input_size: op.input_size, ..to(op.output_size) };
    match op.via {
        Some(via) => {
            resize::evaluate(&of_part, &[resize::evaluate(&to(via), std::slice::from_ref(x))])
        }
        None => resize::evaluate(&of_part, std::slice::from_ref(x)),
    }
}

pub(super) fn evaluate(op: &ResizeArgmax, inputs: &[Array]) -> Array {
    argmax::evaluate(&Argmax, &[resized(op, &inputs[0])])
}

/// How far single precision may be off. A value is a sum of products, with a factor of 3.5 ULP for each axis and each resize
/// as in `resize`: 7 for one resize; for two 15, where the two factors of an axis are multiplied first. Two products and the
/// sums of two or of four terms along each axis follow, each within half a ULP: 9 in all, or 19, and two more for what is of
/// higher order. A channel may be taken for the largest whose value is as near to the largest as the errors of both together:
/// the index may be off by as much as the farthest of these is away. Where the largest value is infinite or no number, no other
/// is near; and of channels that are equal throughout, which are computed alike, it is the first.
pub(super) fn rounding(op: &ResizeArgmax, inputs: &[Array], value: &Array) -> Rounding {
    let x = &inputs[0];
    let values = resized(op, x);
    let absolute = Array { data: x.data.iter().map(|v| v.abs()).collect(), shape: x.shape.clone() };
    let magnitudes = resized(op, &absolute);
    let steps = if op.via.is_some() { 21.0 } else { 11.0 };
    let channels = x.shape[1];
    let places: usize = values.shape[2..].iter().product();
    let planes: Vec<&[f64]> = x.data.chunks(x.shape[2] * x.shape[3]).collect();
    let repeats = |plane: usize| planes[plane - plane % channels..plane].contains(&planes[plane]);
    let repeats: Vec<bool> = (0..planes.len()).map(repeats).collect();
    let bound = value.data.iter().enumerate().map(|(index, &given)| {
        let first = index / places * channels * places + index % places;
        let each = (0..channels).map(|channel| (channel, first + channel * places));
        if each.clone().any(|(_, at)| values.data[at].is_nan() || values.data[at] == f64::INFINITY)
        {
            return 0.0;
        }
        let error = |at: usize| steps * (EPSILON * magnitudes.data[at] + FLUSH);
        let least = each.clone().map(|(_, at)| values.data[at] - error(at));
        let least = least.fold(f64::NEG_INFINITY, f64::max);
        let first_plane = index / places * channels;
        let near = each.filter(|&(channel, at)| {
            values.data[at] + error(at) >= least && !repeats[first_plane + channel]
        });
        near.map(|(channel, _)| (channel as f64 - given).abs()).fold(0.0, f64::max)
    });
    Rounding::Own(bound.collect())
}

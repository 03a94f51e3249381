//! The channel of the largest value, as `torch.argmax(x, 1, keepdim=True)` defines it.

use super::array::Array;
use super::rounding::Rounding;
use crate::ops::Argmax;

pub(super) fn evaluate(_: &Argmax, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let channels = x.shape[1];
    let places: usize = x.shape[2..].iter().product();
    let mut shape = x.shape.clone();
    shape[1] = 1;
    let mut out = Array::zeros(&shape);
    for (index, value) in out.data.iter_mut().enumerate() {
        let first = index / places * channels * places + index % places;
        let mut best = 0;
        for channel in 1..channels {
            let [own, other] = [best, channel].map(|channel| x.data[first + channel * places]);
            if !own.is_nan() && (other.is_nan() || other > own) {
                best = channel;
            }
        }
        *value = best as f64;
    }
    out
}

/// An index is exact: nothing is computed but comparisons, and the operator refuses more channels than the type counts.
pub(super) fn rounding(_: &Argmax, _: &[Array], _: &Array) -> Rounding {
    Rounding::Exact
}

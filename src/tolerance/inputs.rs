//! Random inputs of an operator.

use crate::ops::{Op, Operator};
use crate::shape::Shape;
use crate::tensor::{DType, Tensor};

/// Where random values come from, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution {
    /// The seed of the random numbers.
    pub seed: u64,
    /// How large the values of x may be.
    pub scale: f32,
    /// Whether no value is negative.
    pub positive: bool,
    /// The type that has all of the values.
    pub dtype: DType,
}

/// The input tensors of an operator: uniform in -1..1, or in 0..1 where all are to be positive, but x as far as its scale,
/// variances positive, attention a weight in 0..1, and rois boxes round x and on it.
pub fn inputs(op: &Operator, shapes: &[Shape], of: Distribution) -> Vec<Tensor> {
    let Distribution { seed, scale, positive, dtype } = of;
    let mut rng = fastrand::Rng::with_seed(seed);
    let tensors = op.inputs().into_iter().zip(shapes).filter_map(|(name, shape)| {
        let data = (0..shape.elements().ok()?).map(|index| {
            let unit = rng.f32();
            dtype.nearest(match name {
                "rois" => corner(op, &shapes[0], index % 5, unit),
                "running_var" => 0.1 + unit,
                "attention" => unit,
                _ if positive => scale * unit,
                "x" => scale * (2.0 * unit - 1.0),
                _ => 2.0 * unit - 1.0,
            })
        });
        Tensor::new(shape.clone(), data.collect()).ok()
    });
    tensors.collect()
}

/// A number of a box, by its place: the sample, and corners on the map and round it, the second mostly past the first.
fn corner(op: &Operator, x: &Shape, place: usize, unit: f32) -> f32 {
    let Operator::RoiAlign(op) = op else { return unit };
    let size = |axis: usize| x.dims().get(axis).map_or(0.0, |&size| size as f32);
    let along = |axis, part: f32| part * (size(axis) + 2.0) / op.spatial_scale;
    match place {
        0 => (unit * size(0)).floor().min(size(0) - 1.0),
        1 => along(3, 0.8 * unit - 0.2),
        2 => along(2, 0.8 * unit - 0.2),
        3 => along(3, 0.8 * unit + 0.5),
        _ => along(2, 0.8 * unit + 0.5),
    }
}

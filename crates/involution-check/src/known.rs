//! Tensors of answers that are known by hand.

use involution::ops::Operator;
use involution::shape::{Shape, ShapeError};
use involution::tensor::Tensor;

/// An operator, its inputs, and its output.
pub type Known = (Operator, Vec<Tensor>, Tensor);

/// A tensor of these values.
pub fn tensor(dims: &[usize], data: &[f32]) -> Result<Tensor, ShapeError> {
    Tensor::new(Shape::new(dims), data.to_vec())
}

/// A tensor of one value.
pub fn full(dims: &[usize], value: f32) -> Result<Tensor, ShapeError> {
    Tensor::filled(Shape::new(dims), value)
}

/// An image of 3x3.
pub fn square(values: [f32; 9]) -> Result<Tensor, ShapeError> {
    tensor(&[1, 1, 3, 3], &values)
}

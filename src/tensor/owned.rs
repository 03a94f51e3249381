//! A tensor on the host: a shape and its values, row-major, outermost dimension first.

use super::dtype::DType;
use crate::shape::{Shape, ShapeError};

/// A shape and its values.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Vec<f32>,
}

impl Tensor {
    /// A tensor of these values; an error where their number does not belong to the shape.
    pub fn new(shape: impl Into<Shape>, data: Vec<f32>) -> Result<Self, ShapeError> {
        let shape = shape.into();
        shape.holds(data.len())?;
        Ok(Tensor { shape, data })
    }

    /// A tensor with one value everywhere.
    pub fn filled(shape: impl Into<Shape>, value: f32) -> Result<Self, ShapeError> {
        let shape = shape.into();
        let data = vec![value; shape.elements()?];
        Ok(Tensor { shape, data })
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        DType::F32
    }

    /// The values, row-major.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// The values, row-major, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// The [nearest](DType::nearest) values of another type.
    pub fn rounded(&self, dtype: DType) -> Tensor {
        let data = self.data.iter().map(|&value| dtype.nearest(value)).collect();
        Tensor { shape: self.shape.clone(), data }
    }

    /// The values alone.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

//! Maximum pooling of volumes.

use super::candidate::Candidate;
use super::max_pool2d::of_windows;
use crate::error::ShapeError;
use crate::ops::MaxPool3d;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &MaxPool3d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    of_windows(op, inputs)
}

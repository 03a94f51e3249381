//! Convolution of volumes.

use super::candidate::Candidate;
use super::conv::select::of_volumes;
use super::conv2d::problem;
use crate::error::ShapeError;
use crate::ops::Conv3d;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &Conv3d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    of_volumes(&problem(op, inputs)?)
}

//! Average pooling of volumes.

use super::avg_pool2d::of_windows;
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::AvgPool3d;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &AvgPool3d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    of_windows(op, inputs)
}

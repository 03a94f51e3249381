//! Dynamic convolution of volumes: the weights of each sample are mixed into a scratch buffer, then convolved with.

use super::candidate::Candidate;
use super::conv::select::of_volumes;
use super::dynamic_conv2d::of_samples;
use crate::error::ShapeError;
use crate::ops::DynamicConv3d;
use crate::shape::Shape;

/// The candidates of the operator: those of the convolution.
pub fn candidates(op: &DynamicConv3d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    of_samples(op, inputs, of_volumes)
}

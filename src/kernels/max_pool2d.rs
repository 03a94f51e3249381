//! Maximum pooling.

use super::call::Params;
use super::candidate::Candidate;
use super::pool::{window_call, windows};
use crate::error::ShapeError;
use crate::ops::MaxPool2d;
use crate::shaders::reduce::MAX_POOL2D;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &MaxPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (x, output) = op.checked(inputs)?;
    windows(&op.window, x, output, |window, x, output, tensors| {
        let params = Params::planes(x, output)?.window(window)?;
        window_call(&MAX_POOL2D, params, window, x, output, tensors)
    })
}

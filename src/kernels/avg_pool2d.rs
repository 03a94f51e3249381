//! Average pooling.

use super::call::Params;
use super::candidate::Candidate;
use super::pool::{window_call, windows};
use crate::error::ShapeError;
use crate::ops::AvgPool2d;
use crate::shaders::reduce::AVG_POOL2D;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &AvgPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (x, output) = op.checked(inputs)?;
    windows(&op.window, x, output, |window, x, output, tensors| {
        let [[top, bottom], [left, right]] = window.resolve_padding()?;
        let params = Params::planes(x, output)?
            .window(window)?
            .size("padded_height", top + x[2] + bottom)?
            .size("padded_width", left + x[3] + right)?
            .size("count_include_pad", usize::from(op.count_include_pad))?;
        window_call(&AVG_POOL2D, params, window, x, output, tensors)
    })
}

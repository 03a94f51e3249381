//! Columns added back to where they were taken from.

use super::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, nested};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::Fold;
use crate::shaders::conv::FOLD;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &Fold, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (output, positions) = op.checked(inputs)?;
    let elements = Shape::from(output).elements()?;
    let [kernel_height, kernel_width] = op.window.kernel_size;
    let params = Params::sizes(&[
        ("elements", elements),
        ("height", op.output_size[0]),
        ("width", op.output_size[1]),
        ("positions_y", positions[0]),
        ("positions_x", positions[1]),
    ])?;
    Ok(vec![Candidate::general(KernelCall {
        kernel: &FOLD,
        variant: FOLD.variants[0],
        params: params.window(&op.window)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(elements.div_ceil(ELEMENTS_PER_INVOCATION)),
        trips: nested(&[ELEMENTS_PER_INVOCATION, kernel_height, kernel_width]),
    })])
}

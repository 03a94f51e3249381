//! Windows laid out as columns, and columns added back to where they were taken from.

use super::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4, nested};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::{Fold, Unfold};
use crate::shaders::conv::{FOLD, UNFOLD};
use crate::shape::{Shape, product};

/// The candidates of unfolding.
pub fn unfold(op: &Unfold, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (x, output) = op.checked(inputs)?;
    let columns = output[1].div_ceil(VEC4);
    let [kernel_height, kernel_width] = op.window.kernel_size;
    let grid = product("the grid", &[x[0], x[1], kernel_height, output[0], columns])?;
    Ok(vec![Candidate::general(KernelCall {
        kernel: &UNFOLD,
        variant: UNFOLD.variants[0],
        params: Params::planes(x, output)?.window(&op.window)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(grid),
        trips: nested(&[kernel_width, VEC4]),
    })])
}

/// The candidates of folding.
pub fn fold(op: &Fold, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
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

//! Windows laid out as columns.

use super::call::{Grid, KernelCall, Operand, Params, VEC4, nested};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::Unfold;
use crate::shaders::conv::UNFOLD;
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &Unfold, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
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

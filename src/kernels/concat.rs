//! The channels of one tensor behind those of another.

use super::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::Concat;
use crate::shaders::elementwise::CONCAT;
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &Concat, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, x_values, y_values] = op.checked(inputs)?;
    let runs = x_values.saturating_add(y_values).div_ceil(ELEMENTS_PER_INVOCATION);
    let sizes = [("batch", batch), ("x_values", x_values), ("y_values", y_values)];
    Ok(vec![Candidate::general(KernelCall {
        kernel: &CONCAT,
        variant: CONCAT.variants[0],
        params: Params::sizes(&sizes)?,
        bindings: vec![
            ("x", Operand::Input(0)),
            ("y", Operand::Input(1)),
            ("out", Operand::Output),
        ],
        grid: Grid::Invocations(product("the grid", &[batch, runs])?),
        trips: ELEMENTS_PER_INVOCATION,
    })])
}

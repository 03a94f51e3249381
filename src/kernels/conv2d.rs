//! Convolution.

use super::call::Operand;
use super::candidate::Candidate;
use super::conv::select::of_problem;
use super::problem::Problem;
use crate::error::ShapeError;
use crate::ops::conv2d::Conv;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &Conv<2>, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    of_problem(&problem(op, inputs)?)
}

/// The convolution of these inputs, of images or volumes.
pub(super) fn problem<const AXES: usize>(
    op: &Conv<AXES>,
    inputs: &[&Shape],
) -> Result<Problem<AXES>, ShapeError> {
    let at = |given: bool, index| if given { Operand::Input(index) } else { Operand::Absent };
    let bias = at(op.bias, 2);
    let residual = at(op.residual, 2 + usize::from(op.bias));
    let problem = Problem::new(op.checked(inputs)?, Operand::Input(1));
    Ok(Problem { bias, residual, ..problem })
}

//! Convolution.

use super::call::Operand;
use super::candidate::Candidate;
use super::conv::select::of_problem;
use super::problem::Problem;
use crate::error::ShapeError;
use crate::ops::Conv2d;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &Conv2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let at = |given: bool, index| if given { Operand::Input(index) } else { Operand::Absent };
    let bias = at(op.bias, 2);
    let residual = at(op.residual, 2 + usize::from(op.bias));
    let problem = Problem::new(op.checked(inputs)?, Operand::Input(1));
    of_problem(&Problem { bias, residual, ..problem })
}

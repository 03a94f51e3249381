//! Which algorithms can carry out a convolution, in the order of their ranks.

use super::{depthwise, direct, implicit_gemm, row_pairs, winograd};
use crate::error::ShapeError;
use crate::kernels::call::Operand;
use crate::kernels::candidate::Candidate;
use crate::kernels::elementwise::activation::with_epilogue;
use crate::kernels::gemm;
use crate::kernels::problem::Problem;
use crate::ops::Conv2d;
use crate::shape::Shape;

/// Every candidate of a convolution.
pub fn of_problem(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let mut candidates = direct::candidates(problem)?;
    if problem.sizes.group_in() == 1 {
        candidates.extend(depthwise::candidates(problem)?);
    }
    if problem.is_pointwise() {
        candidates.extend(gemm::candidates(problem)?);
    }
    candidates.extend(implicit_gemm::candidates(problem)?);
    candidates.extend(row_pairs::candidate(problem)?);
    candidates.extend(winograd::candidate(problem)?);
    candidates.sort_by_key(|candidate| candidate.rank);
    let output = problem.sizes.output_shape();
    with_epilogue(candidates, problem.sizes.activation, &output, problem.scratch)
}

/// The candidates of the operator.
pub fn candidates(op: &Conv2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let at = |given: bool, index| if given { Operand::Input(index) } else { Operand::Absent };
    let bias = at(op.bias, 2);
    let residual = at(op.residual, 2 + usize::from(op.bias));
    let problem = Problem::new(op.checked(inputs)?, Operand::Input(1));
    of_problem(&Problem { bias, residual, ..problem })
}

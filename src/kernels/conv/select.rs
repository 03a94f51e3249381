//! Which algorithms can carry out a convolution, in the order of their ranks.

use super::{depthwise, direct, implicit_gemm, row_pairs, winograd};
use crate::error::ShapeError;
use crate::kernels::activation::with_epilogue;
use crate::kernels::candidate::Candidate;
use crate::kernels::gemm;
use crate::kernels::problem::Problem;

/// Every candidate of a convolution of volumes.
pub fn of_volumes(problem: &Problem<3>) -> Result<Vec<Candidate>, ShapeError> {
    if let Some(sizes) = problem.sizes.flattened() {
        let Problem { weights, x, weight, bias, residual, out, scratch, .. } = *problem;
        return of_problem(&Problem { sizes, weights, x, weight, bias, residual, out, scratch });
    }
    let mut candidates = direct::candidates(problem)?;
    candidates.extend(gemm::tiles::candidates(problem)?);
    candidates.sort_by_key(|candidate| candidate.rank);
    let output = problem.sizes.output_shape();
    with_epilogue(candidates, problem.sizes.activation, &output, problem.scratch)
}

/// Every candidate of a convolution of images.
pub fn of_problem(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let mut candidates = direct::candidates(problem)?;
    if problem.sizes.group_in() == 1 {
        candidates.extend(depthwise::candidates(problem)?);
    }
    if problem.is_pointwise() {
        candidates.extend(gemm::candidates(problem)?);
    }
    candidates.extend(implicit_gemm::candidates(problem)?);
    candidates.extend(gemm::tiles::candidates(problem)?);
    candidates.extend(gemm::cooperative::candidates(problem)?);
    candidates.extend(row_pairs::candidate(problem)?);
    candidates.extend(winograd::candidate(problem)?);
    candidates.sort_by_key(|candidate| candidate.rank);
    let output = problem.sizes.output_shape();
    with_epilogue(candidates, problem.sizes.activation, &output, problem.scratch)
}

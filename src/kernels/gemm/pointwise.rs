//! The 1x1 convolution of any device: an invocation computes a tile of output channels at four pixels.

use crate::error::ShapeError;
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shaders::conv::POINTWISE;

/// The candidates for a 1x1 convolution without stride.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let [narrow, wide] = const { [POINTWISE.variant("T=8"), POINTWISE.variant("T=16")] };
    let variants = if problem.sizes.group_out() > 8 { [narrow, wide] } else { [wide, narrow] };
    let ranks = [rank::POINTWISE_WORSE, rank::POINTWISE];
    let candidate = |(variant, rank)| {
        let grid = problem.blocks(problem.plane_vec4s()?, variant)?;
        let call = problem.call((&POINTWISE, variant), grid, problem.sizes.group_in())?;
        Ok(Candidate::new(call, rank, "1x1"))
    };
    variants.into_iter().zip(ranks).map(candidate).collect()
}

//! The 1x1 convolution of any device: an invocation computes a tile of output channels at four pixels.

use crate::error::ShapeError;
use crate::kernels::call::Kernel;
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;
use crate::kernels::rank;

static POINTWISE: Kernel = crate::kernels::kernel!("conv2d/pointwise", [&[("T", 8)], &[("T", 16)]]);

pub const KERNELS: &[&Kernel] = &[&POINTWISE];

/// The candidates for a 1x1 convolution without stride.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let [narrow, wide] = [POINTWISE.tiles[0], POINTWISE.tiles[1]];
    let tiles = if problem.sizes.group_out() > 8 { [narrow, wide] } else { [wide, narrow] };
    let ranks = [rank::POINTWISE_WORSE, rank::POINTWISE];
    let candidate = |(tile, rank)| {
        let grid = problem.blocks(problem.plane_vec4s()?, tile)?;
        let call = problem.call(&POINTWISE, tile, grid, problem.sizes.group_in())?;
        Ok(Candidate::new(call, rank, "1x1"))
    };
    tiles.into_iter().zip(ranks).map(candidate).collect()
}

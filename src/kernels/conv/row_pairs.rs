//! The 3x3 convolution of software adapters that computes two rows of the output at once, which share rows of x
//! (`shaders/software/row_pairs.wgsl`).

use crate::error::ShapeError;
use crate::kernels::call::{Grid, SUBGROUP_LANES, VEC4, nested};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shaders::software::ROW_PAIRS;
use crate::shape::product;

/// Output channels of the tile.
const CHANNELS: usize = 8;

/// The candidate, where it supports the window.
pub fn candidate(problem: &Problem) -> Result<Option<Candidate>, ShapeError> {
    let sizes = &problem.sizes;
    let kernel = problem.square_variant(&ROW_PAIRS).filter(|_| sizes.group_in() > 1);
    let Some(kernel) = kernel else { return Ok(None) };
    let blocks = sizes.group_out().div_ceil(CHANNELS);
    let places =
        product("the grid", &[sizes.output[0].div_ceil(2), sizes.output[1].div_ceil(VEC4)])?;
    let subgroups = places.div_ceil(SUBGROUP_LANES);
    let grid = [sizes.batch, sizes.groups, blocks, subgroups, SUBGROUP_LANES];
    let grid = Grid::Invocations(product("the grid", &grid)?);
    // Five rows of x for each channel, in two halves each where the window moves by two.
    let halves = if sizes.window.stride[1] == 2 { 2 * 5 } else { 0 };
    let trips = nested(&[sizes.group_in(), halves]).saturating_add(CHANNELS);
    let call = problem.call(kernel, grid, trips)?;
    let candidate = Candidate::new(call, rank::ROW_PAIRS, "3x3 by pairs of rows");
    Ok(Some(candidate.requiring(Requires::SOFTWARE_SUBGROUPS)))
}

//! Convolutions whose groups have one input channel each.

use super::direct;
use crate::error::ShapeError;
use crate::kernels::call::{Grid, VEC4};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shaders::conv::CONV2D;
use crate::shaders::software::DEPTHWISE_STRIPS;
use crate::shape::product;

/// Output rows that a lane of `software/depthwise_strips` computes, at most (`STRIP` in the shader).
const STRIP: usize = 32;

/// The candidates for groups of one input channel.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = &problem.sizes;
    let planes = [sizes.batch, sizes.out_channels];
    let grid = product("the grid", &[planes[0], planes[1], problem.row_vec4s()?])?;
    let variant = const { CONV2D.variant("T=1") };
    let call = direct::call(problem, variant, Grid::Invocations(grid), 0..1)?;
    let mut candidates = vec![Candidate::new(call, rank::DEPTHWISE, "depthwise")];
    if let Some(kernel) = problem.square_variant(&DEPTHWISE_STRIPS) {
        let [strips, columns] = [sizes.output[0].div_ceil(STRIP), sizes.output[1].div_ceil(VEC4)];
        let grid = product("the grid", &[planes[0], planes[1], strips, columns])?;
        let trips = STRIP + sizes.window.kernel_size[0];
        let call = problem.call(kernel, Grid::Invocations(grid), trips)?;
        let candidate = Candidate::new(call, rank::DEPTHWISE_ROWS, "depthwise by rows");
        candidates.push(candidate.requiring(Requires::SOFTWARE_SUBGROUPS));
    }
    Ok(candidates)
}

//! Convolutions whose groups have one input channel each.

use super::direct;
use crate::error::ShapeError;
use crate::kernels::call::{Grid, VEC4};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shaders::conv::{CONV2D, DEPTHWISE};
use crate::shaders::software::DEPTHWISE_STRIPS;
use crate::shape::product;

/// Output rows that a lane of `software/depthwise_strips` computes, at most (`STRIP` in the shader).
const STRIP: usize = 32;

/// Output rows that an invocation of `conv/depthwise` computes (`ROWS` in the shader).
const BAND: usize = 4;

/// Invocations of a workgroup of `conv/depthwise`.
const LANES: usize = 64;

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
    // The kernel multiplies the number of a plane by the input channels.
    let numbers = product("the grid", &[planes[0], planes[1], sizes.in_channels])?;
    let kernel = problem.square_variant(&DEPTHWISE).filter(|_| u32::try_from(numbers).is_ok());
    if let Some((kernel, variant)) = kernel {
        let [bands, columns] = [sizes.output[0].div_ceil(BAND), sizes.output[1].div_ceil(VEC4)];
        let places = product("the grid", &[bands, columns])?;
        let grid = |each| product("the grid", &[planes[0], planes[1], each]);
        let grid = match variant.defines("ALIGNED") {
            true => Grid::Workgroups(grid(places.div_ceil(LANES))?),
            false => Grid::Invocations(grid(places)?),
        };
        let call = problem.call((kernel, variant), grid, 0)?;
        let reason = "depthwise by tiles of four rows and four pixels";
        let candidate = Candidate::new(call, rank::DEPTHWISE_TILES, reason);
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

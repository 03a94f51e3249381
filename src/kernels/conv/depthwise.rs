//! Convolutions whose groups have one input channel each.

use super::direct;
use crate::error::ShapeError;
use crate::kernels::activation::clips;
use crate::kernels::call::{Grid, KernelCall, VEC4};
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

/// Planes that an invocation of it computes one after another, at most, and workgroups that keep the larger GPUs busy.
const RUN: usize = 8;
const ENOUGH: usize = 1024;

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
    let smooth = !clips(sizes.activation);
    let variant = problem.square_variants(&DEPTHWISE).find(|v| v.defines("SMOOTH") == smooth);
    if let Some(variant) = variant {
        let [bands, columns] = [sizes.output[0].div_ceil(BAND), sizes.output[1].div_ceil(VEC4)];
        let places = product("the grid", &[bands, columns])?;
        let planes = product("the grid", &planes)?;
        let aligned = variant.defines("ALIGNED");
        let each = if aligned { places.next_multiple_of(LANES) } else { places };
        let workgroups = product("the grid", &[planes, each])? / LANES;
        let run = (workgroups / ENOUGH).clamp(1, RUN);
        let invocations = product("the grid", &[planes.div_ceil(run), each])?;
        let call = problem.call((&DEPTHWISE, variant), Grid::Invocations(invocations), run)?;
        let call = KernelCall { params: call.params.size("run", run)?, ..call };
        let reason = "depthwise by tiles of four rows and four pixels";
        let candidate = Candidate::new(call, rank::DEPTHWISE_TILES, reason);
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

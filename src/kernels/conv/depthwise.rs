//! Convolutions whose groups have one input channel each.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, Kernel, VEC4, nested};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::neighbours::of_rows;
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shape::product;

static DEPTHWISE: Kernel = crate::kernels::kernel!("conv2d/depthwise", [&[]]);
static ALIGNED_ROWS: Kernel = of_rows(crate::kernels::kernel!("conv2d/depthwise_rows", []));
static SCALAR_ROWS: Kernel = of_rows(crate::kernels::kernel!("conv2d/depthwise_singles", []));

pub const KERNELS: &[&Kernel] = &[&DEPTHWISE, &ALIGNED_ROWS, &SCALAR_ROWS];

/// Output rows that a lane of `conv2d/depthwise_rows` computes, at most (`STRIP` in the shader).
const STRIP: usize = 32;

/// The candidates for groups of one input channel.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = &problem.sizes;
    let planes = [sizes.batch, sizes.out_channels];
    let grid = product("the grid", &[planes[0], planes[1], problem.row_vec4s()?])?;
    let trips = nested(&sizes.window.kernel_size);
    let tile = DEPTHWISE.tiles[0];
    let call = problem.call(&DEPTHWISE, tile, Grid::Invocations(grid), trips)?;
    let mut candidates = vec![Candidate::new(call, rank::DEPTHWISE, "depthwise")];
    if let Some((kernel, tile)) = problem.square_tile([&ALIGNED_ROWS, &SCALAR_ROWS]) {
        let [strips, columns] = [sizes.output[0].div_ceil(STRIP), sizes.output[1].div_ceil(VEC4)];
        let grid = product("the grid", &[planes[0], planes[1], strips, columns])?;
        let trips = STRIP + sizes.window.kernel_size[0];
        let call = problem.call(kernel, tile, Grid::Invocations(grid), trips)?;
        let candidate = Candidate::new(call, rank::DEPTHWISE_ROWS, "depthwise by rows");
        candidates.push(candidate.requiring(Requires::SOFTWARE_SUBGROUPS));
    }
    Ok(candidates)
}

//! The matrix product of software adapters by tiles of sums: eight lanes of four pixels each, past which the inputs go
//! (`shaders/common/subgroup_tile.wgsl`).

use super::prepack::{TILE_CHANNELS, prepacked};
use crate::error::ShapeError;
use crate::kernels::call::{Kernel, KernelCall, VEC4};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::Problem;
use crate::kernels::rank;

static ALIGNED: Kernel = crate::kernels::kernel!("conv2d/pointwise_quads", [&[]]).with_subgroups();
static SCALAR: Kernel = crate::kernels::kernel!("conv2d/pointwise_singles", [&[]]).with_subgroups();

pub const KERNELS: &[&Kernel] = &[&ALIGNED, &SCALAR];

/// Iterations of an invocation: it fetches k values, four lanes share them, and it reads two at a time.
fn trips(k: usize) -> usize {
    k.div_ceil(4).saturating_add(k / 2)
}

/// The candidate for a 1x1 convolution; its x may have to be gathered.
pub fn candidate(problem: &Problem) -> Result<Candidate, ShapeError> {
    let kernel = if problem.pixels()?.is_multiple_of(VEC4) { &ALIGNED } else { &SCALAR };
    let (vec4s, trips) = (problem.plane_vec4s()?, trips(problem.sizes.k()));
    let reason = "GEMM by tiles of sums";
    let tile = (kernel, kernel.tiles[0]);
    let candidate = prepacked(problem, tile, vec4s, trips, rank::GEMM, reason)?;
    Ok(candidate.requiring(Requires::SOFTWARE_SUBGROUPS))
}

/// The product alone, of packed weights with planes of whole `vec4`s.
pub fn call(problem: &Problem) -> Result<KernelCall, ShapeError> {
    let grid = problem.subgroup_grid(problem.pixels()? / VEC4, TILE_CHANNELS)?;
    let trips = trips(problem.sizes.k()).saturating_add(TILE_CHANNELS);
    problem.call(&ALIGNED, ALIGNED.tiles[0], grid, trips)
}

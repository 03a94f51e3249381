//! Convolutions of software adapters as matrix products whose inputs are gathered from under the window while they are
//! read.

use crate::error::ShapeError;
use crate::kernels::call::{Kernel, nested};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::gemm::input_stationary;
use crate::kernels::gemm::prepack::{TILE_CHANNELS, prepacked};
use crate::kernels::neighbours::aligned_tile;
use crate::kernels::problem::Problem;
use crate::kernels::rank;

static TILE: Kernel = crate::kernels::kernel!("conv2d/subgroup", [&[]]).with_subgroups();
static ROWS: Kernel = crate::kernels::kernel!(
    "conv2d/rows",
    [&[("K", 5), ("S", 1)], &[("K", 7), ("S", 1)], &[("K", 7), ("S", 2)]]
)
.with_subgroups();
static ALIGNED_WINDOWS: Kernel =
    crate::kernels::kernel!("conv2d/windows_quads", [&[]]).with_subgroups();
static SCALAR_WINDOWS: Kernel =
    crate::kernels::kernel!("conv2d/windows_singles", [&[]]).with_subgroups();

pub const KERNELS: &[&Kernel] = &[&TILE, &ROWS, &ALIGNED_WINDOWS, &SCALAR_WINDOWS];

/// The candidates that are implicit matrix products.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = &problem.sizes;
    let mut candidates = Vec::new();
    // Below half a tile of channels, most of what subgroups compute would be dropped.
    if sizes.group_out() < TILE_CHANNELS / 2 {
        return Ok(candidates);
    }
    let (k, vec4s) = (sizes.k(), problem.row_vec4s()?);
    let mut tiled = |tile, trips, rank, reason| {
        let candidate = prepacked(problem, tile, vec4s, trips, rank, reason)?;
        candidates.push(candidate.requiring(Requires::SOFTWARE_SUBGROUPS));
        Ok(())
    };
    if k.is_multiple_of(2) {
        let reason = "implicit GEMM by tiles of sums";
        tiled((&TILE, TILE.tiles[0]), k / 2, rank::IMPLICIT_GEMM, reason)?;
    }
    if let Some(tile) = aligned_tile(&ROWS, &sizes.window, sizes.input[1], sizes.output[1]) {
        let trips = nested(&[sizes.group_in(), sizes.window.kernel_size[0]]);
        tiled((&ROWS, tile), trips, rank::ROWS, "implicit GEMM by rows of the window")?;
    }
    if !problem.is_pointwise() && input_stationary::supports(k) {
        let (rank, reason) = match input_stationary::is_profitable(k, sizes.group_out()) {
            true => (
                rank::INPUT_STATIONARY_WINDOWS,
                "implicit GEMM, input-stationary: 64 or more output channels",
            ),
            false => (
                rank::UNPROFITABLE_WINDOWS,
                "implicit GEMM, input-stationary, though not profitable",
            ),
        };
        let kernels = [&ALIGNED_WINDOWS, &SCALAR_WINDOWS];
        candidates.push(input_stationary::candidate_of(problem, kernels, rank, reason)?);
    }
    Ok(candidates)
}

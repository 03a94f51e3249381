//! Convolutions of software adapters as matrix products whose inputs are gathered from under the window while they are
//! read.

use crate::error::ShapeError;
use crate::kernels::call::{Operand, VEC4, nested};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::gemm::prepack::Matrices;
use crate::kernels::gemm::{LEAST_CHANNELS, input_stationary};
use crate::kernels::neighbours::row_variant;
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shaders::software::ROWS;

type Result<T> = std::result::Result<T, ShapeError>;

/// Output channels of the tile in `shaders/software/rows.wgsl`, and of a lane's share.
const TILE: [usize; 2] = [32, 8];

/// The candidates that are implicit matrix products.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>> {
    let sizes = &problem.sizes;
    let mut candidates = Vec::new();
    if sizes.group_out() < LEAST_CHANNELS {
        return Ok(candidates);
    }
    candidates.extend(rows(problem)?);
    let k = sizes.k();
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
        let variants = input_stationary::WINDOWS;
        candidates.push(input_stationary::candidate_of(problem, variants, rank, reason)?);
    }
    Ok(candidates)
}

/// By tiles of sums, with packed weights: windows of five or seven taps over rows of whole `vec4`s.
fn rows(problem: &Problem) -> Result<Option<Candidate>> {
    let sizes = &problem.sizes;
    let variant = row_variant(&ROWS, &sizes.window, sizes.input[1], sizes.output[1]);
    let Some(variant) = variant else { return Ok(None) };
    let [channels, width] = TILE;
    let (count, rows) = (problem.matrices()?, sizes.group_out());
    let matrices = Matrices { count, rows, width, k: sizes.k() };
    let packed = Problem { weight: Operand::Scratch(problem.scratch), ..*problem };
    let (pack, elements) = matrices.prepack(problem.weight, packed.weight)?;
    // Each value of the tile may be stored by itself.
    let trips = nested(&[sizes.group_in(), sizes.window.kernel_size[0]])
        .saturating_add(nested(&[channels, VEC4]));
    let grid = packed.subgroup_grid(problem.row_vec4s()?, channels)?;
    let calls = vec![pack, packed.call((&ROWS, variant), grid, trips)?];
    let candidate = Candidate::of_calls(calls, rank::ROWS, "implicit GEMM by rows of the window");
    let candidate = candidate.requiring(Requires::SOFTWARE_SUBGROUPS);
    Ok(Some(Candidate { scratch: vec![elements], prepack: 1, ..candidate }))
}

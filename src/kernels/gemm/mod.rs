//! Matrix products: of weights `[channels, k]` with the pixels of 1x1 convolutions, and of Winograd's transforms.

pub mod gather;
pub mod input_stationary;
pub mod pointwise;
pub mod prepack;
pub mod tile;

use crate::error::ShapeError;
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;

/// The candidates for a 1x1 convolution.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = &problem.sizes;
    let mut candidates = Vec::new();
    if sizes.window.stride == [1, 1] {
        candidates.extend(pointwise::candidates(problem)?);
    }
    // Below half a tile of channels, most of what subgroups compute would be dropped.
    if sizes.group_out() < prepack::TILE_CHANNELS / 2 || !sizes.k().is_multiple_of(2) {
        return Ok(candidates);
    }
    candidates.push(gather::gathered(problem, tile::candidate(problem)?)?);
    if input_stationary::supports(sizes.k()) {
        let candidate = input_stationary::candidate(problem)?;
        candidates.push(gather::gathered(problem, candidate)?);
    }
    Ok(candidates)
}

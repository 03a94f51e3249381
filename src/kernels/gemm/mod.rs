//! Matrix products: weights `[channels, k]` times pixels, for convolutions of any window, linear layers and
//! Winograd's algorithm.

pub mod cooperative;
pub mod gather;
pub mod input_stationary;
pub mod pointwise;
pub mod prepack;
pub mod tiles;

use crate::error::ShapeError;
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;

/// Output channels of a group from which on the products of software adapters are worth it.
pub const LEAST_CHANNELS: usize = 16;

/// The candidates for a 1x1 convolution.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = &problem.sizes;
    let mut candidates = Vec::new();
    if sizes.window.stride == [1, 1] {
        candidates.extend(pointwise::candidates(problem)?);
    }
    if sizes.group_out() >= LEAST_CHANNELS && input_stationary::supports(sizes.k()) {
        let candidate = input_stationary::candidate(problem)?;
        candidates.push(gather::gathered(problem, candidate)?);
    }
    Ok(candidates)
}

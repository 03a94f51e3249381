//! The tiles of matrix units (`shaders/gemm/cooperative.wgsl`), for each size that devices have.

use super::tiles::{Ranks, Tile, of_kind};
use crate::error::ShapeError;
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;
use crate::kernels::profile::MatrixUnits;
use crate::kernels::rank;
use crate::shaders::gemm::COOPERATIVE;

/// Rows of the reduction that a workgroup stages at a time (`K` in the shader).
const ROWS: usize = 32;

/// A tile of this many channels and columns, for matrices of a side and subgroups of so many lanes, of which a workgroup has
/// so many.
const fn tile(
    [channels, columns]: [usize; 2],
    (side, lanes, subgroups): (u32, u32, usize),
    aligned: &'static str,
    scalar: &'static str,
) -> Tile {
    let (aligned, scalar) = (COOPERATIVE.variant(aligned), COOPERATIVE.variant(scalar));
    let units = MatrixUnits { side, lanes };
    let matrices = Some((units, lanes as usize * subgroups));
    let kernel = &COOPERATIVE;
    Tile { kernel, channels, columns, rows: ROWS, aligned, scalar, deep: None, matrices }
}

/// For each size of matrices and subgroups the tiles, the largest first.
const TILES: [&[Tile]; 4] = [
    &[
        tile(
            [128, 128],
            (16, 64, 4),
            "M=128,N=128,LANES=64,matrix16,tall,wide,aligned",
            "M=128,N=128,LANES=64,matrix16,tall,wide",
        ),
        tile(
            [128, 64],
            (16, 64, 4),
            "M=128,N=64,LANES=64,matrix16,tall,aligned",
            "M=128,N=64,LANES=64,matrix16,tall",
        ),
        tile(
            [64, 64],
            (16, 64, 2),
            "M=64,N=64,LANES=64,matrix16,tall,aligned",
            "M=64,N=64,LANES=64,matrix16,tall",
        ),
    ],
    &[
        tile(
            [128, 128],
            (16, 32, 8),
            "M=128,N=128,LANES=32,matrix16,tall,aligned",
            "M=128,N=128,LANES=32,matrix16,tall",
        ),
        tile(
            [128, 64],
            (16, 32, 4),
            "M=128,N=64,LANES=32,matrix16,tall,aligned",
            "M=128,N=64,LANES=32,matrix16,tall",
        ),
        tile(
            [64, 64],
            (16, 32, 4),
            "M=64,N=64,LANES=32,matrix16,aligned",
            "M=64,N=64,LANES=32,matrix16",
        ),
    ],
    &[
        tile(
            [64, 64],
            (8, 32, 4),
            "M=64,N=64,LANES=32,tall,wide,aligned",
            "M=64,N=64,LANES=32,tall,wide",
        ),
        tile([32, 32], (8, 32, 4), "M=32,N=32,LANES=32,aligned", "M=32,N=32,LANES=32"),
    ],
    // Mesa's software adapter, on which the others are tested, too: the same text with other numbers.
    &[
        tile(
            [128, 32],
            (8, 8, 4),
            "M=128,N=32,LANES=8,tall,wide,aligned",
            "M=128,N=32,LANES=8,tall,wide",
        ),
        tile([64, 64], (8, 8, 8), "M=64,N=64,LANES=8,tall,aligned", "M=64,N=64,LANES=8,tall"),
        tile([32, 32], (8, 8, 4), "M=32,N=32,LANES=8,aligned", "M=32,N=32,LANES=8"),
    ],
];

const RANKS: Ranks = Ranks {
    preferred: (
        rank::MATRICES,
        "GEMM on matrix units, the largest tile that makes enough workgroups",
    ),
    other: (rank::MATRICES_OTHER, "GEMM on matrix units, of another tile"),
    wasteful: (
        rank::MATRICES_WASTEFUL,
        "GEMM on matrix units whose tile stays empty for the most part",
    ),
};

/// A candidate for each tile of each size. Groups of one input channel have none: 31 of 32 rows would be empty, and for each
/// output channel as many as a tile has, so that packed weights of many groups would fill gigabytes.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>, ShapeError> {
    let mut candidates = Vec::new();
    if problem.sizes.group_in() == 1 {
        return Ok(candidates);
    }
    for tiles in TILES {
        candidates.extend(of_kind(problem, tiles, &RANKS)?);
    }
    Ok(candidates)
}

//! The matrix product of GPUs (`shaders/gemm/gemm.wgsl`): 1x1 convolutions, and convolutions of any window as implicit
//! products whose inputs are gathered while they are staged.

use super::LEAST_CHANNELS;
use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::{Problem, Weights};
use crate::kernels::rank;
use crate::shaders::Variant;
use crate::shaders::gemm::{GEMM, PREPACK};
use crate::shape::product;

type Result<T> = std::result::Result<T, ShapeError>;

/// Channels and columns that a workgroup computes.
struct Tile {
    channels: usize,
    columns: usize,
    /// Rows of the reduction that it stages at a time.
    rows: usize,
    aligned: Variant,
    scalar: Variant,
}

/// The tiles, the largest first.
const TILES: [Tile; 4] = [
    Tile {
        channels: 128,
        columns: 128,
        rows: 8,
        aligned: GEMM.variant("M=128,N=128,wide,aligned"),
        scalar: GEMM.variant("M=128,N=128,wide"),
    },
    Tile {
        channels: 128,
        columns: 64,
        rows: 8,
        aligned: GEMM.variant("M=128,N=64,wide,aligned"),
        scalar: GEMM.variant("M=128,N=64,wide"),
    },
    Tile {
        channels: 64,
        columns: 64,
        rows: 8,
        aligned: GEMM.variant("M=64,N=64,aligned"),
        scalar: GEMM.variant("M=64,N=64"),
    },
    Tile {
        channels: 32,
        columns: 32,
        rows: 16,
        aligned: GEMM.variant("M=32,N=32,split,aligned"),
        scalar: GEMM.variant("M=32,N=32,split"),
    },
];

/// Workgroups that keep the larger GPUs busy.
const ENOUGH: usize = 128;

/// Weights `[count, channels, k, taps]` that are packed for tiles of so many channels, each with so many rows for a tap.
pub struct Matrices {
    pub count: usize,
    pub channels: usize,
    pub k: usize,
    pub taps: usize,
    pub tile: usize,
    pub rows: usize,
}

impl Matrices {
    /// The call that packs them, and how many elements they are then.
    pub fn prepack(&self, weight: Operand, out: Operand) -> Result<(KernelCall, usize)> {
        let tiles = self.channels.div_ceil(self.tile);
        let elements = [self.count, tiles, self.taps, self.rows, self.tile];
        let elements = product("the packed weights", &elements)?;
        let call = KernelCall {
            kernel: &PREPACK,
            variant: PREPACK.variants[0],
            params: Params::sizes(&[
                ("matrices", self.count),
                ("channels", self.channels),
                ("k", self.k),
                ("taps", self.taps),
                ("tile", self.tile),
                ("rows", self.rows),
            ])?,
            bindings: vec![("weight", weight), ("out", out)],
            grid: Grid::Invocations(elements / VEC4),
            trips: 0,
        };
        Ok((call, elements))
    }
}

/// Columns that share their weights: the pixels of a sample, or of all.
fn columns(problem: &Problem) -> Result<usize> {
    let samples = match problem.weights {
        Weights::Shared => problem.sizes.batch,
        Weights::PerSample => 1,
    };
    product("the grid", &[samples, problem.pixels()?])
}

impl Tile {
    /// Rows of the reduction for each tap, zeros among them.
    fn rows_of_tap(&self, problem: &Problem) -> usize {
        problem.sizes.group_in().next_multiple_of(self.rows)
    }

    fn workgroups(&self, problem: &Problem) -> Result<usize> {
        let channels = problem.sizes.group_out().div_ceil(self.channels);
        let columns = columns(problem)?.div_ceil(self.columns);
        product("the grid", &[problem.matrices()?, channels, columns])
    }

    /// Whether so few channels, columns or inputs would leave much of the tile empty.
    fn is_wasteful(&self, problem: &Problem) -> Result<bool> {
        let sizes = &problem.sizes;
        Ok(sizes.group_out() * 4 < sizes.group_out().next_multiple_of(self.channels) * 3
            || columns(problem)? * 2 < self.columns
            || sizes.group_in() * 4 < self.rows_of_tap(problem) * 3)
    }

    fn candidate(&self, problem: &Problem, rank: i32, reason: &'static str) -> Result<Candidate> {
        let sizes = &problem.sizes;
        let taps = sizes.window.taps();
        let rows = self.rows_of_tap(problem);
        let k = product("the packed weights", &[taps, rows])?;
        let packed = Problem { weight: Operand::Scratch(problem.scratch), ..*problem };
        let matrices = Matrices {
            count: problem.matrices()?,
            channels: sizes.group_out(),
            k: sizes.group_in(),
            taps,
            tile: self.channels,
            rows,
        };
        let (prepack, elements) = matrices.prepack(problem.weight, packed.weight)?;
        let aligned = problem.is_pointwise()
            && sizes.window.stride == [1, 1]
            && problem.pixels()?.is_multiple_of(VEC4);
        let variant = if aligned { self.aligned } else { self.scalar };
        let grid = Grid::Workgroups(self.workgroups(problem)?);
        let steps = rows / self.rows;
        let call = packed.call((&GEMM, variant), grid, k / self.rows)?;
        let call = KernelCall { params: call.params.size("steps", steps)?, ..call };
        let candidate = Candidate::of_calls(vec![prepack, call], rank, reason);
        let candidate = candidate.requiring(Requires::GPU);
        Ok(Candidate { scratch: vec![elements], prepack: 1, ..candidate })
    }
}

/// A candidate for each tile. Preferred is the largest that makes work for the whole device, else the smallest.
pub fn candidates(problem: &Problem) -> Result<Vec<Candidate>> {
    let mut preferred = TILES.len() - 1;
    for (index, tile) in TILES.iter().enumerate().rev() {
        if tile.workgroups(problem)? >= ENOUGH && !tile.is_wasteful(problem)? {
            preferred = index;
        }
    }
    let few =
        problem.sizes.group_out() < LEAST_CHANNELS || TILES[preferred].is_wasteful(problem)?;
    let candidate = |(index, tile): (usize, &Tile)| {
        let (rank, reason) = match index == preferred {
            _ if few => (rank::GEMM_WASTEFUL, "GEMM whose tile stays empty for the most part"),
            true => (rank::GEMM, "GEMM, the largest tile that makes enough workgroups"),
            false => (rank::GEMM_OTHER, "GEMM of another tile"),
        };
        tile.candidate(problem, rank - index as i32, reason)
    };
    TILES.iter().enumerate().map(candidate).collect()
}

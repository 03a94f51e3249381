//! The matrix product of GPUs (`shaders/gemm/gemm.wgsl`): 1x1 convolutions, and convolutions of any window as implicit
//! products whose inputs are gathered while they are staged.

use super::LEAST_CHANNELS;
use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params, VEC4, nested};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::{Problem, Weights};
use crate::kernels::profile::MatrixUnits;
use crate::kernels::rank;
use crate::shaders::gemm::{GEMM, PREPACK};
use crate::shaders::{Kernel, Variant};
use crate::shape::product;

type Result<T> = std::result::Result<T, ShapeError>;

/// What a workgroup computes, and how.
pub struct Tile {
    pub kernel: &'static Kernel,
    pub channels: usize,
    pub columns: usize,
    /// Rows of the reduction that it stages at a time.
    pub rows: usize,
    /// For planes of whole `vec4`s.
    pub aligned: Variant,
    /// For any inputs.
    pub scalar: Variant,
    /// For volumes, where the kernel has one.
    pub deep: Option<Variant>,
    /// The matrix units that it is for, and how many invocations share them.
    pub matrices: Option<(MatrixUnits, usize)>,
}

/// A tile of `gemm.wgsl`.
const fn plain(
    [channels, columns, rows]: [usize; 3],
    aligned: &'static str,
    scalar: &'static str,
    deep: &'static str,
) -> Tile {
    let (aligned, scalar) = (GEMM.variant(aligned), GEMM.variant(scalar));
    let deep = Some(GEMM.variant(deep));
    Tile { kernel: &GEMM, channels, columns, rows, aligned, scalar, deep, matrices: None }
}

/// The tiles, the largest first.
const TILES: [Tile; 4] = [
    plain([128, 128, 8], "M=128,N=128,wide,aligned", "M=128,N=128,wide", "M=128,N=128,wide,depth"),
    plain([128, 64, 8], "M=128,N=64,wide,aligned", "M=128,N=64,wide", "M=128,N=64,wide,depth"),
    plain([64, 64, 8], "M=64,N=64,aligned", "M=64,N=64", "M=64,N=64,depth"),
    plain([32, 32, 16], "M=32,N=32,split,aligned", "M=32,N=32,split", "M=32,N=32,split,depth"),
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
    /// For `cooperative.wgsl`: rows that an invocation stages of a column in a step.
    pub passes: Option<usize>,
}

impl Matrices {
    /// The call that packs them, and how many elements they are then.
    pub fn prepack(&self, weight: Operand, out: Operand) -> Result<(KernelCall, usize)> {
        let tiles = self.channels.div_ceil(self.tile);
        let elements = [self.count, tiles, self.taps, self.rows, self.tile];
        let elements = product("the packed weights", &elements)?;
        let params = Params::sizes(&[
            ("matrices", self.count),
            ("channels", self.channels),
            ("k", self.k),
            ("taps", self.taps),
            ("tile", self.tile),
            ("rows", self.rows),
        ])?;
        let [plain, by_steps] = const { [PREPACK.variant(""), PREPACK.variant("steps")] };
        let (variant, params) = match self.passes {
            None => (plain, params),
            Some(passes) => (by_steps, params.size("passes", passes)?),
        };
        let call = KernelCall {
            kernel: &PREPACK,
            variant,
            params,
            bindings: vec![("weight", weight), ("out", out)],
            grid: Grid::Invocations(elements / VEC4),
            trips: 0,
        };
        Ok((call, elements))
    }
}

/// Columns that share their weights: the pixels of a sample, or of all.
fn columns<const AXES: usize>(problem: &Problem<AXES>) -> Result<usize> {
    let samples = match problem.weights {
        Weights::Shared => problem.sizes.batch,
        Weights::PerSample => 1,
    };
    product("the grid", &[samples, problem.pixels()?])
}

impl Tile {
    /// Rows of the reduction for each tap, zeros among them.
    fn rows_of_tap<const AXES: usize>(&self, problem: &Problem<AXES>) -> usize {
        problem.sizes.group_in().next_multiple_of(self.rows)
    }

    fn workgroups<const AXES: usize>(&self, problem: &Problem<AXES>) -> Result<usize> {
        let channels = problem.sizes.group_out().div_ceil(self.channels);
        let columns = columns(problem)?.div_ceil(self.columns);
        product("the grid", &[problem.matrices()?, channels, columns])
    }

    /// Whether so few channels, columns or inputs would leave much of the tile empty.
    fn is_wasteful<const AXES: usize>(&self, problem: &Problem<AXES>) -> Result<bool> {
        let sizes = &problem.sizes;
        Ok(sizes.group_out() * 4 < sizes.group_out().next_multiple_of(self.channels) * 3
            || columns(problem)? * 2 < self.columns
            || sizes.group_in() * 4 < self.rows_of_tap(problem) * 3)
    }

    fn candidate<const AXES: usize>(
        &self,
        problem: &Problem<AXES>,
        rank: i32,
        reason: &'static str,
    ) -> Result<Candidate> {
        let sizes = &problem.sizes;
        let taps = sizes.window.taps();
        let rows = self.rows_of_tap(problem);
        let packed = Problem { weight: Operand::Scratch(problem.scratch), ..*problem };
        let aligned = AXES == 2
            && problem.is_pointwise()
            && sizes.window.stride == [1; AXES]
            && problem.pixels()?.is_multiple_of(VEC4);
        // Rows of the reduction that an invocation stages of a column in a step.
        let passes = self.matrices.map(|(_, invocations)| {
            let columns = if aligned { self.columns / VEC4 } else { self.columns };
            self.rows * columns / invocations
        });
        let matrices = Matrices {
            count: problem.matrices()?,
            channels: sizes.group_out(),
            k: sizes.group_in(),
            taps,
            tile: self.channels,
            rows,
            passes,
        };
        let (prepack, elements) = matrices.prepack(problem.weight, packed.weight)?;
        let requires = self.matrices.map_or(Requires::GPU, |(units, _)| Requires::matrices(units));
        let scalar = if AXES == 3 { self.deep.unwrap_or(self.scalar) } else { self.scalar };
        let variant = if aligned { self.aligned } else { scalar };
        let grid = Grid::Workgroups(self.workgroups(problem)?);
        let steps = rows / self.rows;
        let call = packed.call((self.kernel, variant), grid, nested(&[taps, steps]))?;
        let call = KernelCall { params: call.params.size("steps", steps)?, ..call };
        let candidate = Candidate::of_calls(vec![prepack, call], rank, reason).requiring(requires);
        Ok(Candidate { scratch: vec![elements], prepack: 1, ..candidate })
    }
}

/// The ranks of tiles of one kind, and the reasons for them.
pub(super) struct Ranks {
    pub preferred: (i32, &'static str),
    pub other: (i32, &'static str),
    pub wasteful: (i32, &'static str),
}

const PLAIN: Ranks = Ranks {
    preferred: (rank::GEMM, "GEMM, the largest tile that makes enough workgroups"),
    other: (rank::GEMM_OTHER, "GEMM of another tile"),
    wasteful: (rank::GEMM_WASTEFUL, "GEMM whose tile stays empty for the most part"),
};

/// A candidate for each tile.
pub fn candidates<const AXES: usize>(problem: &Problem<AXES>) -> Result<Vec<Candidate>> {
    of_kind(problem, &TILES, &PLAIN)
}

/// A candidate for each of these tiles. Preferred is the largest that makes work for the whole device, else the smallest.
pub(super) fn of_kind<const AXES: usize>(
    problem: &Problem<AXES>,
    tiles: &[Tile],
    ranks: &Ranks,
) -> Result<Vec<Candidate>> {
    let mut preferred = tiles.len() - 1;
    for (index, tile) in tiles.iter().enumerate().rev() {
        if tile.workgroups(problem)? >= ENOUGH && !tile.is_wasteful(problem)? {
            preferred = index;
        }
    }
    let few =
        problem.sizes.group_out() < LEAST_CHANNELS || tiles[preferred].is_wasteful(problem)?;
    let candidate = |(index, tile): (usize, &Tile)| {
        let (rank, reason) = match index == preferred {
            _ if few => ranks.wasteful,
            true => ranks.preferred,
            false => ranks.other,
        };
        tile.candidate(problem, rank - index as i32, reason)
    };
    tiles.iter().enumerate().map(candidate).collect()
}

//! Weights in the layout of the kernels that go by tiles of sums.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, Kernel, KernelCall, Operand, Params, Tile, VEC4, nested};
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;
use crate::shape::product;

static PACK: Kernel = crate::kernels::kernel!("conv2d/pack", [&[]]);

pub const KERNELS: &[&Kernel] = &[&PACK];

/// Output channels of the tile in `shaders/common/subgroup_tile.wgsl`.
pub const TILE_CHANNELS: usize = 32;

/// The candidate of a kernel that goes by tiles of sums over so many `vec4`s of a plane, each of `trips` iterations.
pub fn prepacked(
    problem: &Problem,
    (kernel, tile): (&'static Kernel, Tile),
    vec4s: usize,
    trips: usize,
    rank: i32,
    reason: &'static str,
) -> Result<Candidate, ShapeError> {
    let sizes = &problem.sizes;
    let packed = Problem { weight: Operand::Scratch(problem.scratch), ..*problem };
    // With groups of a multiple of a tile of channels.
    let channels = sizes.group_out().next_multiple_of(TILE_CHANNELS);
    let matrices = problem.matrices()?;
    let elements = product("the packed weights", &[matrices, channels, sizes.k()])?;
    let pack = KernelCall {
        kernel: &PACK,
        tile: PACK.tiles[0],
        params: Params::sizes(&[
            ("matrices", matrices),
            ("group_out", sizes.group_out()),
            ("terms", sizes.k()),
        ])?,
        bindings: vec![("weight", problem.weight), ("out", packed.weight)],
        grid: Grid::Invocations(elements / VEC4),
        trips: 0,
    };
    // Each value of the tile may be stored by itself.
    let trips = nested(&[TILE_CHANNELS, VEC4]).saturating_add(trips);
    let call = packed.call(kernel, tile, packed.subgroup_grid(vec4s, TILE_CHANNELS)?, trips)?;
    let candidate = Candidate::of_calls(vec![pack, call], rank, reason);
    Ok(Candidate { scratch: vec![elements], prepack: 1, ..candidate })
}

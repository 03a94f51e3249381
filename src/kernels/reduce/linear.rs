//! Products with a weight along the last dimension.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, Kernel, KernelCall, MOST_TRIPS, Operand, Params, Tile, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::Linear;
use crate::ops::linear::Sizes;
use crate::shape::{Shape, product};

static LINEAR: Kernel = crate::kernels::kernel!("linear", [&[("T", 8)], &[("T", 2)]]);
static REDUCE: Kernel = crate::kernels::kernel!("linear/reduce", [&[("T", 4)]]);

pub const KERNELS: &[&Kernel] = &[&LINEAR, &REDUCE];

/// Lanes that share a sum in `linear/reduce`.
const LANES: usize = 64;

/// A tile of features for each four rows of x: an invocation or a workgroup each.
fn blocks(sizes: &Sizes, tile: Tile) -> Result<usize, ShapeError> {
    let features = tile.iter().map(|&(_, size)| size as usize).product();
    product("the grid", &[sizes.rows.div_ceil(VEC4), sizes.out_features.div_ceil(features)])
}

/// The candidates of the operator.
pub fn candidates(op: &Linear, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = op.checked(inputs)?;
    let bias = if op.bias { Operand::Input(2) } else { Operand::Absent };
    let params = Params::sizes(&[
        ("rows", sizes.rows),
        ("in_features", sizes.in_features),
        ("out_features", sizes.out_features),
        ("has_bias", usize::from(op.bias)),
        ("activation", op.activation.code()),
    ])?;
    let call = |kernel, tile, grid, lanes| KernelCall {
        kernel,
        tile,
        params: params.clone(),
        bindings: vec![
            ("x", Operand::Input(0)),
            ("weight", Operand::Input(1)),
            ("bias", bias),
            ("out", Operand::Output),
        ],
        grid,
        trips: sizes.in_features.div_ceil(lanes),
    };
    let [wide, narrow] = [LINEAR.tiles[0], LINEAR.tiles[1]];
    let mut candidates = Vec::new();
    for (tile, rank, reason) in [(narrow, GENERAL, "general"), (wide, GENERAL + 1, "a wider tile")]
    {
        let call = call(&LINEAR, tile, Grid::Invocations(blocks(&sizes, tile)?), 1);
        candidates.push(Candidate::new(call, rank, reason));
    }
    // With few rows the general kernel leaves most of a GPU idle, and sums are long enough to share. The longest
    // ones have to be shared whatever the rows.
    let few = sizes.rows <= VEC4 && sizes.in_features >= LANES;
    if few || sizes.in_features > MOST_TRIPS {
        let tile = REDUCE.tiles[0];
        let call = call(&REDUCE, tile, Grid::Workgroups(blocks(&sizes, tile)?), LANES);
        let candidate = Candidate::new(call, GENERAL + 2, "64 lanes share a sum");
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

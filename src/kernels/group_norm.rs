//! Group normalisation.

use super::call::{Grid, KernelCall, Operand, Params};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::GroupNorm;
use crate::shaders::reduce::GROUP_NORM;
use crate::shape::{Shape, product};

/// Lanes that share a group.
const LANES: usize = 64;

/// The candidates of the operator.
pub fn candidates(op: &GroupNorm, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, groups, channels, positions] = op.checked(inputs)?;
    let rows = product("the grid", &[batch, groups])?;
    let length = product("a group", &[channels, positions])?;
    let optional = |index| if op.affine { Operand::Input(index) } else { Operand::Absent };
    Ok(vec![Candidate::general(KernelCall {
        kernel: &GROUP_NORM,
        variant: GROUP_NORM.variants[0],
        params: Params::sizes(&[
            ("rows", rows),
            ("groups", groups),
            ("channels", channels),
            ("positions", positions),
            ("has_affine", usize::from(op.affine)),
        ])?
        .float("eps", op.eps),
        bindings: vec![
            ("x", Operand::Input(0)),
            ("weight", optional(1)),
            ("bias", optional(2)),
            ("out", Operand::Output),
        ],
        grid: Grid::Workgroups(rows),
        // The sum, the squares, and the values: each is visited three times.
        trips: 3 * length.div_ceil(LANES),
    })])
}

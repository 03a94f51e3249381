//! Softmax along one axis.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::Softmax;
use crate::ops::softmax::Rows;
use crate::shaders::reduce::SOFTMAX;
use crate::shape::{Shape, product};

/// Lanes that share a row in `softmax[workgroup]`; each needs a value.
const LANES: usize = 64;

/// The candidates of the operator.
pub fn candidates(op: &Softmax, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let Rows { outer, length, inner } = op.checked(inputs)?;
    let rows = product("the grid", &[outer, inner])?;
    let params = Params::sizes(&[("rows", rows), ("length", length), ("inner", inner)])?
        .float("temperature", op.temperature);
    // The largest value, the sum, and the quotients: each value is visited three times.
    let call = |variant, grid, lanes| KernelCall {
        kernel: &SOFTMAX,
        variant,
        params: params.clone(),
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid,
        trips: 3 * length.div_ceil(lanes),
    };
    let mut candidates =
        vec![Candidate::general(call(const { SOFTMAX.variant("") }, Grid::Invocations(rows), 1))];
    if length >= LANES {
        let row = call(const { SOFTMAX.variant("workgroup") }, Grid::Workgroups(rows), LANES);
        let candidate = Candidate::new(row, GENERAL + 1, "64 lanes share a row");
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

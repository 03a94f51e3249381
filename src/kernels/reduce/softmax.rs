//! Softmax along one axis.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, Kernel, KernelCall, Operand, Params};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::Softmax;
use crate::ops::softmax::Rows;
use crate::shape::{Shape, product};

static SOFTMAX: Kernel = crate::kernels::kernel!("softmax", [&[]]);
static ROW: Kernel = crate::kernels::kernel!("softmax/row", [&[]]);

pub const KERNELS: &[&Kernel] = &[&SOFTMAX, &ROW];

/// Lanes that share a row in `softmax/row`; each needs a value.
const LANES: usize = 64;

/// The candidates of the operator.
pub fn candidates(op: &Softmax, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let Rows { outer, length, inner } = op.checked(inputs)?;
    let rows = product("the grid", &[outer, inner])?;
    let params = Params::sizes(&[("rows", rows), ("length", length), ("inner", inner)])?
        .float("temperature", op.temperature);
    // The largest value, the sum, and the quotients: each value is visited three times.
    let call = |kernel: &'static Kernel, grid, lanes| KernelCall {
        kernel,
        tile: kernel.tiles[0],
        params: params.clone(),
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid,
        trips: 3 * length.div_ceil(lanes),
    };
    let mut candidates = vec![Candidate::general(call(&SOFTMAX, Grid::Invocations(rows), 1))];
    if length >= LANES {
        let row = call(&ROW, Grid::Workgroups(rows), LANES);
        let candidate = Candidate::new(row, GENERAL + 1, "64 lanes share a row");
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

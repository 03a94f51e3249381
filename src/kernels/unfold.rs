//! Windows laid out as columns.

use super::call::{Grid, KernelCall, Operand, VEC4, nested};
use super::candidate::Candidate;
use super::pool::Planes;
use crate::error::ShapeError;
use crate::ops::unfold::Unfold;
use crate::shaders::conv::UNFOLD;
use crate::shape::{Shape, product};

/// The candidates of the operator, of images or volumes.
pub fn candidates<const AXES: usize>(
    op: &Unfold<AXES>,
    inputs: &[&Shape],
) -> Result<Vec<Candidate>, ShapeError> {
    let planes = Planes::new(op.window, op.checked(inputs)?)?;
    let rows = product("the grid", &planes.output[..AXES - 1])?;
    let columns = planes.output[AXES - 1].div_ceil(VEC4);
    let grid = product("the grid", &[planes.count, planes.tap_rows(), rows, columns])?;
    let [flat, deep] = const { [UNFOLD.variant(""), UNFOLD.variant("depth")] };
    Ok(vec![Candidate::general(KernelCall {
        kernel: &UNFOLD,
        variant: if AXES == 3 { deep } else { flat },
        params: planes.params()?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(grid),
        trips: nested(&[op.window.kernel_size[AXES - 1], VEC4]),
    })])
}

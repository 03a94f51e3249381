//! Products of two tensors, value by value.

use crate::error::ShapeError;
use crate::kernels::broadcast;
use crate::kernels::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL};
use crate::ops::Mul;
use crate::ops::broadcast::Run;
use crate::shaders::elementwise::MUL;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &Mul, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (output, runs) = op.checked(inputs)?;
    let elements = output.elements()?;
    let activation = ("activation", op.activation.code());
    let call = |variant, params, values: usize| KernelCall {
        kernel: &MUL,
        variant,
        params,
        bindings: vec![
            ("x", Operand::Input(0)),
            ("y", Operand::Input(1)),
            ("out", Operand::Output),
        ],
        grid: Grid::Invocations(values.div_ceil(ELEMENTS_PER_INVOCATION)),
        trips: ELEMENTS_PER_INVOCATION,
    };
    let row = row_of(&runs);
    let params = broadcast::params(&[("elements", elements), activation], runs)?;
    let general = call(const { MUL.variant("") }, params, elements);
    let mut candidates = vec![Candidate::general(general)];
    if let Some(row) = row.filter(|row| row.is_multiple_of(VEC4)) {
        let vec4s = elements / VEC4;
        let params = Params::sizes(&[("elements", vec4s), ("row", row / VEC4), activation])?;
        let rows = call(const { MUL.variant("rows") }, params, vec4s);
        candidates.push(Candidate::new(rows, GENERAL + 1, "a factor for each row of whole vec4s"));
    }
    Ok(candidates)
}

/// Values of x that one after the other have the same factor, where all of y are such factors in turn.
fn row_of(runs: &[Run]) -> Option<usize> {
    match *runs {
        [row] if row.strides == [1, 0] => Some(row.size),
        [row, rows] if row.strides == [1, 0] && rows.strides == [row.size, 1] => Some(row.size),
        _ => None,
    }
}

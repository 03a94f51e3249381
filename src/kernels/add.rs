//! Sums of two tensors.

use crate::error::ShapeError;
use crate::kernels::broadcast;
use crate::kernels::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL};
use crate::ops::Add;
use crate::shaders::elementwise::ADD;
use crate::shape::Shape;

/// The candidates of the operator.
pub fn candidates(op: &Add, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (output, runs) = op.checked(inputs)?;
    let elements = output.elements()?;
    let common = [("elements", elements), ("activation", op.activation.code())];
    let call = |variant, params, values: usize| KernelCall {
        kernel: &ADD,
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
    let [general, same, aligned] =
        const { [ADD.variant(""), ADD.variant("same"), ADD.variant("same,aligned")] };
    let mut candidates =
        vec![Candidate::general(call(general, broadcast::params(&common, runs)?, elements))];
    if inputs[0] == inputs[1] {
        let same = call(same, Params::sizes(&common)?, elements);
        candidates.push(Candidate::new(same, GENERAL + 1, "tensors of one shape"));
        if elements.is_multiple_of(VEC4) {
            let aligned = call(aligned, Params::sizes(&common)?, elements / VEC4);
            candidates.push(Candidate::new(aligned, GENERAL + 2, "tensors of whole vec4s"));
        }
    }
    Ok(candidates)
}

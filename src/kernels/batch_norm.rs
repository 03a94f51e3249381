//! Batch normalisation.

use crate::error::ShapeError;
use crate::kernels::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::BatchNorm;
use crate::shaders::elementwise::BATCH_NORM;
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &BatchNorm, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, channels, values] = op.checked(inputs)?;
    let optional = |index| if op.affine { Operand::Input(index) } else { Operand::Absent };
    let params = Params::sizes(&[
        ("planes", product("x", &[batch, channels])?),
        ("channels", channels),
        ("values", values),
        ("has_affine", usize::from(op.affine)),
        ("activation", op.activation.code()),
    ])?;
    let call = |variant, values: usize| {
        let grid = [batch, channels, values.div_ceil(ELEMENTS_PER_INVOCATION)];
        Ok(KernelCall {
            kernel: &BATCH_NORM,
            variant,
            params: params.clone().float("eps", op.eps),
            bindings: vec![
                ("x", Operand::Input(0)),
                ("running_mean", Operand::Input(1)),
                ("running_var", Operand::Input(2)),
                ("weight", optional(3)),
                ("bias", optional(4)),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(product("the grid", &grid)?),
            trips: ELEMENTS_PER_INVOCATION,
        })
    };
    let mut candidates = vec![Candidate::general(call(const { BATCH_NORM.variant("") }, values)?)];
    if values.is_multiple_of(VEC4) {
        let aligned = call(const { BATCH_NORM.variant("aligned") }, values / VEC4)?;
        let candidate = Candidate::new(aligned, GENERAL + 1, "planes of whole vec4s");
        candidates.push(candidate.requiring(Requires::SOFTWARE));
    }
    Ok(candidates)
}

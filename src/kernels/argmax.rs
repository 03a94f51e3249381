//! The channel of the largest value.

use super::call::{Grid, KernelCall, Operand, Params, VEC4};
use super::candidate::{Candidate, GENERAL, Requires};
use crate::error::ShapeError;
use crate::ops::Argmax;
use crate::shaders::reduce::ARGMAX;
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &Argmax, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, channels, places] = op.checked(inputs)?;
    let call = |variant, places| {
        Ok::<_, ShapeError>(KernelCall {
            kernel: &ARGMAX,
            variant,
            params: Params::sizes(&[("batch", batch), ("channels", channels), ("places", places)])?,
            bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
            grid: Grid::Invocations(product("the grid", &[batch, places])?),
            trips: channels,
        })
    };
    let mut candidates = vec![Candidate::general(call(const { ARGMAX.variant("") }, places)?)];
    if places.is_multiple_of(VEC4) {
        let call = call(const { ARGMAX.variant("vec4") }, places / VEC4)?;
        let candidate = Candidate::new(call, GENERAL + 1, "planes of whole vec4s");
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

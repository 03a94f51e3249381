//! Batch normalisation.

use crate::error::ShapeError;
use crate::kernels::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::BatchNorm;
use crate::shaders::elementwise::BATCH_NORM;
use crate::shape::{Shape, product};

/// Invocations of a workgroup over vec4s.
const LANES: usize = 64;

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
    let runs = |values: usize| {
        product("the grid", &[batch, channels, values.div_ceil(ELEMENTS_PER_INVOCATION)])
    };
    let call = |variant, grid| {
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
            grid,
            trips: ELEMENTS_PER_INVOCATION,
        })
    };
    let general = call(const { BATCH_NORM.variant("") }, Grid::Invocations(runs(values)?))?;
    let mut candidates = vec![Candidate::general(general)];
    if values.is_multiple_of(VEC4) {
        let vec4s = values / VEC4;
        let aligned = const { BATCH_NORM.variant("aligned") };
        let wide = const { BATCH_NORM.variant("aligned,wide") };
        let software = call(aligned, Grid::Invocations(runs(vec4s)?))?;
        let gpu = call(wide, Grid::Workgroups(runs(vec4s.div_ceil(LANES))?))?;
        for (rank, (call, requires)) in
            (GENERAL + 1..).zip([(software, Requires::SOFTWARE), (gpu, Requires::GPU)])
        {
            let candidate = Candidate::new(call, rank, "planes of whole vec4s");
            candidates.push(candidate.requiring(requires));
        }
    }
    Ok(candidates)
}

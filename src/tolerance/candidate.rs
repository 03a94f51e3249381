//! Checks one candidate of an operator against the expected result.

use super::bound::Expected;
use super::compare::{Comparison, compare};
use super::winograd::compare_transformed;
use crate::error::{Result, count};
use crate::gpu::{Choice, Gpu};
use crate::kernels::Tolerance;
use crate::ops::Operator;
use crate::tensor::Tensor;

/// Runs one candidate with poisoned surroundings: how far it is off, or what it touched or left out.
pub fn check_candidate(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    want: &Expected,
    kernel: &str,
) -> Result<Result<Comparison, String>> {
    let run = gpu.guarded_run(op, inputs, &Choice::Named(kernel.to_owned()))?;
    if run.unwritten > 0 {
        return Ok(Err(format!("{} of the output never written", count(run.unwritten, "element"))));
    }
    if run.disturbed > 0 {
        let elements = count(run.disturbed, "element");
        return Ok(Err(format!("{elements} beside the output or the scratch written")));
    }
    Ok(Ok(match run.tolerance {
        Tolerance::Winograd => compare_transformed(op, inputs, want, &run.output),
        Tolerance::Direct => compare(want, &run.output),
    }))
}

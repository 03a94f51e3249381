//! A kernel may be chosen only where it is right: on this adapter, on this call.

use super::choose::Row;
use crate::error::{Error, Result};
use crate::gpu::{Choice, Gpu};
use crate::kernels;
use crate::ops::{Op, Operator};
use crate::reference::Array;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::tolerance::{Expected, check_candidate, expected_by, expected_stored};

/// Says of each candidate why it may not be chosen, if so.
///
/// Results have to be those of the reference where it is quick, else those of the general kernel, which `verify`
/// and the tests hold against the reference; the bound follows from the arithmetic either way. Where one
/// disagrees with the general kernel, the reference says which of them is wrong, however long it takes.
pub(super) fn check(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    rows: &mut [Row],
    reference_flops: u64,
) -> Result<()> {
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    if op.flops(&shapes).map_err(Error::at(op.name()))? > reference_flops {
        let want = by_general(gpu, op, inputs)?;
        check_all(gpu, op, inputs, &want, rows)?;
        if rows.iter().all(|row| row.refused.is_none()) {
            return Ok(());
        }
    }
    let want = expected_stored(op, inputs, gpu.profile().storage)?;
    check_all(gpu, op, inputs, &want, rows)
}

fn check_all(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    want: &Expected,
    rows: &mut [Row],
) -> Result<()> {
    rows.iter_mut().try_for_each(|row| {
        row.refused = refusal(gpu, op, inputs, want, &row.kernel)?;
        Ok(())
    })
}

/// What the general kernel gives, and how far another may be from it.
fn by_general(gpu: &Gpu, op: &Operator, inputs: &[&Tensor]) -> Result<Expected> {
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    expected_by(op, inputs, gpu.profile().storage, &|op: &Operator, inputs: &[Array]| {
        let inputs: Vec<Tensor> = inputs.iter().map(Array::to_tensor).collect::<Result<_>>()?;
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let general = general(op, &shapes)?;
        let output = gpu.guarded_run(op, &inputs, &Choice::Named(general))?.output;
        Ok(Array::from(&output))
    })
}

/// The name of the general kernel.
fn general(op: &Operator, shapes: &[&Shape]) -> Result<String> {
    let general = kernels::general(op, shapes).map_err(Error::at(op.name()))?;
    let missing = || Error::UnknownKernel {
        op: op.name(),
        kernel: "the general one".to_owned(),
        known: String::new(),
    };
    general.map(|candidate| candidate.name).ok_or_else(missing)
}

/// Why a candidate may not be chosen: it misses its bound, leaves elements out, writes where it must not, or
/// does not run at all. An error only where no other would run either.
fn refusal(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    want: &Expected,
    kernel: &str,
) -> Result<Option<String>> {
    match check_candidate(gpu, op, inputs, want, kernel) {
        Err(lost @ Error::DeviceLost { .. }) => Err(lost),
        Err(error) => Ok(Some(error.to_string())),
        Ok(Err(reason)) => Ok(Some(reason)),
        Ok(Ok(comparison)) if comparison.passed() => Ok(None),
        Ok(Ok(comparison)) => Ok(Some(format!(
            "{} of {} elements beyond their bound, the worst {:.3e} times",
            comparison.misses,
            want.bound.len(),
            comparison.worst_over_bound
        ))),
    }
}

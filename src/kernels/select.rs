//! The candidates of any operator.

use super::candidate::{Candidate, GENERAL};
use super::conv::{dynamic, select};
use super::elementwise::{activation, add, batch_norm};
use super::profile::DeviceProfile;
use super::reduce::{global_avg_pool, linear, pool, softmax};
use super::{involution, span_involution, unfold};
use crate::error::ShapeError;
use crate::ops::{Op, Operator};
use crate::shaders::{KERNELS, Kernel};
use crate::shape::Shape;

type Result<T> = std::result::Result<T, ShapeError>;

/// The candidates that a device supports, in the order of their ranks: the preferred one is the last.
pub fn candidates(
    op: &Operator,
    inputs: &[&Shape],
    profile: &DeviceProfile,
) -> Result<Vec<Candidate>> {
    let mut candidates = described(op, inputs)?;
    candidates.retain(|candidate| candidate.requires.supported_by(profile));
    candidates.iter_mut().for_each(|candidate| candidate.rank_on(profile));
    candidates.sort_by_key(|candidate| candidate.rank);
    Ok(candidates)
}

/// Returns the general candidate, which takes any shape and which the others are compared with.
pub fn general(op: &Operator, inputs: &[&Shape]) -> Result<Option<Candidate>> {
    Ok(described(op, inputs)?.into_iter().find(|candidate| candidate.rank == GENERAL))
}

/// The candidates whatever the device.
fn described(op: &Operator, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    // What cannot be counted is refused for all operators.
    op.output_shape(inputs)?;
    match op {
        Operator::Unfold(op) => unfold::unfold(op, inputs),
        Operator::Fold(op) => unfold::fold(op, inputs),
        Operator::Conv2d(op) => select::candidates(op, inputs),
        Operator::DynamicConv2d(op) => dynamic::candidates(op, inputs),
        Operator::Involution(op) => involution::candidates(op, inputs),
        Operator::SpanInvolution(op) => span_involution::candidates(op, inputs),
        Operator::BatchNorm(op) => batch_norm::candidates(op, inputs),
        Operator::Activate(op) => activation::candidates(op, inputs),
        Operator::AvgPool2d(op) => pool::average(op, inputs),
        Operator::MaxPool2d(op) => pool::maximum(op, inputs),
        Operator::GlobalAvgPool(op) => global_avg_pool::candidates(op, inputs),
        Operator::AdaptiveAvgPool2d(op) => pool::adaptive(op, inputs),
        Operator::Softmax(op) => softmax::candidates(op, inputs),
        Operator::Linear(op) => linear::candidates(op, inputs),
        Operator::Add(op) => add::candidates(op, inputs),
    }
}

/// Every kernel of the candidates.
pub fn all() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().copied().filter(|kernel| !kernel.name.starts_with("probe/"))
}

//! The candidates of any operator.

use super::call::Kernel;
use super::candidate::{Candidate, GENERAL};
use super::conv::{depthwise, direct, implicit_gemm, row_pairs, winograd};
use super::gemm::{gather, input_stationary, pointwise, prepack, tile};
use super::profile::DeviceProfile;
use super::{
    activation, adaptive_avg_pool2d, add, avg_pool2d, batch_norm, dynamic_conv2d, fold,
    global_avg_pool, group_norm, involution, linear, max_pool2d, softmax, span_involution, unfold,
};
use crate::error::ShapeError;
use crate::ops::{Op, Operator};
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

/// The general candidate, which takes any shape and is what the others are held against.
pub fn general(op: &Operator, inputs: &[&Shape]) -> Result<Option<Candidate>> {
    Ok(described(op, inputs)?.into_iter().find(|candidate| candidate.rank == GENERAL))
}

/// The candidates whatever the device.
fn described(op: &Operator, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    // What cannot be counted is refused for all operators.
    op.output_shape(inputs)?;
    by_operator(op, inputs)
}

macro_rules! dispatch {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        fn by_operator(op: &Operator, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
            match op { $(Operator::$variant(op) => super::$module::candidates(op, inputs)),+ }
        }
    };
}

crate::each_operator!(dispatch);

/// Every kernel of the candidates.
pub fn all() -> Vec<&'static Kernel> {
    [
        activation::KERNELS,
        adaptive_avg_pool2d::KERNELS,
        avg_pool2d::KERNELS,
        max_pool2d::KERNELS,
        fold::KERNELS,
        add::KERNELS,
        batch_norm::KERNELS,
        depthwise::KERNELS,
        direct::KERNELS,
        dynamic_conv2d::KERNELS,
        gather::KERNELS,
        global_avg_pool::KERNELS,
        group_norm::KERNELS,
        implicit_gemm::KERNELS,
        input_stationary::KERNELS,
        involution::KERNELS,
        linear::KERNELS,
        pointwise::KERNELS,
        prepack::KERNELS,
        row_pairs::KERNELS,
        softmax::KERNELS,
        span_involution::KERNELS,
        tile::KERNELS,
        unfold::KERNELS,
        winograd::KERNELS,
    ]
    .concat()
}

//! The candidates of any operator.

use super::candidate::{Candidate, GENERAL};
use super::profile::DeviceProfile;
use crate::error::ShapeError;
use crate::ops::{Op, Operator};
use crate::shaders::{KERNELS, Kernel};
use crate::shape::Shape;
use crate::tensor::DType;

type Result<T> = std::result::Result<T, ShapeError>;

/// The candidates that a device supports, in the order of their ranks: the preferred one is the last.
pub fn candidates(
    op: &Operator,
    inputs: &[&Shape],
    profile: &DeviceProfile,
) -> Result<Vec<Candidate>> {
    let mut candidates = described(op, inputs)?;
    // Half precision has every integer up to here.
    let largest = op.largest_index(inputs)?;
    if profile.storage == DType::F16 && largest > 1 << 11 {
        let must = "at most 2048 in half precision (store tensors in single precision)";
        let (parameter, value) = ("the largest index", largest.to_string());
        return Err(ShapeError::Parameter { parameter, must, value });
    }
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
pub fn all() -> impl Iterator<Item = &'static Kernel> {
    KERNELS.iter().copied().filter(|kernel| !kernel.name.starts_with("probe/"))
}

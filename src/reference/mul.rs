//! The product of two tensors, broadcast as NumPy does.

use super::activation;
use super::array::Array;
use super::broadcast;
use super::rounding::Rounding;
use crate::ops::Mul;

pub(super) fn evaluate(op: &Mul, inputs: &[Array]) -> Array {
    broadcast::zip(&inputs[0], &inputs[1], |x, y| activation::apply(op.activation, x * y))
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Mul, _: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(1)
}

//! Activations, as `torch.nn.functional` defines them.

use super::array::Array;
use super::rounding::Rounding;
use crate::ops::{Activate, Activation};

/// An activation of one value; NaN stays NaN.
pub fn apply(activation: Activation, v: f64) -> f64 {
    match activation {
        Activation::None => v,
        Activation::Relu if v < 0.0 => 0.0,
        Activation::Relu => v,
        Activation::Relu6 if v < 0.0 => 0.0,
        Activation::Relu6 if v > 6.0 => 6.0,
        Activation::Relu6 => v,
        Activation::Sigmoid => 1.0 / (1.0 + (-v).exp()),
        Activation::Silu => v / (1.0 + (-v).exp()),
    }
}

pub(super) fn evaluate(op: &Activate, inputs: &[Array]) -> Array {
    let x = &inputs[0];
    let data = x.data.iter().map(|&v| apply(op.activation, v)).collect();
    Array { shape: x.shape.clone(), data }
}

/// How far single precision may be off.
pub(super) fn rounding(_: &Activate, _: &[Array], _: &Array) -> Rounding {
    Rounding::Sum(1)
}

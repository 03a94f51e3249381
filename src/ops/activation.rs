//! Activations: an epilogue of every operator that writes activations, and an operator of their own.
//!
//! x of any shape -> the same shape. Definitions as in PyTorch: `relu` max(x, 0), `relu6` min(max(x, 0), 6),
//! `sigmoid` 1 / (1 + e^-x), `silu` x * sigmoid(x). NaN stays NaN.

use super::op::{Op, required};
use crate::error::ShapeError;
use crate::shape::Shape;

/// A function of each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// x
    #[default]
    None,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x / (1 + e^-x)
    Silu,
}

impl Activation {
    /// Every activation with its name.
    pub const ALL: [(&'static str, Activation); 5] = [
        ("none", Activation::None),
        ("relu", Activation::Relu),
        ("relu6", Activation::Relu6),
        ("sigmoid", Activation::Sigmoid),
        ("silu", Activation::Silu),
    ];

    /// The number that `shaders/common/activation.wgsl` knows it by.
    pub(crate) fn code(self) -> usize {
        self as usize
    }

    /// Floating-point operations per element, roughly.
    pub(crate) fn flops(self) -> u64 {
        match self {
            Activation::None => 0,
            Activation::Relu => 1,
            Activation::Relu6 => 2,
            Activation::Sigmoid => 4,
            Activation::Silu => 5,
        }
    }
}

/// An activation alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Activate {
    /// Which one.
    pub activation: Activation,
}

impl Op for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [x] = required(self, inputs)?;
        x.not_empty("x")?;
        Ok(x.clone())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        Ok(self.output_shape(inputs)?.elements()? as u64 * self.activation.flops())
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        inputs.iter().map(|x| x.rank() > 0).collect()
    }
}

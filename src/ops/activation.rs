//! Activations: an epilogue of every operator that writes activations, and an operator of their own.
//!
//! x of any shape -> the same shape. Definitions as in PyTorch: `relu` max(x, 0), `relu6` min(max(x, 0), 6),
//! `sigmoid` 1 / (1 + e^-x), `silu` x * sigmoid(x). NaN stays NaN.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::Shape;

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

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl Attributed for Activate {
    fn blank(_: bool, _: bool) -> Self {
        Activate::default()
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

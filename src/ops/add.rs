//! The sum of two tensors, which may broadcast.
//!
//! x and y of any shapes that broadcast -> the shape of both: aligned at the last dimension, sizes are
//! equal or one of them is 1 or missing, and then that tensor repeats along it.
//! Definition: `torch.add` and NumPy's broadcasting rules.

use super::broadcast::{Run, broadcast};
use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::Shape;

/// The parameters of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Add {
    /// What is done to each output value.
    pub activation: Activation,
}

impl Add {
    /// The shape of the output, and its dimensions, innermost first, in as few runs as they make.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<(Shape, Vec<Run>), ShapeError> {
        let [x, y] = required(self, inputs)?;
        broadcast(x, y)
    }
}

impl Op for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x", "y"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.0)
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        Ok(self.output_shape(inputs)?.elements()? as u64 * (1 + self.activation.flops()))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        let [x, y] = inputs else { return Vec::new() };
        if x == y && x.rank() > 0 { vec![true, true] } else { Vec::new() }
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl Attributed for Add {
    fn blank(_: bool, _: bool) -> Self {
        Add::default()
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

//! What an operator answers about a call.

use super::epilogue::Activation;
use crate::error::ShapeError;
use crate::shape::Shape;

pub(super) type Result<T> = std::result::Result<T, ShapeError>;

/// What every operator answers about a call, from the shapes of its inputs alone.
pub trait Op: std::fmt::Debug {
    /// The operator's name: the stem of its files.
    fn name(&self) -> &'static str;

    /// The names of its input tensors, in the order in which they are passed.
    fn inputs(&self) -> Vec<&'static str>;

    /// Checks parameters and shapes, and gives the shape of the output.
    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape>;

    /// Checks what can be wrong with values alone, where they are on the host, in tensors of the right shapes.
    fn check_values(&self, _inputs: &[(&Shape, &[f32])]) -> Result<()> {
        Ok(())
    }

    /// Floating-point operations of the call, a multiply-add counted as two.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64>;

    /// Multiply-adds of the call, as papers count them: of convolutions, involutions and linear layers.
    fn macs(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs).map(|_| 0)
    }

    /// Which inputs carry the batch in their first dimension, where the call may be cut along it;
    /// empty where it may not.
    fn batched(&self, inputs: &[&Shape]) -> Vec<bool>;

    /// Where a call of one sample may be cut between groups of channels: their number, and which inputs have those of one group
    /// after those of another, as the output has. Nothing where it may not.
    fn grouped(&mut self) -> Option<Grouped<'_>> {
        None
    }

    /// The largest index that a result may be, which tensors must hold exactly; 0 where results are no indices.
    fn largest_index(&self, inputs: &[&Shape]) -> Result<usize> {
        self.output_shape(inputs).map(|_| 0)
    }

    /// The activation that is done to each output value, where the operator has one.
    fn epilogue(&mut self) -> Option<&mut Activation> {
        None
    }

    /// Whether the operator works on rows of values. The dimensions behind batch and channels are an image otherwise.
    fn works_on_rows(&self) -> bool {
        false
    }
}

/// A call that may be cut between groups of channels.
#[derive(Debug)]
pub struct Grouped<'a> {
    /// How many groups there are.
    pub groups: &'a mut usize,
    /// By input, whether each group has a part of its own.
    pub cut: Vec<bool>,
}

/// Arithmetic and compulsory traffic of a call: the roofline's two axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations.
    pub flops: u64,
    /// Bytes of every input read once and the output written once.
    pub bytes: u64,
}

/// The input shapes as an array, or an error that lists what the operator takes.
/// Optional inputs come last and are left to the caller.
pub(super) fn required<'a, const R: usize>(
    op: &dyn Op,
    inputs: &[&'a Shape],
) -> Result<[&'a Shape; R]> {
    let expected = op.inputs();
    let wrong = ShapeError::InputCount { expected: expected.clone(), found: inputs.len() };
    if inputs.len() != expected.len() {
        return Err(wrong);
    }
    inputs.get(..R).and_then(|first| <[&Shape; R]>::try_from(first).ok()).ok_or(wrong)
}

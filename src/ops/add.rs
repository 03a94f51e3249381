//! The sum of two tensors, which may broadcast.
//!
//! x and y of any shapes that broadcast -> the shape of both: aligned at the last dimension, sizes are
//! equal or one of them is 1 or missing, and then that tensor repeats along it.
//! Definition: `torch.add` and NumPy's broadcasting rules.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::Shape;

/// Runs of dimensions that kernels have room for.
pub(crate) const RUNS: usize = 6;

/// The parameters of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Add {
    /// What is done to each output value.
    pub activation: Activation,
}

/// Neighbouring dimensions of the output that x and y step through alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub size: usize,
    /// Elements from one place to the next in x and in y; 0 where the tensor repeats.
    pub strides: [usize; 2],
}

impl Run {
    /// Whether this run goes on where `inner` ends, so that both are one.
    fn continues(&self, inner: &Run) -> bool {
        [0, 1].iter().all(|&side| self.strides[side] == inner.strides[side] * inner.size)
    }
}

impl Add {
    /// The shape of the output, and its dimensions, innermost first, in as few runs as they make.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<(Shape, Vec<Run>), ShapeError> {
        let [x, y] = required(self, inputs)?;
        x.not_empty("x")?;
        y.not_empty("y")?;
        let from_last = |shape: &Shape, index: usize| shape.dims().iter().rev().nth(index).copied();
        let mut output = Vec::new();
        let mut runs: Vec<Run> = Vec::new();
        let mut place = [1, 1]; // elements of x and of y that lie within one step
        for index in 0..x.rank().max(y.rank()) {
            let sizes = [x, y].map(|shape| from_last(shape, index).unwrap_or(1));
            let size = sizes[0].max(sizes[1]);
            if sizes.iter().any(|&own| own != size && own != 1) {
                return Err(ShapeError::Broadcast { x: x.clone(), y: y.clone() });
            }
            output.insert(0, size);
            let strides = [0, 1].map(|side| if sizes[side] == 1 { 0 } else { place[side] });
            place = [place[0] * sizes[0], place[1] * sizes[1]];
            let run = Run { size, strides };
            match runs.last_mut() {
                _ if size == 1 => {}
                Some(inner) if run.continues(inner) => inner.size *= size,
                _ => runs.push(run),
            }
        }
        let output = Shape::new(output);
        output.elements()?;
        if runs.len() > RUNS {
            return Err(ShapeError::Rank {
                tensor: "x",
                expected: "such that at most 6 runs of its dimensions broadcast unlike their neighbours",
                found: x.clone(),
            });
        }
        Ok((output, runs))
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

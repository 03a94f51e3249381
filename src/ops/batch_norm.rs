//! Batch normalisation as inference does it, with the statistics that training left behind.
//!
//! x `[N, C, ...]`, running_mean `[C]`, running_var `[C]`, weight `[C]`, bias `[C]` -> the shape of x:
//! `y = (x - running_mean) / sqrt(running_var + eps) * weight + bias`, each of the four by channel.
//! Definition: `torch.nn.functional.batch_norm` with `training=False`.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, product};

/// The parameters of a batch normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance, so that a channel that never varies is not divided by zero.
    pub eps: f32,
    /// Whether weight and bias are the fourth and the fifth input.
    pub affine: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl Default for BatchNorm {
    fn default() -> Self {
        BatchNorm { eps: 1e-5, affine: true, activation: Activation::None }
    }
}

impl BatchNorm {
    /// Sizes of x as `[N, C, values]`.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 3], ShapeError> {
        if !self.eps.is_finite() || self.eps < 0.0 {
            return Err(ShapeError::Parameter {
                parameter: "eps",
                must: "finite and at least 0",
                value: self.eps.to_string(),
            });
        }
        let [x] = required(self, inputs)?;
        x.not_empty("x")?;
        let [batch, channels, ref rest @ ..] = *x.dims() else {
            return Err(ShapeError::Rank {
                tensor: "x",
                expected: "[N, C, ...]",
                found: x.clone(),
            });
        };
        for (name, tensor) in self.inputs().into_iter().zip(inputs).skip(1) {
            tensor.array::<1>(name, "[C]")?;
            tensor.expect(name, 0, "channels", channels, || format!("x is {x}"))?;
        }
        Ok([batch, channels, product("x", rest)?])
    }
}

impl Op for BatchNorm {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "running_mean", "running_var"];
        if self.affine {
            inputs.extend(["weight", "bias"]);
        }
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [x] = required(self, inputs)?;
        self.checked(inputs)?;
        Ok(x.clone())
    }

    /// A multiply-add for each value; what depends on the channel alone is not counted.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let elements = self.output_shape(inputs)?.elements()? as u64;
        Ok(elements.saturating_mul(2 + self.activation.flops()))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input == 0).collect()
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl Attributed for BatchNorm {
    fn blank(optional: bool, _: bool) -> Self {
        BatchNorm { affine: optional, ..BatchNorm::default() }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("eps", &mut self.eps, Some(BatchNorm::default().eps))?;
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

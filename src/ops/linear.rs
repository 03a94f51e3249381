//! A linear layer: a product with a weight along the last dimension.
//!
//! x `[*, I]`, weight `[O, I]`, bias `[O]` -> `[*, O]` where `*` is any number of dimensions, none
//! included: `y[.., o] = bias[o] + sum_i x[.., i] * weight[o, i]`.
//! Definition: `torch.nn.functional.linear`.

use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::Shape;

/// The parameters of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Linear {
    /// Whether a bias is the third input.
    pub bias: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

/// x as `[rows, in_features]`, the output as `[rows, out_features]`.
pub(crate) struct Sizes {
    pub rows: usize,
    pub in_features: usize,
    pub out_features: usize,
    pub output: Shape,
}

impl Linear {
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Sizes, ShapeError> {
        let [x, weight] = required(self, inputs)?;
        let Some((&in_features, leading)) = x.dims().split_last() else {
            return Err(ShapeError::Rank { tensor: "x", expected: "[*, I]", found: x.clone() });
        };
        x.not_empty("x")?;
        let [out_features, _] = weight.array("weight", "[O, I]")?;
        weight.expect("weight", 1, "input features", in_features, || format!("x is {x}"))?;
        if let Some(bias) = inputs.get(2) {
            bias.array::<1>("bias", "[O]")?;
            bias.expect("bias", 0, "output features", out_features, || {
                format!("weight is {weight}")
            })?;
        }
        let output = Shape::new([leading, &[out_features]].concat());
        output.elements()?;
        Ok(Sizes { rows: leading.iter().product(), in_features, out_features, output })
    }
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.output)
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Sizes { in_features, output, .. } = self.checked(inputs)?;
        let per_output = 2 * in_features as u64 + u64::from(self.bias) + self.activation.flops();
        Ok(per_output.saturating_mul(output.elements()? as u64))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Sizes { rows, in_features, out_features, .. } = self.checked(inputs)?;
        Ok((rows as u64).saturating_mul(in_features as u64).saturating_mul(out_features as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        if inputs.first().is_some_and(|x| x.rank() > 1) {
            (0..inputs.len()).map(|input| input == 0).collect()
        } else {
            Vec::new()
        }
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn works_on_rows(&self) -> bool {
        true
    }
}

impl Attributed for Linear {
    fn blank(optional: bool, _: bool) -> Self {
        Linear { bias: optional, ..Linear::default() }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("activation", &mut self.activation, Some(Activation::None))
    }
}

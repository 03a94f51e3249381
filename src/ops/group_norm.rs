//! Group normalisation.
//!
//! x `[N, C, ...]`, weight `[C]`, bias `[C]` -> the shape of x: the channels of a sample are divided into groups of
//! neighbours, and each group is normalised by its own mean and (biased) variance over channels and positions,
//! `y = (x - mean) / sqrt(variance + eps) * weight + bias`. With one group it is the layer normalisation of images, with
//! as many as channels the instance normalisation.
//! Definition: Wu and He, "Group Normalization", ECCV 2018; `torch.nn.functional.group_norm`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, divide, product};

/// The parameters of a group normalisation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupNorm {
    /// Groups of channels.
    pub groups: usize,
    /// Added to the variance.
    pub eps: f32,
    /// Whether weight and bias are the second and the third input.
    pub affine: bool,
}

impl GroupNorm {
    /// So many groups, with weight and bias.
    pub fn new(groups: usize) -> Self {
        GroupNorm { groups, eps: 1e-5, affine: true }
    }

    /// Sizes of x as `[N, groups, channels of a group, positions]`.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 4], ShapeError> {
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
            let expected = "[N, C, ...]";
            return Err(ShapeError::Rank { tensor: "x", expected, found: x.clone() });
        };
        let group = divide("channels", channels, "groups", self.groups)?;
        for (name, tensor) in self.inputs().into_iter().zip(inputs).skip(1) {
            tensor.array::<1>(name, "[C]")?;
            tensor.expect(name, 0, "channels", channels, || format!("x is {x}"))?;
        }
        Ok([batch, self.groups, group, product("x", rest)?])
    }
}

impl Op for GroupNorm {
    fn name(&self) -> &'static str {
        "group_norm"
    }

    fn inputs(&self) -> Vec<&'static str> {
        if self.affine { vec!["x", "weight", "bias"] } else { vec!["x"] }
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        self.checked(inputs)?;
        let [x] = required(self, inputs)?;
        Ok(x.clone())
    }

    /// Per value: the sum of the mean, a difference, its square and the sum of these, a product and a multiply-add.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        Ok((self.output_shape(inputs)?.elements()? as u64).saturating_mul(7))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input == 0).collect()
    }
}

impl Attributed for GroupNorm {
    fn blank(optional: bool, _: bool) -> Self {
        GroupNorm { affine: optional, ..GroupNorm::new(1) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("groups", &mut self.groups, Some(1))?;
        v.visit("eps", &mut self.eps, Some(GroupNorm::new(1).eps))
    }
}

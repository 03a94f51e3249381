//! Dynamic convolution: a convolution whose weight is mixed from a bank of weights for each sample.
//!
//! x `[N, Ci, H, W]`, attention `[N, K]`, weight `[K, Co, Ci/groups, Kh, Kw]`, bias `[K, Co]`
//! -> `[N, Co, H', W']` with H', W' of [`Window::output_size`](crate::shape::Window::output_size).
//! Sample n is convolved with `sum_k attention[n,k] * weight[k]` and shifted by
//! `sum_k attention[n,k] * bias[k]`; the attention is taken as it is, whatever its sign or sum.
//! Definition: Chen et al., "Dynamic Convolution: Attention over Convolution Kernels", CVPR 2020.

use super::conv2d::{Conv, Geometry};
use super::epilogue::Activation;
use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, product};

/// A dynamic convolution of images.
pub type DynamicConv2d = DynamicConv<2>;

/// The parameters of a dynamic convolution along so many axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DynamicConv<const AXES: usize = 2> {
    /// The convolution of each sample; its `bias` says whether a bank of biases is the fourth input.
    pub conv: Conv<AXES>,
}

/// The sizes of a dynamic convolution, checked.
pub(crate) struct Checked<const AXES: usize = 2> {
    pub geometry: Geometry<AXES>,
    /// Weights in the bank.
    pub kernels: usize,
    /// Elements of one of them.
    pub weight_elements: usize,
}

impl<const AXES: usize> DynamicConv<AXES> {
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Checked<AXES>, ShapeError> {
        let [x, attention, weight] = required(self, inputs)?;
        if self.conv.residual {
            let (parameter, must) = ("residual", "false in a dynamic convolution");
            return Err(ShapeError::Parameter { parameter, must, value: "true".to_owned() });
        }
        let layout =
            if AXES == 3 { "[K, Co, Ci/groups, Kd, Kh, Kw]" } else { "[K, Co, Ci/groups, Kh, Kw]" };
        let ([kernels, out, group_in], kernel_size) = weight.split("weight", layout)?;
        let geometry = self.conv.geometry(x, out, kernel_size, weight)?;
        attention.array::<2>("attention", "[N, K]")?;
        attention.expect("attention", 0, "batch", geometry.batch, || format!("x is {x}"))?;
        attention.expect("attention", 1, "kernels", kernels, || format!("weight is {weight}"))?;
        if let Some(bias) = inputs.get(3) {
            bias.array::<2>("bias", "[K, Co]")?;
            bias.expect("bias", 0, "kernels", kernels, || format!("weight is {weight}"))?;
            bias.expect("bias", 1, "output channels", out, || format!("weight is {weight}"))?;
        }
        let weight_elements = product("weight", &[out, group_in, geometry.window.taps()])?;
        Ok(Checked { geometry, kernels, weight_elements })
    }
}

impl<const AXES: usize> Op for DynamicConv<AXES> {
    fn name(&self) -> &'static str {
        if AXES == 3 { "dynamic_conv3d" } else { "dynamic_conv2d" }
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "attention", "weight"];
        inputs.extend(self.conv.bias.then_some("bias"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.geometry.output_shape())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { geometry, kernels, weight_elements } = self.checked(inputs)?;
        let biases = if self.conv.bias { geometry.out_channels } else { 0 };
        let mixed = product("the mixed weights", &[geometry.batch, weight_elements + biases])?;
        let mixing = (2 * kernels as u64).saturating_mul(mixed as u64);
        Ok(geometry.flops(u64::from(self.conv.bias))?.saturating_add(mixing))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { geometry, kernels, weight_elements } = self.checked(inputs)?;
        let mixing = product("the mixed weights", &[geometry.batch, weight_elements, kernels])?;
        Ok(geometry.macs()?.saturating_add(mixing as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }

    fn epilogue(&mut self) -> Option<&mut Activation> {
        Some(&mut self.conv.activation)
    }
}

impl<const AXES: usize> Attributed for DynamicConv<AXES> {
    fn blank(optional: bool, _: bool) -> Self {
        DynamicConv { conv: Conv { bias: optional, ..Conv::default() } }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        self.conv.visit(v)
    }
}

//! A convolution, with a batch normalisation and an activation after it where wanted.
//!
//! x `[N, Ci, H, W]` -> `[N, Co, H', W']` as [`Conv2d`](crate::ops::Conv2d). In a plan that is fused the
//! three are one step. Weights: `conv.weight [Co, Ci/groups, Kh, Kw]`, `conv.bias [Co]` where there is one,
//! `bn.{weight, bias, running_mean, running_var} [Co]`, as in mmcv's `ConvModule`.

use super::parts::{ConvSpec, EPS, activate, batch_norm, conv, dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::Result;
use crate::ops::Activation;
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Padding, Shape};
use crate::tensor::StateDict;

/// A convolution with normalisation and activation. Pairs are height, width.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConvBnAct {
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// Taps.
    pub kernel_size: [usize; 2],
    /// Distance between two output pixels.
    pub stride: [usize; 2],
    /// Zeros around x.
    pub padding: Padding,
    /// Distance between two taps.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether the convolution has a bias.
    pub bias: bool,
    /// Whether a batch normalisation follows, and the epsilon of it.
    pub norm: Option<f32>,
    /// What is done at the end.
    pub activation: Activation,
}

impl ConvBnAct {
    /// Stride 1, padded to keep the size, with normalisation and ReLU, without bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 2]) -> Self {
        ConvBnAct {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1, 1],
            padding: Padding::Same,
            dilation: [1, 1],
            groups: 1,
            bias: false,
            norm: Some(EPS),
            activation: Activation::Relu,
        }
    }

    /// The layer whose weights these are, in so many groups; what weights do not tell is as in
    /// [`ConvBnAct::new`].
    pub fn from_weights(weights: &StateDict, groups: usize) -> Result<Self> {
        let [out_channels, group_channels, height, width] =
            dims_of("conv_bn_act", weights, "conv.weight", "[Co, Ci/groups, Kh, Kw]")?;
        let in_channels = group_channels.saturating_mul(groups);
        let layer = ConvBnAct::new(in_channels, out_channels, [height, width]).groups(groups);
        let norm = weights.has_prefix("bn.").then_some(EPS);
        Ok(ConvBnAct { bias: weights.get("conv.bias").is_some(), norm, ..layer })
    }

    setters! {
        /// Sets the stride.
        stride: [usize; 2],
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        ConvBnAct { padding: padding.into(), ..self }
    }

    setters! {
        /// Sets the dilation.
        dilation: [usize; 2],
        /// Sets the number of groups.
        groups: usize,
        /// Sets whether the convolution has a bias.
        bias: bool,
        /// Sets the epsilon of the batch normalisation that follows; none for nothing.
        norm: Option<f32>,
        /// Sets the activation at the end.
        activation: Activation,
    }
}

impl Layer for ConvBnAct {
    fn name(&self) -> String {
        "conv_bn_act".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        Rank::Two.example(self.in_channels, self.kernel_size, self.dilation, [1, 1])
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.in_channels)?;
        let spec = ConvSpec {
            out_channels: self.out_channels,
            kernel_size: self.kernel_size,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
            bias: self.bias,
            rank: Rank::Two,
        };
        let mut y = conv(plan, "conv", x, spec)?;
        if let Some(eps) = self.norm {
            y = batch_norm(plan, "bn", y, eps)?;
        }
        Ok(vec![activate(plan, y, self.activation)?])
    }
}

//! Depthwise-separable convolution: each channel by itself, then a 1x1 convolution across them.
//!
//! x `[N, Ci, H, W]` -> `[N, Co, H', W']`. Weights: `depthwise.weight [Ci*m, 1, Kh, Kw]`,
//! `pointwise.weight [Co, Ci*m, 1, 1]` with a channel multiplier m, their `bias` where there is one, and
//! with normalisation `bn1.*`, `bn2.*`. Definition: Howard et al., "MobileNets", 2017.

use super::parts::{ConvSpec, EPS, activate, batch_norm, conv, dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::{Error, Result};
use crate::ops::Activation;
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Padding, Shape, divide};
use crate::tensor::StateDict;

/// A depthwise and a pointwise convolution. Pairs are height, width.
#[doc(alias = "DepthwiseSeparableConv2d")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SeparableConv2d {
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// Channels that the depthwise convolution makes of each.
    pub multiplier: usize,
    /// Taps of the depthwise convolution.
    pub kernel_size: [usize; 2],
    /// Distance between two output pixels.
    pub stride: [usize; 2],
    /// Zeros around x.
    pub padding: Padding,
    /// Distance between two taps.
    pub dilation: [usize; 2],
    /// Whether both convolutions have a bias.
    pub bias: bool,
    /// Whether a batch normalisation follows each convolution, and the epsilon of it.
    pub norm: Option<f32>,
    /// What is done after each convolution.
    pub activation: Activation,
}

impl SeparableConv2d {
    /// Stride 1, no padding, without bias, normalisation and activation.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 2]) -> Self {
        SeparableConv2d {
            in_channels,
            out_channels,
            multiplier: 1,
            kernel_size,
            stride: [1, 1],
            padding: Padding::default(),
            dilation: [1, 1],
            bias: false,
            norm: None,
            activation: Activation::None,
        }
    }

    /// The layer whose weights these are, with a channel multiplier of `multiplier`. What weights do not
    /// tell is as in [`SeparableConv2d::new`].
    pub fn from_weights(weights: &StateDict, multiplier: usize) -> Result<Self> {
        let layer = "separable_conv2d";
        let layout = "[Ci*m, 1, Kh, Kw]";
        let [middle, _, height, width] = dims_of(layer, weights, "depthwise.weight", layout)?;
        let [out_channels, ..] =
            dims_of::<4>(layer, weights, "pointwise.weight", "[Co, Ci*m, 1, 1]")?;
        let in_channels = divide("rows of depthwise.weight", middle, "multiplier", multiplier)
            .map_err(Error::at(layer))?;
        Ok(SeparableConv2d {
            multiplier,
            bias: weights.get("depthwise.bias").is_some(),
            norm: weights.has_prefix("bn1.").then_some(EPS),
            ..SeparableConv2d::new(in_channels, out_channels, [height, width])
        })
    }

    setters! {
        /// Sets the stride.
        stride: [usize; 2],
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        SeparableConv2d { padding: padding.into(), ..self }
    }

    setters! {
        /// Sets the dilation.
        dilation: [usize; 2],
        /// Sets how many channels the depthwise convolution makes of each.
        multiplier: usize,
        /// Sets the activation after each convolution.
        activation: Activation,
        /// Sets whether both convolutions have a bias.
        bias: bool,
    }

    /// Adds batch normalisation and this activation after each convolution.
    pub fn norm(self, activation: Activation) -> Self {
        SeparableConv2d { norm: Some(EPS), activation, ..self }
    }
}

impl Layer for SeparableConv2d {
    fn name(&self) -> String {
        "separable_conv2d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        Rank::Two.example(self.in_channels, self.kernel_size, self.dilation, [1, 1])
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.in_channels)?;
        let depthwise = ConvSpec {
            out_channels: self.in_channels.saturating_mul(self.multiplier),
            kernel_size: self.kernel_size,
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.in_channels,
            bias: self.bias,
            rank: Rank::Two,
        };
        let pointwise = ConvSpec { bias: self.bias, ..ConvSpec::pointwise(self.out_channels) };
        let mut y = x;
        for (name, bn, spec) in [("depthwise", "bn1", depthwise), ("pointwise", "bn2", pointwise)] {
            y = conv(plan, name, y, spec)?;
            if let Some(eps) = self.norm {
                y = batch_norm(plan, bn, y, eps)?;
            }
            y = plan.scope(name, |plan| activate(plan, y, self.activation))?;
        }
        Ok(vec![y])
    }
}

//! Dynamic convolution of volumes as a layer: K weights, mixed for each sample by an attention over them.
//!
//! x `[N, Ci, D, H, W]` -> `[N, Co, D', H', W']`, as [`DynamicConv2d`](super::DynamicConv2d) along three axes. The attention
//! `[N, K]` is a result, too.
//!
//! Weights as in `Dynamic_conv3d` of kaijieshi7/Dynamic-convolution-Pytorch: `attention.fc1.weight [h, Ci, 1, 1, 1]`,
//! `attention.fc2.weight [K, h, 1, 1, 1]` without a bias, `weight [K, Co, Ci/groups, Kd, Kh, Kw]`, `bias [K, Co]`.

use super::conv3d::{Conv3d, expect_channels};
use super::dynamic_conv2d::{Attention, HOTTEST, hidden_channels};
use super::parts::{dims_of, setters};
use crate::error::{Error, Result};
use crate::ops::Activation;
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Padding, Shape, divide};
use crate::tensor::StateDict;

/// A dynamic convolution of volumes with its attention.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DynamicConv3d {
    /// The convolution of each sample; its `bias` says whether there is a bank of biases.
    pub conv: Conv3d,
    /// Weights in the bank.
    pub kernels: usize,
    /// Channels in the middle of the attention.
    pub hidden: usize,
    /// What the attention's logits are divided by; a state dict does not say it, and a trained network most often wants 1.
    pub temperature: f32,
}

impl DynamicConv3d {
    /// Four kernels, a quarter of the channels in the middle of the attention, a bias, stride 1, no
    /// padding, and the temperature that training starts at: 34.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 3]) -> Self {
        let conv = Conv3d::new(in_channels, out_channels, kernel_size);
        let layer = DynamicConv3d { conv, kernels: 4, hidden: 1, temperature: HOTTEST };
        layer.ratio(0.25)
    }

    /// The layer whose weights these are. What weights do not tell is as in [`DynamicConv3d::new`].
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let layer = "dynamic_conv3d";
        let [hidden, in_channels, ..] =
            dims_of::<5>(layer, weights, "attention.fc1.weight", "[h, Ci, 1, 1, 1]")?;
        let [kernels, out_channels, group_in, depth, height, width] =
            dims_of(layer, weights, "weight", "[K, Co, Ci/groups, Kd, Kh, Kw]")?;
        let groups = divide("channels of x", in_channels, "channels of a group", group_in)
            .map_err(Error::at(layer))?;
        let layer = DynamicConv3d::new(in_channels, out_channels, [depth, height, width]);
        let bias = weights.get("bias").is_some();
        Ok(DynamicConv3d { conv: layer.conv.groups(groups).bias(bias), kernels, hidden, ..layer })
    }

    /// Sets the channels in the middle of the attention to `Ci * ratio + 1`; with 3 channels of x there are as
    /// many as kernels.
    pub fn ratio(self, ratio: f64) -> Self {
        let hidden = hidden_channels(self.conv.in_channels, self.kernels, ratio);
        DynamicConv3d { hidden, ..self }
    }

    /// Sets the stride.
    pub fn stride(self, stride: [usize; 3]) -> Self {
        DynamicConv3d { conv: self.conv.stride(stride), ..self }
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding<3>>) -> Self {
        DynamicConv3d { conv: self.conv.padding(padding), ..self }
    }

    /// Sets the dilation.
    pub fn dilation(self, dilation: [usize; 3]) -> Self {
        DynamicConv3d { conv: self.conv.dilation(dilation), ..self }
    }

    /// Sets the number of groups.
    pub fn groups(self, groups: usize) -> Self {
        DynamicConv3d { conv: self.conv.groups(groups), ..self }
    }

    /// Sets whether there is a bank of biases.
    pub fn bias(self, bias: bool) -> Self {
        DynamicConv3d { conv: self.conv.bias(bias), ..self }
    }

    setters! {
        /// Sets how many weights there are in the bank.
        kernels: usize,
        /// Sets the channels in the middle of the attention.
        hidden: usize,
        /// Sets the temperature.
        temperature: f32,
    }
}

impl Layer for DynamicConv3d {
    fn name(&self) -> String {
        "dynamic_conv3d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        self.conv.example_inputs()
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let conv = &self.conv;
        expect_channels(plan, x, conv.in_channels)?;
        let group_in = divide("channels of x", conv.in_channels, "groups", conv.groups)
            .map_err(|source| plan.refuse("dynamic_conv3d", source))?;
        let attention = Attention {
            op: "dynamic_conv3d",
            in_channels: conv.in_channels,
            hidden: self.hidden,
            kernels: self.kernels,
            temperature: self.temperature,
            axes: 3,
            bias: false,
        };
        let attention = attention.build(plan, x)?;
        let outer = [self.kernels, conv.out_channels, group_in];
        let weight = Shape::new([&outer[..], &conv.kernel_size].concat());
        let mut inputs = vec![x, attention, plan.weight("weight", weight)];
        if conv.bias {
            inputs.push(plan.weight("bias", [self.kernels, conv.out_channels]));
        }
        let conv = crate::ops::Conv3d {
            stride: conv.stride,
            padding: conv.padding,
            dilation: conv.dilation,
            groups: conv.groups,
            bias: conv.bias,
            residual: false,
            activation: Activation::None,
        };
        Ok(vec![plan.apply("", crate::ops::DynamicConv3d { conv }, &inputs)?])
    }
}

//! Dynamic convolution as a layer: K weights, mixed for each sample by an attention over them.
//!
//! `attention = softmax(fc2(relu(fc1(mean(x)))) / temperature)`, and then
//! [`DynamicConv2d`](crate::ops::DynamicConv2d) with it. x `[N, Ci, H, W]` -> `[N, Co, H', W']`; sequences
//! `[N, Ci, L]` -> `[N, Co, L']`. The attention `[N, K]` is a result, too.
//!
//! Weights as in kaijieshi7/Dynamic-convolution-Pytorch: `attention.fc1.weight [h, Ci, 1, 1]`,
//! `attention.fc2.{weight [K, h, 1, 1], bias [K]}`, `weight [K, Co, Ci/groups, k, k]`, `bias [K, Co]`.
//! Definition: Chen et al., "Dynamic Convolution: Attention over Convolution Kernels", CVPR 2020.

use super::parts::{dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::{Error, Result, ShapeError};
use crate::ops::{Activation, Conv2d, GlobalAvgPool, Linear, Softmax};
use crate::plan::{Builder, Constant, Layer, Value};
use crate::shape::{Padding, Shape, divide};
use crate::tensor::StateDict;

/// A dynamic convolution with its attention. Pairs are height, width.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DynamicConv2d {
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
    /// Whether there is a bank of biases.
    pub bias: bool,
    /// Weights in the bank.
    pub kernels: usize,
    /// Channels in the middle of the attention.
    pub hidden: usize,
    /// What the attention's logits are divided by. Training starts at 34 and ends at 1, and a state dict
    /// does not say where it was: a trained network most often wants 1.
    pub temperature: f32,
    /// Whether it works on images or sequences.
    pub rank: Rank,
}

/// The temperature that training starts at, and what it falls by at each update.
pub(super) const HOTTEST: f32 = 34.0;
const COOLING: f32 = 3.0;

impl DynamicConv2d {
    /// Four kernels, a quarter of the channels in the middle of the attention, a bias, stride 1, no
    /// padding, and the temperature that training starts at: 34.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 2]) -> Self {
        let layer = DynamicConv2d {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1, 1],
            padding: Padding::default(),
            dilation: [1, 1],
            groups: 1,
            bias: true,
            kernels: 4,
            hidden: 1,
            temperature: HOTTEST,
            rank: Rank::Two,
        };
        layer.ratio(0.25)
    }

    /// The layer for sequences `[N, C, L]`, with the defaults of [`DynamicConv2d::new`].
    #[doc(alias = "DynamicConv1d")]
    pub fn one_dimensional(in_channels: usize, out_channels: usize, kernel_size: usize) -> Self {
        let layer = DynamicConv2d::new(in_channels, out_channels, [1, kernel_size]);
        DynamicConv2d { rank: Rank::One, ..layer }
    }

    /// The layer whose weights these are. What weights do not tell is as in [`DynamicConv2d::new`].
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let rank = weights.shape("weight").map(Shape::rank);
        let rank = if rank == Some(4) { Rank::One } else { Rank::Two };
        let layer = "dynamic_conv2d";
        let ([hidden, in_channels], [kernels, out_channels, group_in, height, width]) = match rank {
            Rank::Two => {
                let [hidden, inner, ..] =
                    dims_of::<4>(layer, weights, "attention.fc1.weight", "[h, Ci, 1, 1]")?;
                let bank = dims_of(layer, weights, "weight", "[K, Co, Ci/groups, Kh, Kw]")?;
                ([hidden, inner], bank)
            }
            Rank::One => {
                let [hidden, inner, _] =
                    dims_of::<3>(layer, weights, "attention.fc1.weight", "[h, Ci, 1]")?;
                let [k, out, group, length] =
                    dims_of(layer, weights, "weight", "[K, Co, Ci/groups, K]")?;
                ([hidden, inner], [k, out, group, 1, length])
            }
        };
        Ok(DynamicConv2d {
            groups: divide("channels of x", in_channels, "channels of a group", group_in)
                .map_err(Error::at(layer))?,
            bias: weights.get("bias").is_some(),
            kernels,
            hidden,
            rank,
            ..DynamicConv2d::new(in_channels, out_channels, [height, width])
        })
    }

    /// Sets the channels in the middle of the attention to `Ci * ratio + 1`; with 3 channels of x there are as
    /// many as kernels.
    pub fn ratio(self, ratio: f64) -> Self {
        let hidden = hidden_channels(self.in_channels, self.kernels, ratio);
        DynamicConv2d { hidden, ..self }
    }

    setters! {
        /// Sets the stride.
        stride: [usize; 2],
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        DynamicConv2d { padding: self.rank.padding(padding.into()), ..self }
    }

    setters! {
        /// Sets the dilation.
        dilation: [usize; 2],
        /// Sets the number of groups.
        groups: usize,
        /// Sets how many weights there are in the bank.
        kernels: usize,
        /// Sets the channels in the middle of the attention.
        hidden: usize,
        /// Sets whether there is a bank of biases.
        bias: bool,
        /// Sets the temperature.
        temperature: f32,
    }

    /// The temperature after so many updates of the training schedule: from 34 down to 1 in steps of 3.
    pub fn scheduled_temperature(updates: usize) -> f32 {
        (HOTTEST - COOLING * updates.min(11) as f32).max(1.0)
    }
}

/// The channels in the middle of an attention: `Ci * ratio + 1`, or as many as kernels where x has 3 channels.
pub(super) fn hidden_channels(in_channels: usize, kernels: usize, ratio: f64) -> usize {
    match in_channels {
        3 => kernels,
        channels => (channels as f64 * ratio) as usize + 1,
    }
}

/// The attention over the weights of a bank.
pub(super) struct Attention {
    /// The layer, for messages.
    pub op: &'static str,
    pub in_channels: usize,
    pub hidden: usize,
    pub kernels: usize,
    pub temperature: f32,
    /// The axes of the weights as the state dict has them, each of size 1.
    pub axes: usize,
    /// Whether the second convolution has a bias.
    pub bias: bool,
}

impl Attention {
    /// The attention `[N, K]`, which is a result, too.
    pub fn build(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        if !self.temperature.is_finite() || self.temperature <= 0.0 {
            return Err(plan.refuse(
                self.op,
                ShapeError::Parameter {
                    parameter: "temperature",
                    must: "finite and above 0",
                    value: self.temperature.to_string(),
                },
            ));
        }
        let attention = plan.scope("attention", |plan| {
            let batch = plan.shape(x).dims().first().copied().unwrap_or(0);
            let mean = plan.apply("pool", GlobalAvgPool, &[x])?;
            let mean = plan.reshape(mean, [batch, self.in_channels])?;
            let fc1 = self.matrix(plan, "fc1.weight", [self.hidden, self.in_channels]);
            let middle = Linear { bias: false, activation: Activation::Relu };
            let middle = plan.apply("fc1", middle, &[mean, fc1])?;
            let mut inputs =
                vec![middle, self.matrix(plan, "fc2.weight", [self.kernels, self.hidden])];
            if self.bias {
                inputs.push(plan.weight("fc2.bias", [self.kernels]));
            }
            let logits = Linear { bias: self.bias, activation: Activation::None };
            let logits = plan.apply("fc2", logits, &inputs)?;
            let softmax = Softmax { axis: 1, temperature: self.temperature };
            plan.apply("softmax", softmax, &[logits])
        })?;
        plan.expose("attention", attention);
        Ok(attention)
    }

    /// The weight of a convolution of one tap as the matrix of a linear layer.
    fn matrix(&self, plan: &mut Builder, name: &str, dims: [usize; 2]) -> Value {
        let stored = plan.weight(name, Shape::new([&dims[..], &vec![1; self.axes]].concat()));
        let shape = Shape::from(dims);
        plan.derive(stored, dims, |of| Constant::Reshaped { of: Box::new(of), shape })
    }
}

impl Layer for DynamicConv2d {
    fn name(&self) -> String {
        match self.rank {
            Rank::One => "dynamic_conv1d".to_owned(),
            Rank::Two => "dynamic_conv2d".to_owned(),
        }
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        self.rank.example(self.in_channels, self.kernel_size, self.dilation, [1, 1])
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let x = self.rank.enter(plan, x)?;
        expect_channels(plan, x, self.in_channels)?;
        let group_in = divide("channels of x", self.in_channels, "groups", self.groups)
            .map_err(|source| plan.refuse("dynamic_conv2d", source))?;
        let attention = Attention {
            op: "dynamic_conv2d",
            in_channels: self.in_channels,
            hidden: self.hidden,
            kernels: self.kernels,
            temperature: self.temperature,
            axes: if self.rank == Rank::One { 1 } else { 2 },
            bias: true,
        };
        let attention = attention.build(plan, x)?;
        let outer = [self.kernels, self.out_channels, group_in];
        let weight = self.rank.weight(plan, "weight", &outer, self.kernel_size);
        let mut inputs = vec![x, attention, weight];
        if self.bias {
            inputs.push(plan.weight("bias", [self.kernels, self.out_channels]));
        }
        let conv = Conv2d {
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
            bias: self.bias,
            residual: false,
            activation: Activation::None,
        };
        let y = plan.apply("", crate::ops::DynamicConv2d { conv }, &inputs)?;
        Ok(vec![self.rank.leave(plan, y)?])
    }
}

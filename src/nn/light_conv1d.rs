//! Lightweight and dynamic convolutions over time: depthwise, with weights that the channels of a head share and that sum to
//! one over their taps.
//!
//! x `[N, C, L]` -> `[N, C, L]`: `y[n,c,t] = sum_k w[h,k] * x[n, c, t - padding_l + k]`, zero outside, plus `bias[c]`.
//! Channel c belongs to head h = c / (C/H). [`LightConv1d`] has one weight for all positions, [`DynamicLightConv1d`] makes
//! them of each position by a linear layer. With `padding_l` of K - 1 both are causal.
//!
//! Weights as in fairseq's `LightweightConv1dTBC` and `DynamicConv1dTBC`, whose tensors are `[L, N, C]`:
//! `weight [H, 1, K]` and `bias [C]`; `weight_linear.{weight [H*K, C], bias [H*K]}` and `conv_bias [C]`.
//! Definition: Wu et al., "Pay Less Attention with Lightweight and Dynamic Convolutions", ICLR 2019.

use super::parts::{dims_of, setters};
use crate::error::{Error, Result};
use crate::ops::{Activation, Add, ChannelOrder, Conv2d, Involution, Softmax};
use crate::plan::{Builder, Constant, Layer, Value};
use crate::shape::{Padding, Shape, divide};
use crate::tensor::StateDict;

/// A lightweight convolution.
#[doc(alias = "LightweightConv1d")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LightConv1d {
    /// Channels of x and of the result.
    pub channels: usize,
    /// Taps.
    pub kernel_size: usize,
    /// Heads, each of whose channels share a weight.
    pub heads: usize,
    /// Zeros before x; there are `kernel_size - 1` before and after it together.
    pub padding_l: usize,
    /// Whether the taps of a head are divided by their sum after exponentiation.
    pub weight_softmax: bool,
    /// Which channels belong to a head. Interleaved in fairseq's `LightweightConv1d`, whose tensors are `[N, C, L]`.
    pub channel_order: ChannelOrder,
    /// Whether there is a bias by channel.
    pub bias: bool,
}

impl LightConv1d {
    /// A causal convolution with a softmax over its taps and without bias.
    pub fn new(channels: usize, kernel_size: usize, heads: usize) -> Self {
        LightConv1d {
            channels,
            kernel_size,
            heads,
            padding_l: kernel_size.saturating_sub(1),
            weight_softmax: true,
            channel_order: ChannelOrder::default(),
            bias: false,
        }
    }

    /// The layer for so many channels whose weights these are. What weights do not tell is as in [`LightConv1d::new`].
    pub fn from_weights(weights: &StateDict, channels: usize) -> Result<Self> {
        let [heads, _, kernel_size] = dims_of::<3>("light_conv1d", weights, "weight", "[H, 1, K]")?;
        let bias = weights.get("bias").is_some();
        Ok(LightConv1d { bias, ..LightConv1d::new(channels, kernel_size, heads) })
    }

    setters! {
        /// Sets how many zeros there are before x.
        padding_l: usize,
        /// Sets whether there is a softmax over the taps.
        weight_softmax: bool,
        /// Sets which channels belong to a head.
        channel_order: ChannelOrder,
        /// Sets whether there is a bias.
        bias: bool,
    }
}

impl Layer for LightConv1d {
    fn name(&self) -> String {
        "light_conv1d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([1, self.channels, 2 * self.kernel_size.max(1)]))]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let [batch, length] = sequence(plan, x, self.channels)?;
        let own = divide("channels of x", self.channels, "heads", self.heads)
            .map_err(|source| plan.refuse("light_conv1d", source))?;
        let mut weight = plan.weight("weight", [self.heads, 1, self.kernel_size]);
        if self.weight_softmax {
            weight = plan.apply("softmax", Softmax::default(), &[weight])?;
        }
        let weight = plan.reshape(weight, [self.heads, 1, 1, self.kernel_size])?;
        // The channels of a head are rows that the window, one row high, does not leave; or samples.
        let image = match self.channel_order {
            ChannelOrder::Blocked => [batch, self.heads, own, length],
            ChannelOrder::Interleaved => [batch * own, self.heads, 1, length],
        };
        let padding = around(self.kernel_size, self.padding_l);
        let conv = Conv2d { padding, groups: self.heads, ..Conv2d::default() };
        let x = plan.reshape(x, image)?;
        let y = plan.apply("", conv, &[x, weight])?;
        let y = plan.reshape(y, [batch, self.channels, length])?;
        Ok(vec![biased(plan, y, self.bias.then_some("bias"), self.channels)?])
    }
}

/// A dynamic convolution: the weights of a position are a linear function of it.
#[doc(alias = "DynamicConv1dTBC")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DynamicLightConv1d {
    /// Channels of x and of the result.
    pub channels: usize,
    /// Taps.
    pub kernel_size: usize,
    /// Heads, each of whose channels share a weight.
    pub heads: usize,
    /// Zeros before x; there are `kernel_size - 1` before and after it together.
    pub padding_l: usize,
    /// Whether the taps of a position are divided by their sum after exponentiation.
    pub weight_softmax: bool,
    /// Whether the linear layer has a bias.
    pub bias: bool,
    /// Whether there is a bias by channel.
    pub conv_bias: bool,
}

impl DynamicLightConv1d {
    /// A causal convolution with a softmax over its taps and without biases.
    pub fn new(channels: usize, kernel_size: usize, heads: usize) -> Self {
        DynamicLightConv1d {
            channels,
            kernel_size,
            heads,
            padding_l: kernel_size.saturating_sub(1),
            weight_softmax: true,
            bias: false,
            conv_bias: false,
        }
    }

    /// The layer of so many heads whose weights these are. What weights do not tell is as in [`DynamicLightConv1d::new`].
    pub fn from_weights(weights: &StateDict, heads: usize) -> Result<Self> {
        let layer = "dynamic_light_conv1d";
        let [maps, channels] = dims_of::<2>(layer, weights, "weight_linear.weight", "[H*K, C]")?;
        let kernel_size = divide("rows of weight_linear.weight", maps, "heads", heads)
            .map_err(Error::at(layer))?;
        Ok(DynamicLightConv1d {
            bias: weights.get("weight_linear.bias").is_some(),
            conv_bias: weights.get("conv_bias").is_some(),
            ..DynamicLightConv1d::new(channels, kernel_size, heads)
        })
    }

    setters! {
        /// Sets how many zeros there are before x.
        padding_l: usize,
        /// Sets whether there is a softmax over the taps.
        weight_softmax: bool,
        /// Sets whether the linear layer has a bias.
        bias: bool,
        /// Sets whether there is a bias by channel.
        conv_bias: bool,
    }
}

impl Layer for DynamicLightConv1d {
    fn name(&self) -> String {
        "dynamic_light_conv1d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([1, self.channels, 2 * self.kernel_size.max(1)]))]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let [batch, length] = sequence(plan, x, self.channels)?;
        let x = plan.reshape(x, [batch, self.channels, 1, length])?;
        let maps = crate::shape::product("the kernel", &[self.heads, self.kernel_size])
            .map_err(|source| plan.refuse("dynamic_light_conv1d", source))?;
        let kernel = plan.scope("weight_linear", |plan| {
            let stored = plan.weight("weight", [maps, self.channels]);
            let shape = Shape::from([maps, self.channels, 1, 1]);
            let weight = plan
                .derive(stored, shape.clone(), |of| Constant::Reshaped { of: Box::new(of), shape });
            let mut inputs = vec![x, weight];
            if self.bias {
                inputs.push(plan.weight("bias", [maps]));
            }
            plan.apply("", Conv2d { bias: self.bias, ..Conv2d::default() }, &inputs)
        })?;
        let mut op = Involution::dynamic_conv1d(self.kernel_size, self.heads);
        op.window = op.window.padding(around(self.kernel_size, self.padding_l));
        op.softmax = self.weight_softmax;
        op.activation = Activation::None;
        let y = plan.apply("", op, &[x, kernel])?;
        let y = plan.reshape(y, [batch, self.channels, length])?;
        Ok(vec![biased(plan, y, self.conv_bias.then_some("conv_bias"), self.channels)?])
    }
}

/// Batch and length of a sequence of these channels.
fn sequence(plan: &Builder, x: Value, channels: usize) -> Result<[usize; 2]> {
    let shape = plan.shape(x);
    let because = || "the layer was made for so many".to_owned();
    let dims = shape.array("x", "[N, C, L]");
    let dims =
        dims.and_then(|dims| shape.expect("x", 1, "channels", channels, because).map(|()| dims));
    let [batch, _, length] = dims.map_err(|source| plan.refuse("layer", source))?;
    Ok([batch, length])
}

/// The padding of a window of so many taps that begins so far before its position.
fn around(kernel_size: usize, padding_l: usize) -> Padding {
    let after = kernel_size.saturating_sub(1).saturating_sub(padding_l);
    Padding::Explicit([[0, 0], [padding_l, after]])
}

/// Adds the bias of this name, where there is one.
fn biased(plan: &mut Builder, y: Value, name: Option<&str>, channels: usize) -> Result<Value> {
    let Some(name) = name else { return Ok(y) };
    let stored = plan.weight(name, [channels]);
    let shape = Shape::from([channels, 1]);
    let bias =
        plan.derive(stored, shape.clone(), |of| Constant::Reshaped { of: Box::new(of), shape });
    plan.apply(name, Add::default(), &[y, bias])
}

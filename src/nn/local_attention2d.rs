//! Attention between each pixel and those of a window around it.
//!
//! x `[N, C, H, W]` -> `[N, C, H, W]`. Three 1x1 convolutions make queries, keys and values; heads are groups of C/heads
//! neighbouring channels. The kernel of a pixel is the softmax, over the taps of its window, of
//! `(C/heads)^-0.5 * <query, key> + bias[head, distance]`, and the result is the involution of the values by it: [`Qk`] and
//! [`Qk::values`]. An [`Involution2d`](super::Involution2d) makes its kernel of the pixel in the middle alone.
//!
//! Weights, either as
//! - `query.weight`, `key.weight`, `value.weight` `[C, C, 1, 1]`, each with a `bias` `[C]` or none, and `rpb`
//!   `[heads, 2*Kh-1, 2*Kw-1]` or none: stand-alone self-attention (Ramachandran et al., NeurIPS 2019), or as
//! - `qkv.weight` `[3*C, C]`, `proj.weight` `[C, C]`, each with its bias or none, and `rpb` or none:
//!   `NeighborhoodAttention2D` of NATTEN (Hassani et al., CVPR 2023), whose images are `[N, H, W, C]` there.
//!
//! The logits `[N, heads*Kh*Kw, H, W]` are a result, too, named `logits`.

use super::parts::{ConvSpec, conv, dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::{Error, Result, ShapeError};
use crate::ops::{Border, Conv2d, Qk};
use crate::plan::{Builder, Constant, Layer, Value};
use crate::shape::{Shape, divide};
use crate::tensor::StateDict;

/// Which names the weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Names {
    /// `query`, `key`, `value`.
    Apart,
    /// `qkv`, `proj`.
    Natten,
}

/// Attention within windows. Pairs are height, width.
#[derive(Debug, Clone)]
#[doc(alias = "NeighborhoodAttention2D")]
#[non_exhaustive]
pub struct LocalAttention2d {
    /// Channels of x and of the result.
    pub channels: usize,
    /// Groups of channels with a kernel of their own.
    pub heads: usize,
    /// Taps of the window; none where it is the whole image, which is global attention.
    pub kernel_size: Option<[usize; 2]>,
    /// Distance between two taps.
    pub dilation: [usize; 2],
    /// What the window reads outside of the image.
    pub border: Border,
    /// Whether the softmax leaves out what lies outside of the image, where the border is zero.
    pub mask: bool,
    /// Whether the convolutions have a bias.
    pub bias: bool,
    /// Whether there is a bias of relative positions.
    pub relative_bias: bool,
    names: Names,
}

impl LocalAttention2d {
    /// Stand-alone self-attention with zeros outside of the image, without any bias.
    pub fn new(channels: usize, heads: usize, kernel_size: [usize; 2]) -> Self {
        LocalAttention2d {
            channels,
            heads,
            kernel_size: Some(kernel_size),
            dilation: [1, 1],
            border: Border::Zero,
            mask: false,
            bias: false,
            relative_bias: false,
            names: Names::Apart,
        }
    }

    /// Attention between all pixels of the image.
    pub fn global(channels: usize, heads: usize) -> Self {
        let border = Border::Shift;
        LocalAttention2d {
            kernel_size: None,
            border,
            ..LocalAttention2d::new(channels, heads, [1, 1])
        }
    }

    /// `NeighborhoodAttention2D` of NATTEN: windows shifted into the image, a bias in each convolution, none of relative
    /// positions.
    pub fn natten(channels: usize, heads: usize, kernel_size: [usize; 2]) -> Self {
        LocalAttention2d {
            border: Border::Shift,
            bias: true,
            names: Names::Natten,
            ..LocalAttention2d::new(channels, heads, kernel_size)
        }
    }

    /// Builds the layer that these weights belong to, by either names. Heads and window are those of `rpb`, or those given
    /// where there is none.
    pub fn from_weights(
        weights: &StateDict,
        heads: Option<usize>,
        kernel_size: Option<[usize; 2]>,
    ) -> Result<Self> {
        let layer = "local_attention2d";
        let natten = weights.has_prefix("qkv.");
        let channels = if natten {
            dims_of::<2>(layer, weights, "qkv.weight", "[3*C, C]")?[1]
        } else {
            dims_of::<4>(layer, weights, "query.weight", "[C, C, 1, 1]")?[0]
        };
        let relative_bias = weights.get("rpb").is_some();
        let (mut heads, mut kernel_size) = (heads, kernel_size);
        if relative_bias {
            let found = dims_of(layer, weights, "rpb", "[heads, 2*Kh-1, 2*Kw-1]")?;
            let [of_bias, rows, columns]: [usize; 3] = found;
            heads = heads.or(Some(of_bias));
            kernel_size = kernel_size.or(Some([rows.div_ceil(2), columns.div_ceil(2)]));
        }
        let lacking = |parameter| {
            let (must, value) = ("given where there is no rpb", "nothing".to_owned());
            Error::at(layer)(ShapeError::Parameter { parameter, must, value })
        };
        let heads = heads.ok_or_else(|| lacking("heads"))?;
        let kernel_size = kernel_size.ok_or_else(|| lacking("kernel_size"))?;
        let bias = weights.get(if natten { "qkv.bias" } else { "query.bias" }).is_some();
        let built = match natten {
            true => LocalAttention2d::natten(channels, heads, kernel_size),
            false => LocalAttention2d::new(channels, heads, kernel_size),
        };
        Ok(LocalAttention2d { bias, relative_bias, ..built })
    }

    setters! {
        /// Sets the distance between two taps.
        dilation: [usize; 2],
        /// Sets what the window reads outside of the image.
        border: Border,
        /// Sets whether the softmax leaves out what lies outside of the image.
        mask: bool,
        /// Sets whether the convolutions have a bias.
        bias: bool,
        /// Sets whether there is a bias of relative positions.
        relative_bias: bool,
    }

    /// The products of queries and keys for an image of this size.
    fn qk(&self, image: [usize; 2]) -> Qk {
        Qk {
            dilation: self.dilation,
            scale: (self.channels as f32 / self.heads as f32).powf(-0.5),
            border: self.border,
            mask: self.mask,
            bias: self.relative_bias,
            ..Qk::new(self.kernel_size.unwrap_or(image), self.heads)
        }
    }

    /// Queries, keys and values.
    fn projected(&self, plan: &mut Builder, x: Value) -> Result<[Value; 3]> {
        let names = ["query", "key", "value"];
        let mut made = [x; 3];
        if self.names == Names::Apart {
            let spec = ConvSpec { bias: self.bias, ..ConvSpec::pointwise(self.channels) };
            for (made, name) in made.iter_mut().zip(names) {
                *made = conv(plan, name, x, spec)?;
            }
            return Ok(made);
        }
        let count = self.channels;
        plan.scope("qkv", |plan| {
            let weight = plan.weight("weight", [3 * count, count]);
            let bias = self.bias.then(|| plan.weight("bias", [3 * count]));
            for (part, (made, name)) in made.iter_mut().zip(names).enumerate() {
                let first = part * count;
                let rows =
                    |of| Constant::Slice { of: Box::new(of), axis: 0, start: first, length: count };
                let own = plan.derive(weight, [count, count], rows);
                let bias = bias.map(|bias| plan.derive(bias, [count], rows));
                *made = pointwise(plan, name, x, own, bias)?;
            }
            Ok(made)
        })
    }
}

/// A 1x1 convolution by the weight of a linear layer `[Co, Ci]`.
fn pointwise(
    plan: &mut Builder,
    name: &str,
    x: Value,
    weight: Value,
    bias: Option<Value>,
) -> Result<Value> {
    let shape = Shape::new([plan.shape(weight).dims(), &[1, 1]].concat());
    let weight =
        plan.derive(weight, shape.clone(), |of| Constant::Reshaped { of: Box::new(of), shape });
    let op = Conv2d { bias: bias.is_some(), ..Conv2d::default() };
    plan.apply(name, op, &[Some(x), Some(weight), bias].into_iter().flatten().collect::<Vec<_>>())
}

impl Layer for LocalAttention2d {
    fn name(&self) -> String {
        "local_attention2d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        let kernel_size = self.kernel_size.unwrap_or([7, 7]);
        Rank::Two.example(self.channels, kernel_size, self.dilation, [1, 1])
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.channels)?;
        divide("channels", self.channels, "heads", self.heads)
            .map_err(|source| plan.refuse("local_attention2d", source))?;
        let [query, key, value] = self.projected(plan, x)?;
        let shape = plan.shape(x).nchw("x");
        let [_, _, height, width] = shape.map_err(|source| plan.refuse("layer", source))?;
        let qk = self.qk([height, width]);
        let mut agreeing = vec![query, key];
        if self.relative_bias {
            let distances = qk.kernel_size.map(|taps| (2 * taps).saturating_sub(1));
            agreeing.push(plan.weight("rpb", [self.heads, distances[0], distances[1]]));
        }
        let logits = plan.apply("qk", qk, &agreeing)?;
        plan.expose("logits", logits);
        let mut y = plan.apply("av", qk.values(), &[value, logits])?;
        if self.names == Names::Natten {
            y = plan.scope("proj", |plan| {
                let weight = plan.weight("weight", [self.channels; 2]);
                let bias = self.bias.then(|| plan.weight("bias", [self.channels]));
                pointwise(plan, "", y, weight, bias)
            })?;
        }
        Ok(vec![y])
    }
}

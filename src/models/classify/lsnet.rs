//! LSNet: large kernels to see, small kernels for each pixel to aggregate.
//!
//! x `[N, 3, H, W]` -> logits `[N, classes]`. Definition: Wang et al., "LSNet: See Large, Focus Small", CVPR 2025, and
//! jameslahm/lsnet. Weights by its names; with `head_dist`, logits are the mean of both heads, as its `eval()` has them.
//!
//! The last stage attends from each pixel to each, with a bias for their distance. There are as many biases as its map has
//! pixels, so that weights fit images of one range of sizes: those of 224x224 fit 193 to 256 pixels along each axis.

use super::blocks::{classes_of, normed};
use crate::error::{Result, ShapeError};
use crate::models::model::Model;
use crate::models::preprocessing::{Preprocessing, Resize};
use crate::nn::{ConvSpec, EPS, activate, batch_norm, channels, conv, expect_channels, setters};
use crate::ops::{
    Activation, Add, BatchNorm, Conv2d, GlobalAvgPool, GroupNorm, Involution, Linear, Mul, Qk,
};
use crate::plan::{Builder, Constant, Layer, Value};
use crate::shape::Shape;
use crate::tensor::StateDict;

/// An LSNet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LSNet {
    variant: Variant,
    classes: Option<usize>,
    distilled: bool,
    attention_size: Option<usize>,
    /// Whether depthwise 3x3 convolutions have a 1x1 one beside them.
    pointwise_branch: bool,
}

/// What the three networks differ in.
#[derive(Debug, PartialEq, Eq)]
struct Config {
    name: &'static str,
    /// Channels of each stage.
    channels: [usize; 4],
    /// Blocks of each stage.
    blocks: [usize; 4],
    weights: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variant {
    T,
    S,
    B,
}

impl Variant {
    const fn config(self) -> Config {
        match self {
            Variant::T => Config {
                name: "lsnet_t",
                channels: [64, 128, 256, 384],
                blocks: [0, 2, 8, 10],
                weights: "lsnet_t.pth or lsnet_t_distill.pth of jameslahm/lsnet on Hugging Face",
            },
            Variant::S => Config {
                name: "lsnet_s",
                channels: [96, 192, 320, 448],
                blocks: [1, 2, 8, 10],
                weights: "lsnet_s.pth or lsnet_s_distill.pth of jameslahm/lsnet on Hugging Face",
            },
            Variant::B => Config {
                name: "lsnet_b",
                channels: [128, 256, 384, 512],
                blocks: [4, 6, 8, 10],
                weights: "lsnet_b.pth or lsnet_b_distill.pth of jameslahm/lsnet on Hugging Face",
            },
        }
    }
}

/// Pixels along an axis of an image for one of the last stage's map.
const LAST_STRIDE: usize = 64;

/// Channels of a query and of a key.
const KEY_CHANNELS: usize = 16;

/// Heads of the attention in the last stage.
const HEADS: usize = 4;

/// Channels that share a kernel: c, c + C/8, c + 2C/8, and so on.
const GROUP_CHANNELS: usize = 8;

/// The names of the stages' results.
const FEATURES: [&str; 4] = ["c3", "c4", "c5", "c6"];

impl LSNet {
    fn new(variant: Variant) -> Self {
        LSNet {
            variant,
            classes: Some(1000),
            distilled: false,
            attention_size: None,
            pointwise_branch: true,
        }
    }

    /// LSNet-T for the 1000 classes of ImageNet.
    pub fn t() -> Self {
        LSNet::new(Variant::T)
    }

    /// LSNet-S for the 1000 classes of ImageNet.
    pub fn s() -> Self {
        LSNet::new(Variant::S)
    }

    /// LSNet-B for the 1000 classes of ImageNet.
    pub fn b() -> Self {
        LSNet::new(Variant::B)
    }

    /// Takes the number of classes, the size that the attention is for, and whether there are a second head and 1x1
    /// convolutions beside the depthwise ones from these weights.
    pub fn with_variant_of(self, weights: &StateDict) -> Self {
        // The first block with an attention: two layers make the stage's input, then blocks alternate.
        let biases = weights.shape("blocks4.3.mixer.m.attention_biases");
        let biases = biases.and_then(|shape| shape.dims().get(1).copied());
        LSNet {
            classes: classes_of(weights, "head.l.weight"),
            distilled: weights.has_prefix("head_dist."),
            attention_size: biases.map(usize::isqrt).or(self.attention_size),
            pointwise_branch: weights.has_prefix("blocks4.2.mixer.conv1."),
            ..self
        }
    }

    setters! {
        /// Sets the number of classes of the head; none for no head.
        classes: Option<usize>,
        /// Sets whether there is a second head, as training with distillation leaves it.
        distilled: bool,
        /// Sets the height and width of the last stage's map for which there are biases of the attention: 4 for images of
        /// 193 to 256 pixels. Without, they are for the image that there is.
        attention_size: Option<usize>,
    }

    /// A block whose input and result are of one shape.
    fn block(&self, plan: &mut Builder, x: Value, stage: usize, index: usize) -> Result<Value> {
        let mixed = plan.scope("mixer", |plan| match (index % 2, stage) {
            (0, _) => self.depthwise(plan, x),
            (_, 3) => {
                let y = plan.scope("m", |plan| self.attention(plan, x))?;
                plan.apply("add", Add::default(), &[y, x])
            }
            _ => ls_conv(plan, x),
        })?;
        let mixed = match index % 2 {
            0 => plan.scope("se", |plan| squeeze_excite(plan, mixed))?,
            _ => mixed,
        };
        plan.scope("ffn", |plan| {
            let width = channels(plan, mixed)?;
            let y = plan.scope("m", |plan| {
                let y = conv_bn(plan, "pw1", mixed, ConvSpec::pointwise(2 * width))?;
                let y = plan.scope("act", |plan| activate(plan, y, Activation::Relu))?;
                conv_bn(plan, "pw2", y, ConvSpec::pointwise(width))
            })?;
            plan.apply("add", Add::default(), &[y, mixed])
        })
    }

    /// A depthwise 3x3 and a depthwise 1x1 convolution, and the input itself.
    fn depthwise(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let groups = channels(plan, x)?;
        let mut y =
            conv_bn(plan, "conv", x, ConvSpec { groups, ..ConvSpec::square(groups, 3, 1) })?;
        if self.pointwise_branch {
            let spec = ConvSpec { groups, ..ConvSpec::pointwise(groups) };
            let thin = conv_bn(plan, "conv1", x, spec)?;
            y = plan.apply("add", Add::default(), &[y, thin])?;
        }
        plan.apply("identity", Add::default(), &[y, x])
    }

    /// Attention from each pixel of a square map to each, as that to a window which reaches every pixel from any.
    fn attention(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let [_, width, rows, columns] =
            plan.shape(x).nchw("x").map_err(|source| plan.refuse("attention", source))?;
        let size = self.attention_size.unwrap_or(rows);
        if [rows, columns] != [size, size] {
            let images = [LAST_STRIDE * (size.max(1) - 1) + 1, LAST_STRIDE * size];
            let source = ShapeError::AttentionSize { biases: size, map: [rows, columns], images };
            return Err(plan.refuse("attention", source));
        }
        let keys = HEADS * KEY_CHANNELS;
        let [query, key, value] = query_key_value(plan, x, [keys, keys, width])?;
        let depthwise = ConvSpec { groups: keys, ..ConvSpec::square(keys, 3, 1) };
        let query = conv_bn(plan, "dw", query, depthwise)?;
        let scale = 1.0 / (KEY_CHANNELS as f32).sqrt();
        // Shifted into the image, a window as large as this is all of it.
        let op = Qk { scale, bias: true, ..Qk::na2d_qk([size; 2], [1, 1], HEADS) };
        let biases = plan.weight("attention_biases", [HEADS, size * size]);
        let distances = Shape::from([HEADS, 2 * size - 1, 2 * size - 1]);
        let biases = plan.derive(biases, distances.clone(), |of| Constant::SignedDistances {
            of: Box::new(of),
            shape: distances,
        });
        let attention = plan.apply("qk", op, &[query, key, biases])?;
        let y = plan.apply("attention", op.values(), &[value, attention])?;
        plan.scope("proj", |plan| {
            let y = activate(plan, y, Activation::Relu)?;
            conv_bn(plan, "1", y, ConvSpec::pointwise(width))
        })
    }

    /// The mean of the classifications by both heads, where there are two.
    fn head(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let Some(classes) = self.classes else { return Ok(x) };
        let flat = pooled(plan, x)?;
        if !self.distilled {
            return classify(plan, "head", flat, classes, 1.0);
        }
        let halves = ["head", "head_dist"].map(|name| classify(plan, name, flat, classes, 0.5));
        let [first, second] = halves;
        plan.apply("add", Add::default(), &[first?, second?])
    }
}

/// A convolution `name.c` and its normalisation `name.bn`.
fn conv_bn(plan: &mut Builder, name: &str, x: Value, spec: ConvSpec) -> Result<Value> {
    plan.scope(name, |plan| normed(plan, ["c", "bn"], x, spec))
}

/// Each channel times a factor that is made of the means of all: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018.
fn squeeze_excite(plan: &mut Builder, x: Value) -> Result<Value> {
    let width = channels(plan, x)?;
    let means = pooled(plan, x)?;
    let gates = pointwise_of_rows(plan, "fc1", means, width / 4, Activation::Relu)?;
    let gates = pointwise_of_rows(plan, "fc2", gates, width, Activation::Sigmoid)?;
    let batch = plan.shape(x).dims()[0];
    let gates = plan.reshape(gates, [batch, width, 1, 1])?;
    plan.apply("gate", Mul::default(), &[x, gates])
}

/// A convolution that sees a large window makes, for each pixel, the small kernels of an involution.
fn ls_conv(plan: &mut Builder, x: Value) -> Result<Value> {
    let width = channels(plan, x)?;
    let (half, kernels) = (width / 2, width / GROUP_CHANNELS);
    let kernel = plan.scope("lkp", |plan| {
        let y = conv_bn(plan, "cv1", x, ConvSpec::pointwise(half))?;
        let y = activate(plan, y, Activation::Relu)?;
        let y = conv_bn(plan, "cv2", y, ConvSpec { groups: half, ..ConvSpec::square(half, 7, 1) })?;
        let y = conv_bn(plan, "cv3", y, ConvSpec::pointwise(half))?;
        let y = activate(plan, y, Activation::Relu)?;
        let spec = ConvSpec { bias: true, ..ConvSpec::pointwise(9 * kernels) };
        let y = conv(plan, "cv4", y, spec)?;
        plan.scope("norm", |plan| {
            let inputs =
                [y, plan.weight("weight", [9 * kernels]), plan.weight("bias", [9 * kernels])];
            plan.apply("", GroupNorm::new(kernels), &inputs)
        })
    })?;
    plan.expose("kernel", kernel);
    let y = plan.apply("ska", Involution::ska(3, kernels), &[x, kernel])?;
    let y = batch_norm(plan, "bn", y, EPS)?;
    plan.apply("add", Add::default(), &[y, x])
}

/// A 1x1 convolution `qkv` with its normalisation as three, each of so many rows of its weights.
fn query_key_value(plan: &mut Builder, x: Value, sizes: [usize; 3]) -> Result<[Value; 3]> {
    let width = channels(plan, x)?;
    let all = sizes.iter().sum();
    plan.scope("qkv", |plan| {
        let weight = plan.weight("c.weight", [all, width, 1, 1]);
        let gamma = plan.weight("bn.weight", [all]);
        let beta = plan.weight("bn.bias", [all]);
        let mean = plan.statistic("bn.running_mean", [all]);
        let variance = plan.statistic("bn.running_var", [all]);
        let mut start = 0;
        let mut part = |plan: &mut Builder, name: &str, count: usize| {
            let rows = |of| Constant::Slice { of: Box::new(of), axis: 0, start, length: count };
            let weight = plan.derive(weight, [count, width, 1, 1], rows);
            let [gamma, beta, mean, variance] =
                [gamma, beta, mean, variance].map(|of| plan.derive(of, [count], rows));
            start += count;
            let y = plan.apply(&format!("c.{name}"), Conv2d::default(), &[x, weight])?;
            let inputs = [y, mean, variance, gamma, beta];
            plan.apply(&format!("bn.{name}"), BatchNorm::default(), &inputs)
        };
        Ok([
            part(plan, "query", sizes[0])?,
            part(plan, "key", sizes[1])?,
            part(plan, "value", sizes[2])?,
        ])
    })
}

/// The means of the channels `[N, C]`.
fn pooled(plan: &mut Builder, x: Value) -> Result<Value> {
    let mean = plan.apply("pool", GlobalAvgPool, &[x])?;
    let rows = plan.shape(mean).dims()[..2].to_vec();
    plan.reshape(mean, Shape::new(rows))
}

/// A 1x1 convolution with a bias, of the one pixel of each row.
fn pointwise_of_rows(
    plan: &mut Builder,
    name: &str,
    x: Value,
    out: usize,
    activation: Activation,
) -> Result<Value> {
    plan.scope(name, |plan| {
        let inputs = plan.shape(x).dims()[1];
        let weight = plan.weight("weight", [out, inputs, 1, 1]);
        let shape = Shape::from([out, inputs]);
        let of_rows = shape.clone();
        let weight = plan
            .derive(weight, shape, |of| Constant::Reshaped { of: Box::new(of), shape: of_rows });
        let bias = plan.weight("bias", [out]);
        plan.apply("", Linear { bias: true, activation }, &[x, weight, bias])
    })
}

/// A normalisation and a linear layer, whose results are multiplied with a number.
fn classify(
    plan: &mut Builder,
    name: &str,
    x: Value,
    classes: usize,
    factor: f32,
) -> Result<Value> {
    plan.scope(name, |plan| {
        let y = batch_norm(plan, "bn", x, EPS)?;
        let width = plan.shape(x).dims()[1];
        let scaled = |plan: &mut Builder, name: &str, shape: Shape| {
            let stored = plan.weight(name, shape.clone());
            if factor == 1.0 {
                return stored;
            }
            let factor = factor.to_bits();
            plan.derive(stored, shape, |of| Constant::Scaled { of: Box::new(of), factor })
        };
        let weight = scaled(plan, "l.weight", Shape::from([classes, width]));
        let bias = scaled(plan, "l.bias", Shape::from([classes]));
        plan.apply("l", Linear { bias: true, ..Linear::default() }, &[y, weight, bias])
    })
}

impl Layer for LSNet {
    fn name(&self) -> String {
        self.variant.config().name.to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", self.preprocessing().input(1))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        vec![if self.classes.is_some() { "logits" } else { FEATURES[3] }]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, 3)?;
        let config = self.variant.config();
        let mut x = plan.scope("patch_embed", |plan| {
            let [first, ..] = config.channels;
            let x = conv_bn(plan, "0", x, ConvSpec::square(first / 4, 3, 2))?;
            let x = plan.scope("1", |plan| activate(plan, x, Activation::Relu))?;
            let x = conv_bn(plan, "2", x, ConvSpec::square(first / 2, 3, 2))?;
            let x = plan.scope("3", |plan| activate(plan, x, Activation::Relu))?;
            conv_bn(plan, "4", x, ConvSpec::square(first, 3, 2))
        })?;
        for (stage, (width, blocks)) in config.channels.into_iter().zip(config.blocks).enumerate() {
            x = plan.scope(&format!("blocks{}", stage + 1), |plan| {
                let mut place = 0;
                if stage > 0 {
                    let groups = channels(plan, x)?;
                    let half = ConvSpec { groups, ..ConvSpec::square(groups, 3, 2) };
                    x = conv_bn(plan, "0", x, half)?;
                    x = conv_bn(plan, "1", x, ConvSpec::pointwise(width))?;
                    place = 2;
                }
                for index in 0..blocks {
                    x = plan.scope(&(place + index).to_string(), |plan| {
                        self.block(plan, x, stage, index)
                    })?;
                }
                Ok(x)
            })?;
            plan.output(FEATURES[stage], x);
        }
        Ok(vec![self.head(plan, x)?])
    }
}

impl Model for LSNet {
    /// As the authors evaluate, but for the interpolation, which is bicubic there.
    fn preprocessing(&self) -> Preprocessing {
        let side = LAST_STRIDE * self.attention_size.unwrap_or(4).max(1) - LAST_STRIDE / 2;
        let resize = Resize::ShortSide(side * 256 / 224);
        Preprocessing { resize, crop: Some(side), ..Preprocessing::IMAGENET }
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }

    fn any_size(self: Box<Self>) -> Box<dyn Model> {
        self
    }

    fn results(&self) -> Vec<&'static str> {
        self.classes.map(|_| "logits").into_iter().chain(FEATURES).collect()
    }

    fn published(&self) -> Option<&'static str> {
        Some(self.variant.config().weights)
    }
}

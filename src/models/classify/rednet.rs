//! RedNet: ResNet with involutions where it has 3x3 convolutions.
//!
//! x `[N, 3, H, W]` -> logits `[N, classes]`. Definition: Li et al., "Involution: Inverting the Inherence
//! of Convolution for Visual Recognition", CVPR 2021, and d-li14/involution. Weights by its names, without
//! `backbone.` and with the head as `fc`.
//!
//! Its strides want heights and widths in 32k-3..=32k: see [`RedNet::pool_to`] for others. Two stems are
//! in use, of kernel size 3 and 7; the published figures are those of 7.

use super::blocks::{DEPTHS, EXPANSION, Stage, classes_of, head, normed, stage, stages};
use crate::error::{Error, Result, ShapeError};
use crate::models::assets::{DIGITS, imagenet_labels};
use crate::models::model::Model;
use crate::models::preprocessing::{Channels, Preprocessing, Resize};
use crate::nn::{
    ConvSpec, EPS, Involution2d, PoolTo, activate, batch_norm, expect_channels, setters,
};
use crate::ops::{Activation, MaxPool2d};
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Shape, Window};
use crate::tensor::StateDict;

/// A RedNet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedNet {
    name: String,
    in_channels: usize,
    /// Channels after the stem; half as many within it.
    stem_channels: usize,
    stem_kernel: usize,
    stem_stride: usize,
    max_pool: bool,
    stages: Vec<Stage>,
    kernel_size: usize,
    classes: Option<usize>,
    pool_to: PoolTo,
    preprocessing: Recipe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recipe {
    ImageNet,
    Digits,
}

impl RedNet {
    /// RedNet-26, 38, 50, 101 or 152 for the 1000 classes of ImageNet, with the 7x7 stem of the published
    /// figures.
    pub fn new(depth: usize) -> Result<Self> {
        let found = DEPTHS.iter().find(|(known, _)| *known == depth);
        let &(_, blocks) = found.ok_or_else(|| {
            let must = "26, 38, 50, 101 or 152";
            let (parameter, value) = ("depth", depth.to_string());
            Error::at("rednet")(ShapeError::Parameter { parameter, must, value })
        })?;
        Ok(RedNet {
            name: format!("rednet{depth}"),
            in_channels: 3,
            stem_channels: 64,
            stem_kernel: 7,
            stem_stride: 2,
            max_pool: true,
            stages: stages(blocks),
            kernel_size: 7,
            classes: Some(1000),
            pool_to: PoolTo::default(),
            preprocessing: Recipe::ImageNet,
        })
    }

    /// The network for 8x8 images of handwritten digits whose weights come with this crate: `models::digits_weights`, with
    /// the feature `weights`.
    pub fn digits() -> Self {
        let stage = |width, stride| Stage { blocks: 2, width, stride };
        RedNet {
            name: "rednet_digits".to_owned(),
            in_channels: 1,
            stem_channels: 32,
            stem_kernel: 3,
            stem_stride: 1,
            max_pool: false,
            stages: vec![stage(64, 1), stage(128, 2)],
            kernel_size: 7,
            classes: Some(10),
            pool_to: PoolTo::default(),
            preprocessing: Recipe::Digits,
        }
    }

    /// The RedNet of some depth whose weights these are.
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let blocks = |stage: usize| {
            (0..).take_while(|block| weights.has_prefix(&format!("layer{stage}.{block}."))).count()
        };
        let found = [blocks(1), blocks(2), blocks(3), blocks(4)];
        match DEPTHS.iter().find(|(_, blocks)| *blocks == found) {
            Some(&(depth, _)) => Ok(RedNet::new(depth)?.with_stem_and_head_of(weights)),
            None => Err(Error::at("rednet")(ShapeError::Parameter {
                parameter: "blocks in the four stages of the weights",
                must: "those of depth 26, 38, 50, 101 or 152",
                value: format!("{found:?}"),
            })),
        }
    }

    /// The RedNet of any depth and width whose weights these are, without a head; what they do not tell is as in RedNet-50.
    pub(in crate::models) fn backbone_of(weights: &StateDict) -> Result<Self> {
        let base = RedNet::new(50)?;
        let size = |name: &str, axis: usize| weights.shape(name)?.dims().get(axis).copied();
        let stage = |(index, usual): (usize, &Stage)| {
            let name = |block: usize| format!("layer{}.{block}.", index + 1);
            let blocks = (0..).take_while(|&block| weights.has_prefix(&name(block))).count();
            let width = size(&format!("{}conv3.weight", name(0)), 0).unwrap_or(usual.width);
            Stage { blocks: if blocks == 0 { usual.blocks } else { blocks }, width, ..*usual }
        };
        let stem_channels = size("stem.4.conv.weight", 0).unwrap_or(base.stem_channels);
        let network = RedNet {
            in_channels: size("stem.0.conv.weight", 1).unwrap_or(base.in_channels),
            stem_channels,
            stages: base.stages.iter().enumerate().map(stage).collect(),
            ..base
        };
        let network = RedNet { classes: None, ..network.with_stem_and_head_of(weights) };
        let usual = RedNet { classes: None, ..RedNet::new(50)? };
        let alike =
            |like: &RedNet| (like.stem_channels, &like.stages) == (stem_channels, &network.stages);
        let name = if alike(&usual) { "red50" } else { "rednet" };
        Ok(RedNet { name: name.to_owned(), ..network })
    }

    /// Takes the stem and the number of classes from these weights.
    pub fn with_stem_and_head_of(self, weights: &StateDict) -> Self {
        let rows = weights.shape("stem.1.conv2.conv.weight").and_then(|shape| shape.dims().first());
        let groups = (self.stem_channels / 32).max(1);
        let stem_kernel = rows.map_or(self.stem_kernel, |&rows| (rows / groups).isqrt());
        let classes = classes_of(weights, "fc.weight");
        RedNet { stem_kernel, classes, ..self }
    }

    setters! {
        /// Sets the kernel size of the stem: 3 or 7.
        stem_kernel: usize,
        /// Sets the number of classes of the head; none for no head.
        classes: Option<usize>,
        /// Sets what the kernel branches of strided involutions are pooled to: with [`PoolTo::Output`], the network
        /// takes images of any size.
        pool_to: PoolTo,
    }

    fn involution(&self, channels: usize, kernel_size: usize, stride: usize) -> Involution2d {
        Involution2d::paper(channels, [kernel_size; 2]).stride([stride; 2]).pool_to(self.pool_to)
    }

    /// The results of its stages, which the plan gives as `c2` to `c5`.
    pub(in crate::models) fn features(&self, plan: &mut Builder, x: Value) -> Result<Vec<Value>> {
        expect_channels(plan, x, self.in_channels)?;
        let mut x = self.stem(plan, x)?;
        let mut features = Vec::new();
        for (index, &of) in self.stages.iter().enumerate() {
            let channels = of.width / EXPANSION;
            x = stage(plan, &format!("layer{}", index + 1), x, of, |plan, x, stride| {
                let involution = self.involution(channels, self.kernel_size, stride);
                plan.scope("conv2", |plan| involution.build_one(plan, x))
            })?;
            if let Some(name) = FEATURES.get(index) {
                plan.output(name, x);
            }
            features.push(x);
        }
        Ok(features)
    }

    fn stem(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let inner = self.stem_channels / 2;
        let x = plan.scope("stem", |plan| {
            let first = ConvSpec::square(inner, 3, self.stem_stride);
            let x = normed(plan, ["0.conv", "0.bn"], x, first)?;
            let x = plan.scope("0", |plan| activate(plan, x, Activation::Relu))?;
            let involution = self.involution(inner, self.stem_kernel, 1);
            let x = plan.scope("1", |plan| involution.build_one(plan, x))?;
            let x = batch_norm(plan, "2", x, EPS)?;
            let x = plan.scope("3", |plan| activate(plan, x, Activation::Relu))?;
            let last = ConvSpec::square(self.stem_channels, 3, 1);
            let x = normed(plan, ["4.conv", "4.bn"], x, last)?;
            plan.scope("4", |plan| activate(plan, x, Activation::Relu))
        })?;
        if !self.max_pool {
            return Ok(x);
        }
        let window = Window::new([3, 3]).stride([2, 2]).padding(1);
        plan.apply("maxpool", MaxPool2d { window, ceil_mode: false }, &[x])
    }
}

/// The names of the stages' results.
const FEATURES: [&str; 4] = ["c2", "c3", "c4", "c5"];

impl Layer for RedNet {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", self.preprocessing().input(1))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        let last = FEATURES[self.stages.len().clamp(1, 4) - 1];
        vec![if self.classes.is_some() { "logits" } else { last }]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let features = self.features(plan, x)?;
        let last = features.last().copied().unwrap_or(x);
        Ok(vec![head(plan, last, "fc", self.classes)?])
    }
}

impl Model for RedNet {
    fn preprocessing(&self) -> Preprocessing {
        match self.preprocessing {
            Recipe::ImageNet => Preprocessing::IMAGENET,
            Recipe::Digits => Preprocessing {
                channels: Channels::Grey,
                resize: Resize::Exact([8, 8]),
                crop: None,
                mean: [0.5; 3],
                deviation: [0.5; 3],
                size_divisor: 1,
            },
        }
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }

    fn any_size(self: Box<Self>) -> Box<dyn Model> {
        Box::new(self.pool_to(PoolTo::Output))
    }

    fn results(&self) -> Vec<&'static str> {
        let head = self.classes.map(|_| "logits");
        head.into_iter().chain(FEATURES.into_iter().take(self.stages.len())).collect()
    }

    fn labels(&self) -> Option<Vec<&'static str>> {
        match self.preprocessing {
            Recipe::ImageNet if self.classes == Some(1000) => Some(imagenet_labels()),
            Recipe::Digits if self.classes == Some(10) => Some(DIGITS.to_vec()),
            _ => None,
        }
    }
}

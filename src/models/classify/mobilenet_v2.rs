//! MobileNetV2: inverted residuals around depthwise convolutions.
//!
//! x `[N, 3, H, W]` -> logits `[N, classes]`. Definition: Sandler et al., "MobileNetV2: Inverted Residuals
//! and Linear Bottlenecks", CVPR 2018, as torchvision builds it. Weights by torchvision's names.

use super::blocks::{classes_of, head, normed};
use crate::error::Result;
use crate::models::model::Model;
use crate::models::preprocessing::Preprocessing;
use crate::nn::{ConvSpec, activate, expect_channels};
use crate::ops::{Activation, Add};
use crate::plan::{Builder, Layer, Value};
use crate::shape::Shape;
use crate::tensor::StateDict;

/// A MobileNetV2 of width 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MobileNetV2 {
    classes: Option<usize>,
}

/// Expansion, channels, blocks and stride of each group of blocks.
const BLOCKS: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

/// The last entries of `features` before each stride, whose results are `c2`, `c3` and `c4`.
const FEATURES: [(usize, &str); 3] = [(3, "c2"), (6, "c3"), (13, "c4")];

impl MobileNetV2 {
    /// A MobileNetV2 for so many classes.
    pub fn new(classes: usize) -> Self {
        MobileNetV2 { classes: Some(classes) }
    }

    /// Takes the number of classes from these weights.
    pub fn with_head_of(self, weights: &StateDict) -> Self {
        MobileNetV2 { classes: classes_of(weights, "classifier.1.weight") }
    }
}

/// A convolution with normalisation and ReLU6, its weights at `name.0` and `name.1`.
fn conv_norm(plan: &mut Builder, name: &str, x: Value, spec: ConvSpec) -> Result<Value> {
    let x = normed(plan, [&format!("{name}.0"), &format!("{name}.1")], x, spec)?;
    plan.scope(name, |plan| activate(plan, x, Activation::Relu6))
}

/// 1x1 to more channels, depthwise, 1x1 to fewer without activation, and the input added where it fits.
fn block(plan: &mut Builder, x: Value, [expansion, channels, stride]: [usize; 3]) -> Result<Value> {
    let in_channels = crate::nn::channels(plan, x)?;
    let middle = in_channels * expansion;
    let y = plan.scope("conv", |plan| {
        let mut y = x;
        let mut place = 0;
        if expansion > 1 {
            y = conv_norm(plan, "0", y, ConvSpec::pointwise(middle))?;
            place = 1;
        }
        let depthwise = ConvSpec { groups: middle, ..ConvSpec::square(middle, 3, stride) };
        y = conv_norm(plan, &place.to_string(), y, depthwise)?;
        let names = [(place + 1).to_string(), (place + 2).to_string()];
        normed(plan, [&names[0], &names[1]], y, ConvSpec::pointwise(channels))
    })?;
    if stride == 1 && in_channels == channels {
        return plan.apply("add", Add::default(), &[x, y]);
    }
    Ok(y)
}

impl Layer for MobileNetV2 {
    fn name(&self) -> String {
        "mobilenet_v2".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", self.preprocessing().input(1))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        vec![if self.classes.is_some() { "logits" } else { "c5" }]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, 3)?;
        let x = plan.scope("features", |plan| {
            let mut x = conv_norm(plan, "0", x, ConvSpec::square(32, 3, 2))?;
            let mut place = 0;
            for [expansion, channels, blocks, stride] in BLOCKS {
                for index in 0..blocks {
                    place += 1;
                    let stride = if index == 0 { stride } else { 1 };
                    x = plan.scope(&place.to_string(), |plan| {
                        block(plan, x, [expansion, channels, stride])
                    })?;
                    if let Some((_, name)) = FEATURES.iter().find(|(of, _)| *of == place) {
                        plan.output(name, x);
                    }
                }
            }
            conv_norm(plan, &(place + 1).to_string(), x, ConvSpec::pointwise(1280))
        })?;
        plan.output("c5", x);
        Ok(vec![head(plan, x, "classifier.1", self.classes)?])
    }
}

impl Model for MobileNetV2 {
    fn preprocessing(&self) -> Preprocessing {
        Preprocessing::IMAGENET
    }

    fn classes(&self) -> Option<usize> {
        self.classes
    }

    fn any_size(self: Box<Self>) -> Box<dyn Model> {
        self
    }

    fn results(&self) -> Vec<&'static str> {
        self.classes.map(|_| "logits").into_iter().chain(["c2", "c3", "c4", "c5"]).collect()
    }
}

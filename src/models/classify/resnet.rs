//! ResNet with bottlenecks, the stride in their 3x3 convolution: what RedNet is compared with.
//!
//! x `[N, 3, H, W]` -> logits `[N, classes]`. Definition: He et al., "Deep Residual Learning for Image
//! Recognition", CVPR 2016, as torchvision builds it. Weights by torchvision's names.

use super::blocks::{DEPTHS, EXPANSION, classes_of, head, normed, stage, stages};
use crate::error::{Error, Result, ShapeError};
use crate::models::model::Model;
use crate::models::preprocessing::Preprocessing;
use crate::nn::{ConvSpec, activate, conv, expect_channels};
use crate::ops::{Activation, MaxPool2d};
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Shape, Window};
use crate::tensor::StateDict;

/// A ResNet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResNet {
    depth: usize,
    blocks: [usize; 4],
    classes: Option<usize>,
}

impl ResNet {
    /// ResNet-50, 101 or 152 for the 1000 classes of ImageNet.
    pub fn new(depth: usize) -> Result<Self> {
        let found = DEPTHS.iter().find(|(known, _)| *known == depth && depth >= 50);
        let &(_, blocks) = found.ok_or_else(|| {
            let (parameter, must) = ("depth", "50, 101 or 152");
            let value = depth.to_string();
            Error::at("resnet")(ShapeError::Parameter { parameter, must, value })
        })?;
        Ok(ResNet { depth, blocks, classes: Some(1000) })
    }

    /// Takes the number of classes from these weights.
    pub fn with_head_of(self, weights: &StateDict) -> Self {
        ResNet { classes: classes_of(weights, "fc.weight"), ..self }
    }
}

impl Layer for ResNet {
    fn name(&self) -> String {
        format!("resnet{}", self.depth)
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
        let x = normed(plan, ["conv1", "bn1"], x, ConvSpec::square(64, 7, 2))?;
        let x = plan.scope("bn1", |plan| activate(plan, x, Activation::Relu))?;
        let window = Window::new([3, 3]).stride([2, 2]).padding(1);
        let mut x = plan.apply("maxpool", MaxPool2d { window, ceil_mode: false }, &[x])?;
        for (index, of) in stages(self.blocks).into_iter().enumerate() {
            x = stage(plan, &format!("layer{}", index + 1), x, of, |plan, x, stride| {
                conv(plan, "conv2", x, ConvSpec::square(of.width / EXPANSION, 3, stride))
            })?;
            plan.output(["c2", "c3", "c4", "c5"][index], x);
        }
        Ok(vec![head(plan, x, "fc", self.classes)?])
    }
}

impl Model for ResNet {
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

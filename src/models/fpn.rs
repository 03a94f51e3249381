//! The feature pyramid: from the results of a backbone's stages to maps of one width, each of which has seen the smaller ones.
//!
//! Definition: Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017; with involutions, Li et al., CVPR 2021.
//! Weights by the names of mmdetection: `neck.lateral_convs.i.conv` and `neck.fpn_convs.i.conv`, or for an involution
//! `neck.fpn_convs.i.{conv1.conv, conv1.bn, conv2.conv}`.

use crate::error::Result;
use crate::nn::{ConvSpec, Involution2d, activate, channels, conv};
use crate::ops::{Activation, Interpolation, MaxPool2d, Resize};
use crate::plan::{Builder, Layer, Value};
use crate::shape::Window;
use crate::tensor::StateDict;

/// What looks at the neighbours of a pixel in a neck or a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spatial {
    /// A 3x3 convolution with a bias.
    Conv,
    /// A 7x7 involution of the paper.
    Involution,
}

impl Spatial {
    /// What the weights below this prefix are of.
    pub fn of(weights: &StateDict, prefix: &str) -> Self {
        match weights.has_prefix(&format!("{prefix}conv1.")) {
            true => Spatial::Involution,
            false => Spatial::Conv,
        }
    }

    /// Adds its steps, with the weights below the first name for a convolution and below the second for an involution,
    /// which keeps the channels.
    pub fn build(
        self,
        plan: &mut Builder,
        [of_conv, of_involution]: [&str; 2],
        x: Value,
        out_channels: usize,
    ) -> Result<Value> {
        match self {
            Spatial::Conv => conv(plan, of_conv, x, biased(ConvSpec::square(out_channels, 3, 1))),
            Spatial::Involution => {
                let involution = Involution2d::paper(channels(plan, x)?, [7, 7]);
                plan.scope(of_involution, |plan| involution.build_one(plan, x))
            }
        }
    }
}

/// A size of a weight by its axis, or the usual one where there is no such weight.
pub(super) fn size(weights: &StateDict, name: &str, axis: usize, usual: usize) -> usize {
    let found = weights.shape(name).and_then(|shape| shape.dims().get(axis).copied());
    found.unwrap_or(usual)
}

/// A convolution with a bias.
pub(super) fn biased(spec: ConvSpec) -> ConvSpec {
    ConvSpec { bias: true, ..spec }
}

/// A ReLU.
pub(super) fn relu(plan: &mut Builder, x: Value) -> Result<Value> {
    activate(plan, x, Activation::Relu)
}

/// Height and width of a map.
pub(super) fn size_of(plan: &Builder, x: Value) -> Result<[usize; 2]> {
    let [_, _, height, width] =
        plan.shape(x).nchw("x").map_err(|source| plan.refuse("layer", source))?;
    Ok([height, width])
}

/// The names of the maps by the logarithm of their stride.
pub(super) const MAPS: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

/// The maps above those of the stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extra {
    /// None.
    No,
    /// Every other pixel of the last one.
    Subsampled,
    /// Two strided convolutions, the first of the last stage's result.
    Convolved,
}

/// A feature pyramid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fpn {
    /// Channels of every map.
    pub channels: usize,
    pub spatial: Spatial,
    /// The first stage that takes part.
    pub first: usize,
    pub extra: Extra,
}

impl Fpn {
    /// The pyramid whose weights these are.
    pub fn of(weights: &StateDict, first: usize, extra: Extra) -> Self {
        let channels = size(weights, "neck.lateral_convs.0.conv.weight", 0, 256);
        let spatial = Spatial::of(weights, "neck.fpn_convs.0.");
        Fpn { channels, spatial, first, extra }
    }

    /// The names of its maps.
    pub fn names(&self, stages: usize) -> &'static [&'static str] {
        let extra = match self.extra {
            Extra::No => 0,
            Extra::Subsampled => 1,
            Extra::Convolved => 2,
        };
        &MAPS[(2 + self.first).min(MAPS.len())..(2 + stages + extra).min(MAPS.len())]
    }

    /// Adds its steps; the maps come from the largest to the smallest, and the plan gives them by their names.
    pub fn build(&self, plan: &mut Builder, stages: &[Value]) -> Result<Vec<Value>> {
        let used = stages.get(self.first..).unwrap_or_default();
        let mut maps = plan.scope("neck", |plan| {
            let mut laterals = Vec::new();
            for (index, &stage) in used.iter().enumerate() {
                let name = format!("lateral_convs.{index}.conv");
                laterals.push(conv(
                    plan,
                    &name,
                    stage,
                    biased(ConvSpec::pointwise(self.channels)),
                )?);
            }
            for index in (1..laterals.len()).rev() {
                let residual = laterals[index - 1];
                let op = Resize::new(size_of(plan, residual)?, Interpolation::Nearest);
                let op = Resize { residual: true, ..op };
                let name = format!("top_down.{}", index - 1);
                laterals[index - 1] = plan.apply(&name, op, &[laterals[index], residual])?;
            }
            let mut maps = Vec::new();
            for (index, &lateral) in laterals.iter().enumerate() {
                let name = format!("fpn_convs.{index}");
                let names = [&*format!("{name}.conv"), &name];
                maps.push(self.spatial.build(plan, names, lateral, self.channels)?);
            }
            Ok(maps)
        })?;
        match (self.extra, maps.last(), used.last()) {
            (Extra::Subsampled, Some(&last), _) => {
                let window = Window::new([1, 1]).stride([2, 2]);
                let op = MaxPool2d { window, ceil_mode: false };
                maps.push(plan.apply("neck.subsampled", op, &[last])?);
            }
            (Extra::Convolved, _, Some(&stage)) => {
                let mut x = stage;
                for _ in 0..2 {
                    let name = format!("neck.fpn_convs.{}.conv", maps.len());
                    x = conv(plan, &name, x, biased(ConvSpec::square(self.channels, 3, 2)))?;
                    maps.push(x);
                }
            }
            _ => {}
        }
        for (name, &map) in self.names(stages.len()).iter().zip(&maps) {
            plan.output(name, map);
        }
        Ok(maps)
    }
}

//! What segmenters have on top of the backbone or the pyramid, by the names of mmsegmentation.
//!
//! Definitions: Kirillov et al., "Panoptic Feature Pyramid Networks", CVPR 2019 (its semantic branch); Xiao et al., "Unified
//! Perceptual Parsing for Scene Understanding", ECCV 2018.

use crate::error::{Error, Result, ShapeError};
use crate::models::fpn::{biased, size, size_of};
use crate::nn::{ConvBnAct, ConvSpec, channels, conv};
use crate::ops::{AdaptiveAvgPool2d, Add, Concat, Interpolation, Resize};
use crate::plan::{Builder, Layer, Value};
use crate::tensor::StateDict;

/// Sides of the maps that the pyramid of UPerNet pools to.
const POOLED: [usize; 4] = [1, 2, 3, 6];

/// A head for segmentation: from maps to logits of each pixel at the first one's size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DecodeHead {
    pub kind: Kind,
    pub channels: usize,
    pub classes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of Semantic FPN, on the maps of a pyramid.
    SemanticFpn,
    /// Of UPerNet, on the results of the stages; with the auxiliary head of training, where its weights are there.
    UPerNet { auxiliary: Option<usize> },
}

impl DecodeHead {
    pub fn of(weights: &StateDict, kind: Kind) -> Self {
        let usual = if kind == Kind::SemanticFpn { 128 } else { 512 };
        DecodeHead {
            kind,
            channels: size(weights, "decode_head.conv_seg.weight", 1, usual),
            classes: size(weights, "decode_head.conv_seg.weight", 0, 19),
        }
    }

    /// Channels of the auxiliary head of these weights, where there is one.
    pub fn auxiliary_of(weights: &StateDict) -> Option<usize> {
        let found = weights.has_prefix("auxiliary_head.");
        found.then(|| size(weights, "auxiliary_head.convs.0.conv.weight", 0, 256))
    }

    /// The logits.
    pub fn build(&self, plan: &mut Builder, maps: &[Value]) -> Result<Value> {
        if let (Kind::UPerNet { auxiliary: Some(inner) }, Some(&c4)) = (self.kind, maps.get(2)) {
            self.declare_auxiliary(plan, c4, inner)?;
        }
        plan.scope("decode_head", |plan| {
            let x = match self.kind {
                Kind::SemanticFpn => self.semantic_fpn(plan, maps)?,
                Kind::UPerNet { .. } => self.upernet(plan, maps)?,
            };
            conv(plan, "conv_seg", x, biased(ConvSpec::pointwise(self.classes)))
        })
    }

    /// A convolution, its normalisation and a ReLU.
    fn normed(&self, plan: &mut Builder, name: &str, x: Value, side: usize) -> Result<Value> {
        let layer = ConvBnAct::new(channels(plan, x)?, self.channels, [side; 2]);
        plan.scope(name, |plan| layer.build_one(plan, x))
    }

    /// Each map at the size of the first, by as many layers as it is halvings smaller, and their sum.
    fn semantic_fpn(&self, plan: &mut Builder, maps: &[Value]) -> Result<Value> {
        let mut sum = None;
        for (index, &map) in maps.iter().enumerate() {
            let mut x = map;
            for layer in 0..index.max(1) {
                let name = format!("scale_heads.{index}.{}", 2 * layer);
                x = self.normed(plan, &name, x, 3)?;
                if index > 0 {
                    let twice = size_of(plan, x)?.map(|size| 2 * size);
                    let name = format!("scale_heads.{index}.{}", 2 * layer + 1);
                    x = plan.apply(&name, Resize::new(twice, Interpolation::Bilinear), &[x])?;
                }
            }
            sum = Some(match sum {
                None => x,
                Some(sum) => {
                    let x = resized(plan, &format!("scale_heads.{index}.resize"), x, sum)?;
                    plan.apply("add", Add::default(), &[sum, x])?
                }
            });
        }
        sum.ok_or_else(|| no_maps(plan))
    }

    fn upernet(&self, plan: &mut Builder, stages: &[Value]) -> Result<Value> {
        let Some((&last, others)) = stages.split_last() else { return Err(no_maps(plan)) };
        let mut parts = vec![last];
        for (index, side) in POOLED.into_iter().enumerate() {
            let name = format!("psp_modules.{index}");
            let op = AdaptiveAvgPool2d { output_size: [side; 2] };
            let x = plan.apply(&format!("{name}.0"), op, &[last])?;
            let x = self.normed(plan, &format!("{name}.1"), x, 1)?;
            parts.push(resized(plan, &format!("{name}.resize"), x, last)?);
        }
        let mut maps = Vec::new();
        for (index, &stage) in others.iter().enumerate() {
            maps.push(self.normed(plan, &format!("lateral_convs.{index}"), stage, 1)?);
        }
        maps.push(self.normed_side_by_side(plan, "bottleneck", &parts)?);
        for index in (1..maps.len()).rev() {
            let below = maps[index - 1];
            let op = Resize::new(size_of(plan, below)?, Interpolation::Bilinear);
            let op = Resize { residual: true, ..op };
            let name = format!("top_down.{}", index - 1);
            maps[index - 1] = plan.apply(&name, op, &[maps[index], below])?;
        }
        for (index, map) in maps.iter_mut().take(others.len()).enumerate() {
            *map = self.normed(plan, &format!("fpn_convs.{index}"), *map, 3)?;
        }
        for index in 1..maps.len() {
            let name = format!("fpn_bottleneck.resize.{index}");
            maps[index] = resized(plan, &name, maps[index], maps[0])?;
        }
        self.normed_side_by_side(plan, "fpn_bottleneck", &maps)
    }

    /// A 3x3 convolution of maps side by side, its normalisation and a ReLU.
    fn normed_side_by_side(&self, plan: &mut Builder, name: &str, maps: &[Value]) -> Result<Value> {
        let Some((&first, others)) = maps.split_first() else { return Err(no_maps(plan)) };
        let mut all = first;
        for &map in others {
            all = plan.apply(&format!("{name}.concat"), Concat, &[all, map])?;
        }
        self.normed(plan, name, all, 3)
    }

    /// Names the weights of the head that helps in training: they are in the files, and nothing runs by them.
    fn declare_auxiliary(&self, plan: &mut Builder, c4: Value, inner: usize) -> Result<()> {
        let layer = ConvBnAct::new(channels(plan, c4)?, inner, [3, 3]);
        plan.scope("auxiliary_head", |plan| {
            let x = plan.scope("convs.0", |plan| layer.build_one(plan, c4))?;
            conv(plan, "conv_seg", x, biased(ConvSpec::pointwise(self.classes))).map(|_| ())
        })
    }
}

fn no_maps(plan: &Builder) -> Error {
    plan.refuse("decode_head", ShapeError::InputCount { expected: vec!["maps"], found: 0 })
}

/// A map at the size of another one.
fn resized(plan: &mut Builder, name: &str, x: Value, like: Value) -> Result<Value> {
    let size = size_of(plan, like)?;
    if size_of(plan, x)? == size {
        return Ok(x);
    }
    plan.apply(name, Resize::new(size, Interpolation::Bilinear), &[x])
}

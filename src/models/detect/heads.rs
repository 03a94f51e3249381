//! What detectors have on top of the pyramid, by the names of mmdetection.
//!
//! Definitions: Ren et al., "Faster R-CNN", NeurIPS 2015; He et al., "Mask R-CNN", ICCV 2017; Lin et al., "Focal Loss for Dense
//! Object Detection", ICCV 2017; with involutions, Li et al., CVPR 2021.

use crate::error::Result;
use crate::models::fpn::{Spatial, biased, relu, size};
use crate::nn::{ConvSpec, conv};
use crate::ops::{Add, ConvTranspose2d, Linear, RoiAlign};
use crate::plan::{Builder, Value};
use crate::tensor::StateDict;

/// Anchors in a cell of a region proposal network, and of a RetinaNet.
pub(super) const PROPOSED: usize = 3;
pub(super) const RETINA: usize = 9;

/// Maps that boxes are read from, the first of stride 4.
pub(super) const LEVELS: usize = 4;

/// How many layers there are with these names and a number from 0 on, or the usual number where there are none.
fn count(weights: &StateDict, name: &str, usual: usize) -> usize {
    match (0..).take_while(|index| weights.has_prefix(&format!("{name}.{index}."))).count() {
        0 => usual,
        found => found,
    }
}

/// The region proposal network: for each map the logits of its anchors, and the deltas of their boxes.
pub(super) fn proposals(plan: &mut Builder, spatial: Spatial, map: Value) -> Result<[Value; 2]> {
    plan.scope("rpn_head", |plan| {
        let channels = plan.shape(map).dims()[1];
        let x = spatial.build(plan, ["rpn_conv"; 2], map, channels)?;
        let x = plan.scope("rpn_conv", |plan| relu(plan, x))?;
        let out = |channels| biased(ConvSpec::pointwise(channels));
        Ok([conv(plan, "rpn_cls", x, out(PROPOSED))?, conv(plan, "rpn_reg", x, out(4 * PROPOSED))?])
    })
}

/// The head of a RetinaNet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RetinaHead {
    pub spatial: Spatial,
    pub convs: usize,
    pub channels: usize,
    pub classes: usize,
}

impl RetinaHead {
    pub fn of(weights: &StateDict) -> Self {
        let rows = size(weights, "bbox_head.retina_cls.weight", 0, 80 * RETINA);
        RetinaHead {
            spatial: Spatial::of(weights, "bbox_head.cls_convs.0."),
            convs: count(weights, "bbox_head.cls_convs", 4),
            channels: size(weights, "bbox_head.retina_cls.weight", 1, 256),
            classes: (rows / RETINA).max(1),
        }
    }

    /// For a map the logits of each anchor's classes, and the deltas of the boxes.
    pub fn build(&self, plan: &mut Builder, map: Value) -> Result<[Value; 2]> {
        plan.scope("bbox_head", |plan| {
            let mut tower = |convs: &str, name: &str, out: usize| {
                let mut x = map;
                for index in 0..self.convs {
                    let name = format!("{convs}.{index}");
                    let names = [&*format!("{name}.conv"), &name];
                    x = self.spatial.build(plan, names, x, self.channels)?;
                    x = plan.scope(&name, |plan| relu(plan, x))?;
                }
                conv(plan, name, x, biased(ConvSpec::square(out, 3, 1)))
            };
            let logits = tower("cls_convs", "retina_cls", RETINA * self.classes)?;
            Ok([logits, tower("reg_convs", "retina_reg", RETINA * 4)?])
        })
    }
}

/// The features of boxes `[n, C, side, side]`: of each from the map in whose `rois` it stands. In those of the others it is
/// empty, and its features are zeros.
fn features(plan: &mut Builder, maps: &[Value], rois: &[Value], side: usize) -> Result<Value> {
    let mut sum = None;
    for (level, (&map, &rois)) in maps.iter().zip(rois).enumerate() {
        let op = RoiAlign::new([side; 2], 0.25 / (1 << level) as f32);
        let own = plan.apply(&format!("roi_align.p{}", level + 2), op, &[map, rois])?;
        sum = Some(match sum {
            None => own,
            Some(sum) => plan.apply("roi_align.add", Add::default(), &[sum, own])?,
        });
    }
    sum.ok_or_else(|| {
        let (expected, found) = (vec!["maps"], 0);
        plan.refuse("roi_align", crate::error::ShapeError::InputCount { expected, found })
    })
}

/// The head that says of what class a box is, and mends it: two linear layers that classes and deltas share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoxHead {
    /// Side of the features of a box.
    pub side: usize,
    /// Rows of the shared layers.
    pub hidden: Vec<usize>,
    pub classes: usize,
}

impl BoxHead {
    pub fn of(weights: &StateDict) -> Self {
        let layer = |index: usize| format!("roi_head.bbox_head.shared_fcs.{index}.weight");
        let layers = count(weights, "roi_head.bbox_head.shared_fcs", 2);
        let rows = size(weights, "roi_head.bbox_head.fc_cls.weight", 0, 81);
        BoxHead {
            side: 7,
            hidden: (0..layers).map(|index| size(weights, &layer(index), 0, 1024)).collect(),
            classes: rows.saturating_sub(1).max(1),
        }
    }

    /// Logits `[n, classes + 1]`, the last of the background, and deltas `[n, 4 * classes]`.
    pub fn build(&self, plan: &mut Builder, maps: &[Value], rois: &[Value]) -> Result<[Value; 2]> {
        plan.scope("roi_head.bbox_head", |plan| {
            let x = features(plan, maps, rois, self.side)?;
            let dims = plan.shape(x).dims();
            let [boxes, flat] = [dims[0], dims[1] * dims[2] * dims[3]];
            let mut x = plan.reshape(x, [boxes, flat])?;
            for (index, &rows) in self.hidden.iter().enumerate() {
                let name = format!("shared_fcs.{index}");
                x = linear(plan, &name, x, rows)?;
                x = plan.scope(&name, |plan| relu(plan, x))?;
            }
            let logits = linear(plan, "fc_cls", x, self.classes + 1)?;
            Ok([logits, linear(plan, "fc_reg", x, 4 * self.classes)?])
        })
    }
}

fn linear(plan: &mut Builder, name: &str, x: Value, rows: usize) -> Result<Value> {
    plan.scope(name, |plan| {
        let features = plan.shape(x).dims()[1];
        let weight = plan.weight("weight", [rows, features]);
        let bias = plan.weight("bias", [rows]);
        plan.apply("", Linear { bias: true, ..Default::default() }, &[x, weight, bias])
    })
}

/// The head that paints the objects in their boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MaskHead {
    pub spatial: Spatial,
    pub convs: usize,
    pub channels: usize,
    /// Channels after the transposed convolution.
    pub upsampled: usize,
    pub classes: usize,
}

impl MaskHead {
    pub fn of(weights: &StateDict) -> Self {
        let name = |rest: &str| format!("roi_head.mask_head.{rest}");
        MaskHead {
            spatial: Spatial::of(weights, &name("convs.0.0.")),
            convs: count(weights, &name("convs"), 4),
            channels: size(weights, &name("upsample.weight"), 0, 256),
            upsampled: size(weights, &name("upsample.weight"), 1, 256),
            classes: size(weights, &name("conv_logits.weight"), 0, 80),
        }
    }

    /// Logits `[n, classes, 28, 28]`.
    pub fn build(&self, plan: &mut Builder, maps: &[Value], rois: &[Value]) -> Result<Value> {
        plan.scope("roi_head.mask_head", |plan| {
            let mut x = features(plan, maps, rois, 14)?;
            for index in 0..self.convs {
                let names = [&*format!("convs.{index}.conv"), &*format!("convs.{index}.0")];
                x = self.spatial.build(plan, names, x, self.channels)?;
                x = plan.scope(&format!("convs.{index}"), |plan| relu(plan, x))?;
            }
            let x = plan.scope("upsample", |plan| {
                let from = plan.shape(x).dims()[1];
                let weight = plan.weight("weight", [from, self.upsampled, 2, 2]);
                let bias = plan.weight("bias", [self.upsampled]);
                let op = ConvTranspose2d { stride: [2, 2], bias: true, ..Default::default() };
                let x = plan.apply("", op, &[x, weight, bias])?;
                relu(plan, x)
            })?;
            conv(plan, "conv_logits", x, biased(ConvSpec::pointwise(self.classes)))
        })
    }
}

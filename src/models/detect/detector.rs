//! Faster R-CNN, Mask R-CNN and RetinaNet on a RedNet.

use super::boxes::Anchors;
use super::heads::{BoxHead, LEVELS, MaskHead, RetinaHead, proposals};
use crate::error::{Error, Result, ShapeError};
use crate::models::assets::COCO;
use crate::models::classify::RedNet;
use crate::models::fpn::{Extra, Fpn, MAPS, Spatial, size_of};
use crate::models::model::{Model, Task};
use crate::models::preprocessing::{Preprocessing, Resize};
use crate::plan::{Builder, Layer, Plan, Value};
use crate::shape::Shape;
use crate::tensor::StateDict;

/// The detectors of the paper by the names of its configurations.
pub const DETECTORS: &[&str] = &[
    "faster_rcnn_red50_fpn",
    "faster_rcnn_red50_neck_fpn",
    "faster_rcnn_red50_neck_fpn_head",
    "mask_rcnn_red50_fpn",
    "mask_rcnn_red50_neck_fpn",
    "mask_rcnn_red50_neck_fpn_head",
    "retinanet_red50_fpn",
    "retinanet_red50_neck_fpn",
];

/// The names of the logits and of the deltas, by the logarithm of a map's stride.
const PROPOSALS: [[&str; 7]; 2] = [
    ["", "", "rpn_cls_2", "rpn_cls_3", "rpn_cls_4", "rpn_cls_5", "rpn_cls_6"],
    ["", "", "rpn_reg_2", "rpn_reg_3", "rpn_reg_4", "rpn_reg_5", "rpn_reg_6"],
];
const OBJECTS: [[&str; 8]; 2] = [
    ["", "", "", "cls_3", "cls_4", "cls_5", "cls_6", "cls_7"],
    ["", "", "", "reg_3", "reg_4", "reg_5", "reg_6", "reg_7"],
];

/// A detector. As a [`Layer`] it is its first stage: from x `[N, 3, H, W]` to the maps of the pyramid and what the network says
/// of each of their anchors. [`Detector::load`] gives all of it.
///
/// Weights by the names of mmdetection, as [`strip_wrappers`](crate::weights::strip_wrappers) leaves them: the backbone's without
/// `backbone.`, then `neck.`, `rpn_head.`, `roi_head.` or `bbox_head.`. Definition: see [`super`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detector {
    backbone: RedNet,
    neck: Fpn,
    pub(super) head: Head,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Head {
    TwoStage { rpn: Spatial, boxes: BoxHead, masks: Option<MaskHead> },
    Retina(RetinaHead),
}

impl Detector {
    /// The detector of this name out of [`DETECTORS`], for the 80 classes of COCO.
    pub fn named(name: &str) -> Option<Self> {
        let name = DETECTORS.iter().find(|known| **known == name)?;
        let of = |part: &str| match name.contains(part) {
            true => Spatial::Involution,
            false => Spatial::Conv,
        };
        let none = StateDict::new();
        let retina = name.starts_with("retinanet");
        let head = if retina {
            Head::Retina(RetinaHead::of(&none))
        } else {
            let spatial = of("_head");
            let masks = MaskHead { spatial, ..MaskHead::of(&none) };
            let masks = name.starts_with("mask").then_some(masks);
            Head::TwoStage { rpn: spatial, boxes: BoxHead::of(&none), masks }
        };
        let detector = Detector::with(RedNet::backbone_of(&none).ok()?, head, &none);
        Some(Detector { neck: Fpn { spatial: of("_neck"), ..detector.neck }, ..detector })
    }

    /// The detector whose weights these are, with its kind, widths and classes by their names and shapes. Whether they are
    /// all there is seen when it is [loaded](Detector::load).
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let head = if weights.has_prefix("bbox_head.retina_") {
            Head::Retina(RetinaHead::of(weights))
        } else if weights.has_prefix("rpn_head.") {
            let with_masks = weights.has_prefix("roi_head.mask_head.");
            Head::TwoStage {
                rpn: Spatial::of(weights, "rpn_head.rpn_conv."),
                boxes: BoxHead::of(weights),
                masks: with_masks.then(|| MaskHead::of(weights)),
            }
        } else {
            return Err(Error::at("detector")(ShapeError::Parameter {
                parameter: "weights",
                must: "those of a Faster R-CNN, a Mask R-CNN or a RetinaNet by the names of mmdetection",
                value: "without rpn_head and bbox_head.retina_cls".to_owned(),
            }));
        };
        Ok(Detector::with(RedNet::backbone_of(weights)?, head, weights))
    }

    fn with(backbone: RedNet, head: Head, weights: &StateDict) -> Self {
        let neck = match head {
            Head::TwoStage { .. } => Fpn::of(weights, 0, Extra::Subsampled),
            Head::Retina(_) => Fpn::of(weights, 1, Extra::Convolved),
        };
        Detector { backbone, neck, head }
    }

    /// Whether it paints masks.
    pub fn has_masks(&self) -> bool {
        matches!(&self.head, Head::TwoStage { masks: Some(_), .. })
    }

    pub(super) fn class_count(&self) -> usize {
        match &self.head {
            Head::TwoStage { boxes, .. } => boxes.classes,
            Head::Retina(head) => head.classes,
        }
    }

    /// The maps that have anchors: the anchors of each, and the names of its logits and its deltas.
    pub(super) fn levels(&self) -> Vec<(Anchors, [&'static str; 2])> {
        let names = |of: [&[&'static str]; 2], level: usize| of.map(|names| names[level]);
        match &self.head {
            Head::TwoStage { .. } => (2..7)
                .map(|level| {
                    let [logits, deltas] = &PROPOSALS;
                    (Anchors::proposals(1 << level), names([logits, deltas], level))
                })
                .collect(),
            Head::Retina(_) => (3..8)
                .map(|level| {
                    let [logits, deltas] = &OBJECTS;
                    (Anchors::retina(1 << level), names([logits, deltas], level))
                })
                .collect(),
        }
    }

    /// The names of the maps that boxes are read from.
    pub(super) fn pooled() -> &'static [&'static str] {
        &MAPS[2..2 + LEVELS]
    }

    /// The stages after the first.
    pub(super) fn later(&self) -> Vec<RoiStage> {
        let Head::TwoStage { boxes, masks, .. } = &self.head else { return Vec::new() };
        let stage = |head| RoiStage { of: self.name(), channels: self.neck.channels, head };
        let masks = masks.clone().map(RoiHead::Masks);
        std::iter::once(RoiHead::Boxes(boxes.clone())).chain(masks).map(stage).collect()
    }
}

impl Layer for Detector {
    fn name(&self) -> String {
        let (kind, head) = match &self.head {
            Head::TwoStage { rpn, masks: None, .. } => ("faster_rcnn", *rpn),
            Head::TwoStage { rpn, masks: Some(_), .. } => ("mask_rcnn", *rpn),
            Head::Retina(head) => ("retinanet", head.spatial),
        };
        let part = |spatial, name: &'static str| match spatial {
            Spatial::Conv => "",
            Spatial::Involution => name,
        };
        let (neck, head) = (part(self.neck.spatial, "_neck"), part(head, "_head"));
        format!("{kind}_{}{neck}_fpn{head}", self.backbone.name())
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", self.preprocessing().input(1))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        let levels = self.levels();
        levels.iter().flat_map(|(_, names)| *names).collect()
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let stages = self.backbone.features(plan, x)?;
        let maps = self.neck.build(plan, &stages)?;
        let mut outputs = Vec::new();
        for map in maps {
            outputs.extend(match &self.head {
                Head::TwoStage { rpn, .. } => proposals(plan, *rpn, map)?,
                Head::Retina(head) => head.build(plan, map)?,
            });
        }
        Ok(outputs)
    }
}

impl Model for Detector {
    fn preprocessing(&self) -> Preprocessing {
        // Others than the published ones have no size of their own.
        match self.backbone.name().as_str() {
            "red50" => Preprocessing::COCO,
            _ => Preprocessing::COCO.resize(Resize::None),
        }
    }

    fn classes(&self) -> Option<usize> {
        Some(self.class_count())
    }

    fn any_size(self: Box<Self>) -> Box<dyn Model> {
        self
    }

    fn results(&self) -> Vec<&'static str> {
        let stages = ["c2", "c3", "c4", "c5"];
        let maps = self.neck.names(stages.len()).iter().copied();
        let later: &[_] = match &self.head {
            Head::TwoStage { .. } => &["proposals", "cls_score", "bbox_pred"],
            Head::Retina(_) => &[],
        };
        let masks: &[_] = if self.has_masks() { &["mask_logits", "masks"] } else { &[] };
        let objects = ["det_boxes", "det_scores", "det_labels"];
        let decided = later.iter().copied().chain(objects).chain(masks.iter().copied());
        stages.into_iter().chain(maps).chain(self.outputs()).chain(decided).collect()
    }

    fn labels(&self) -> Option<Vec<&'static str>> {
        (self.class_count() == COCO.len()).then(|| COCO.to_vec())
    }

    fn plans(&self, x: &Shape) -> Result<Vec<Plan>> {
        let first = self.plan(x)?;
        let map = |name: &&str| {
            let found = first.outputs().iter().find(|(known, _)| known == name)?;
            Some(first.shape(found.1).clone())
        };
        let maps: Vec<Shape> = Detector::pooled().iter().filter_map(map).collect();
        let later = self.later().into_iter().map(|stage| {
            let rois = vec![Shape::from([stage.example_boxes(), 5]); maps.len()];
            stage.plan_for(&[maps.clone(), rois].concat())
        });
        let later = later.collect::<Result<Vec<_>>>()?;
        Ok(std::iter::once(first).chain(later).collect())
    }

    fn task(&self) -> Task {
        Task::Detect
    }
}

/// A stage that reads boxes from the maps of the pyramid: `p2` to `p5`, and for each of them `rois` `[n, 5]`, all of the boxes,
/// those that are not read from this map being empty.
#[derive(Debug, Clone)]
pub(super) struct RoiStage {
    of: String,
    channels: usize,
    head: RoiHead,
}

#[derive(Debug, Clone)]
enum RoiHead {
    Boxes(BoxHead),
    Masks(MaskHead),
}

const ROIS: [&str; LEVELS] = ["rois_2", "rois_3", "rois_4", "rois_5"];

impl RoiStage {
    /// The most boxes that it gets.
    fn example_boxes(&self) -> usize {
        match self.head {
            RoiHead::Boxes(_) => super::decide::MOST_PROPOSALS,
            RoiHead::Masks(_) => super::decide::MOST_OBJECTS,
        }
    }
}

impl Layer for RoiStage {
    fn name(&self) -> String {
        match self.head {
            RoiHead::Boxes(_) => format!("{}.bbox_head", self.of),
            RoiHead::Masks(_) => format!("{}.mask_head", self.of),
        }
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        let side = |level: usize| 64 >> level;
        let map =
            |(level, &name)| (name, Shape::from([1, self.channels, side(level), side(level)]));
        let rois = ROIS.map(|name| (name, Shape::from([self.example_boxes(), 5])));
        Detector::pooled().iter().enumerate().map(map).chain(rois).collect()
    }

    fn outputs(&self) -> Vec<&'static str> {
        match self.head {
            RoiHead::Boxes(_) => vec!["cls_score", "bbox_pred"],
            RoiHead::Masks(_) => vec!["mask_logits"],
        }
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let names = ["p2", "p3", "p4", "p5", "rois_2", "rois_3", "rois_4", "rois_5"];
        let inputs = plan.take(inputs, names)?;
        let (maps, rois) = inputs.split_at(LEVELS);
        for &map in maps {
            size_of(plan, map)?;
        }
        match &self.head {
            RoiHead::Boxes(head) => Ok(head.build(plan, maps, rois)?.to_vec()),
            RoiHead::Masks(head) => Ok(vec![head.build(plan, maps, rois)?]),
        }
    }
}

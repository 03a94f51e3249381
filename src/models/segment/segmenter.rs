//! Semantic FPN and UPerNet on a RedNet.

use super::heads::{DecodeHead, Kind};
use crate::error::{Error, Result, ShapeError};
use crate::models::assets::CITYSCAPES;
use crate::models::classify::RedNet;
use crate::models::fpn::{Extra, Fpn, Spatial};
use crate::models::model::{Model, Task};
use crate::models::preprocessing::{Preprocessing, Resize};
use crate::plan::{Builder, Layer, Value};
use crate::shape::Shape;
use crate::tensor::StateDict;

/// The segmenters of the paper by the names of its configurations.
pub const SEGMENTERS: &[&str] = &["fpn_red50", "fpn_red50_neck", "upernet_red50"];

/// A network that says of each pixel what it belongs to. As a [`Layer`] it goes from x `[N, 3, H, W]` to `logits_s4`
/// `[N, classes, H/4, W/4]`; [`Segmenter::load`] gives all of it.
///
/// Weights by the names of mmsegmentation, as [`strip_wrappers`](crate::weights::strip_wrappers) leaves them: the backbone's
/// without `backbone.`, then `neck.` and `decode_head.`. Those of an `auxiliary_head.` are checked, and nothing runs by them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segmenter {
    backbone: RedNet,
    neck: Option<Fpn>,
    head: DecodeHead,
}

impl Segmenter {
    /// The segmenter of this name out of [`SEGMENTERS`], for the 19 classes of Cityscapes.
    pub fn named(name: &str) -> Option<Self> {
        let name = SEGMENTERS.iter().find(|known| **known == name)?;
        let none = StateDict::new();
        let backbone = RedNet::backbone_of(&none).ok()?;
        if name.starts_with("upernet") {
            let head = DecodeHead::of(&none, Kind::UPerNet { auxiliary: Some(256) });
            return Some(Segmenter { backbone, neck: None, head });
        }
        let spatial = match name.ends_with("_neck") {
            true => Spatial::Involution,
            false => Spatial::Conv,
        };
        let neck = Some(Fpn { spatial, ..Fpn::of(&none, 0, Extra::No) });
        Some(Segmenter { backbone, neck, head: DecodeHead::of(&none, Kind::SemanticFpn) })
    }

    /// The segmenter whose weights these are, with its kind, widths and classes by their names and shapes. Whether they are
    /// all there is seen when it is [loaded](Segmenter::load).
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let (neck, kind) = if weights.has_prefix("decode_head.scale_heads.") {
            (Some(Fpn::of(weights, 0, Extra::No)), Kind::SemanticFpn)
        } else if weights.has_prefix("decode_head.psp_modules.") {
            (None, Kind::UPerNet { auxiliary: DecodeHead::auxiliary_of(weights) })
        } else {
            return Err(Error::at("segmenter")(ShapeError::Parameter {
                parameter: "weights",
                must: "those of a Semantic FPN or a UPerNet by the names of mmsegmentation",
                value: "without decode_head.scale_heads and decode_head.psp_modules".to_owned(),
            }));
        };
        let head = DecodeHead::of(weights, kind);
        Ok(Segmenter { backbone: RedNet::backbone_of(weights)?, neck, head })
    }
}

impl Layer for Segmenter {
    fn name(&self) -> String {
        let backbone = self.backbone.name();
        match &self.neck {
            None => format!("upernet_{backbone}"),
            Some(Fpn { spatial: Spatial::Conv, .. }) => format!("fpn_{backbone}"),
            Some(_) => format!("fpn_{backbone}_neck"),
        }
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", self.preprocessing().input(1))]
    }

    fn outputs(&self) -> Vec<&'static str> {
        vec!["logits_s4"]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let mut maps = self.backbone.features(plan, x)?;
        if let Some(neck) = &self.neck {
            maps = neck.build(plan, &maps)?;
        }
        Ok(vec![self.head.build(plan, &maps)?])
    }
}

impl Model for Segmenter {
    fn preprocessing(&self) -> Preprocessing {
        // Others than the published ones have no size of their own.
        match self.backbone.name().as_str() {
            "red50" => Preprocessing::CITYSCAPES,
            _ => Preprocessing::CITYSCAPES.resize(Resize::None),
        }
    }

    fn classes(&self) -> Option<usize> {
        Some(self.head.classes)
    }

    fn any_size(self: Box<Self>) -> Box<dyn Model> {
        self
    }

    fn results(&self) -> Vec<&'static str> {
        let stages = ["c2", "c3", "c4", "c5"];
        let maps = self.neck.iter().flat_map(|neck| neck.names(stages.len())).copied();
        stages.into_iter().chain(maps).chain(["logits_s4", "seg_logits", "seg_map"]).collect()
    }

    fn labels(&self) -> Option<Vec<&'static str>> {
        let known = self.head.classes == CITYSCAPES.len();
        known.then(|| CITYSCAPES.iter().map(|(name, _)| *name).collect())
    }

    fn task(&self) -> Task {
        Task::Segment
    }
}

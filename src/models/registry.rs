//! Networks by name, and by their weights.

use super::classify::{LSNet, MobileNetV2, RedNet, ResNet};
use super::detect::{DETECTORS, Detector};
use super::model::Model;
use super::segment::{SEGMENTERS, Segmenter};
use crate::error::{Error, Result, ShapeError};
use crate::plan::Layer;
use crate::tensor::StateDict;

/// The classifiers that [`by_name`] knows, besides the [detectors](super::detect::DETECTORS) and the
/// [segmenters](super::segment::SEGMENTERS).
pub const MODELS: &[&str] = &[
    "rednet26",
    "rednet38",
    "rednet50",
    "rednet101",
    "rednet152",
    "lsnet_t",
    "lsnet_s",
    "lsnet_b",
    "resnet50",
    "resnet101",
    "resnet152",
    "mobilenet_v2",
    "rednet_digits",
];

/// The network of this name. With weights, what they tell is taken from them (RedNet's stem, the size of LSNet's
/// attention, the number of classes); without, it is the one of the paper, for ImageNet.
pub fn by_name(name: &str, weights: Option<&StateDict>) -> Result<Box<dyn Model>> {
    let depth = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
    if name == "rednet_digits" {
        return Ok(fitted(RedNet::digits(), weights, RedNet::with_stem_and_head_of));
    }
    if name == "mobilenet_v2" {
        return Ok(fitted(MobileNetV2::new(1000), weights, MobileNetV2::with_head_of));
    }
    for model in [LSNet::t(), LSNet::s(), LSNet::b()] {
        if name == model.name() {
            return Ok(fitted(model, weights, LSNet::with_variant_of));
        }
    }
    if let Some(Ok(model)) = depth("rednet").map(RedNet::new) {
        return Ok(fitted(model, weights, RedNet::with_stem_and_head_of));
    }
    if let Some(Ok(model)) = depth("resnet").map(ResNet::new) {
        return Ok(fitted(model, weights, ResNet::with_head_of));
    }
    if let Some(detector) = Detector::named(name) {
        return Ok(fitted(detector, weights, |named, weights| {
            let found = Detector::from_weights(weights).ok();
            found.filter(|it| alike(&it.name(), name)).unwrap_or(named)
        }));
    }
    if let Some(segmenter) = Segmenter::named(name) {
        return Ok(fitted(segmenter, weights, |named, weights| {
            let found = Segmenter::from_weights(weights).ok();
            found.filter(|it| alike(&it.name(), name)).unwrap_or(named)
        }));
    }
    let known = names().join(", ");
    Err(Error::at("models")(ShapeError::UnknownModel { name: name.to_owned(), known }))
}

/// Whether what was found in weights is of this published kind: its backbone may have other blocks and widths.
fn alike(found: &str, published: &str) -> bool {
    found.replace("_rednet", "_red50") == published
}

/// The names of all networks.
pub fn names() -> Vec<&'static str> {
    [MODELS, DETECTORS, SEGMENTERS].concat()
}

/// A network, changed by what weights tell.
fn fitted<M: Model + 'static>(
    model: M,
    weights: Option<&StateDict>,
    fit: impl Fn(M, &StateDict) -> M,
) -> Box<dyn Model> {
    Box::new(match weights {
        Some(weights) => fit(model, weights),
        None => model,
    })
}

/// The network that these weights belong to: the one whose tensors they are exactly.
pub fn recognise(weights: &StateDict) -> Option<Box<dyn Model>> {
    let named = MODELS.iter().filter_map(|name| by_name(name, Some(weights)).ok());
    resembling(weights).into_iter().chain(named).find(|model| model.check_weights(weights).is_ok())
}

/// The detector or segmenter that weights like these belong to, though some may be missing, too many or of a wrong shape.
pub fn resembling(weights: &StateDict) -> Option<Box<dyn Model>> {
    let detector = Detector::from_weights(weights).map(|it| Box::new(it) as Box<dyn Model>);
    detector.or_else(|_| Segmenter::from_weights(weights).map(|it| Box::new(it) as _)).ok()
}

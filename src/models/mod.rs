//! Whole networks: RedNet, ResNet and MobileNetV2, each a [`Layer`] from images to logits.
//!
//! A network takes any batch and any image size that its strides allow. Beside `logits` it gives the
//! feature maps `c2` to `c5`, those of strides 4 to 32, as detectors and segmenters take them. Weights may
//! have been trained without a head: then the network ends at `c5`.

mod blocks;
mod digits;
mod labels;
mod mobilenet_v2;
mod rednet;
mod resnet;

use crate::error::{Error, Result, ShapeError};
use crate::plan::{Builder, Layer, Value};
use crate::shape::Shape;
use crate::tensor::StateDict;

pub use digits::DIGITS;
#[cfg(feature = "weights")]
pub use digits::digits_weights;
pub use labels::imagenet_labels;
pub use mobilenet_v2::MobileNetV2;
pub use rednet::RedNet;
pub use resnet::ResNet;

/// What every network says of itself.
pub trait Model: Layer {
    /// How images are made ready for it.
    fn preprocessing(&self) -> Preprocessing;

    /// The number of classes; nothing where there is no head.
    fn classes(&self) -> Option<usize>;

    /// The same network for images of any size, where it is bound to some; see
    /// [`PoolTo`](crate::nn::PoolTo). The others take any as they are.
    fn any_size(self: Box<Self>) -> Box<dyn Model>;

    /// The names of its results that are not of one layer: `logits`, `c2` to `c5`.
    fn results(&self) -> Vec<&'static str>;

    /// The names of its classes, where it was made for known ones.
    fn labels(&self) -> Option<Vec<&'static str>> {
        match self.classes() {
            Some(1000) => Some(imagenet_labels()),
            _ => None,
        }
    }
}

/// How an image becomes the input of a network: resized, cropped in the middle, and each channel of values
/// in 0 to 1 less its mean, over its deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preprocessing {
    /// Colour or grey.
    pub channels: Channels,
    /// How it is resized, by bilinear interpolation over the area that each new pixel covers.
    pub resize: Resize,
    /// Side of the square that is cut from the middle afterwards; nothing where all is used.
    pub crop: Option<usize>,
    /// Mean by channel, the first alone for grey.
    pub mean: [f32; 3],
    /// Deviation by channel.
    pub deviation: [f32; 3],
}

/// The channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Lightness alone, high for light.
    Grey,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Channels::Rgb => 3,
            Channels::Grey => 1,
        }
    }
}

/// What size an image is resized to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// The short side to this, the long one in proportion.
    ShortSide(usize),
    /// This height and width.
    Exact([usize; 2]),
}

impl Preprocessing {
    /// What networks trained on ImageNet expect.
    pub const IMAGENET: Preprocessing = Preprocessing {
        channels: Channels::Rgb,
        resize: Resize::ShortSide(256),
        crop: Some(224),
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
    };

    /// Height and width of what the network gets; nothing where it depends on the image.
    pub fn size(&self) -> Option<[usize; 2]> {
        match (self.crop, self.resize) {
            (Some(side), _) => Some([side; 2]),
            (None, Resize::Exact(size)) => Some(size),
            (None, Resize::ShortSide(_)) => None,
        }
    }

    /// The shape of so many images.
    pub fn input(&self, batch: usize) -> Shape {
        let [height, width] = self.size().unwrap_or([224, 224]);
        Shape::from([batch, self.channels.count(), height, width])
    }
}

/// The networks that [`by_name`] knows.
pub const MODELS: &[&str] = &[
    "rednet26",
    "rednet38",
    "rednet50",
    "rednet101",
    "rednet152",
    "resnet50",
    "resnet101",
    "resnet152",
    "mobilenet_v2",
    "rednet_digits",
];

/// The network of this name. With weights, what they tell is taken from them (RedNet's stem, the number of
/// classes); without, it is the one of the paper, for ImageNet.
pub fn by_name(name: &str, weights: Option<&StateDict>) -> Result<Box<dyn Model>> {
    let depth = |prefix: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
    if name == "rednet_digits" {
        let model = RedNet::digits();
        return Ok(Box::new(match weights {
            Some(weights) => model.with_stem_and_head_of(weights),
            None => model,
        }));
    }
    if name == "mobilenet_v2" {
        let model = MobileNetV2::new(1000);
        return Ok(Box::new(match weights {
            Some(weights) => model.with_head_of(weights),
            None => model,
        }));
    }
    if let Some(Ok(model)) = depth("rednet").map(RedNet::new) {
        return Ok(Box::new(match weights {
            Some(weights) => model.with_stem_and_head_of(weights),
            None => model,
        }));
    }
    if let Some(Ok(model)) = depth("resnet").map(ResNet::new) {
        return Ok(Box::new(match weights {
            Some(weights) => model.with_head_of(weights),
            None => model,
        }));
    }
    Err(Error::at("models")(ShapeError::UnknownModel {
        name: name.to_owned(),
        known: MODELS.join(", "),
    }))
}

/// The network that these weights belong to, with its name: the one whose tensors they are exactly.
pub fn recognise(weights: &StateDict) -> Option<(&'static str, Box<dyn Model>)> {
    MODELS.iter().find_map(|&name| {
        let model = by_name(name, Some(weights)).ok()?;
        let plan = model.example_plan().ok()?;
        plan.check_weights(weights).ok()?;
        Some((name, model))
    })
}

/// The number of classes of the head whose weight has this name; nothing where there is none.
fn classes_of(weights: &StateDict, name: &str) -> Option<usize> {
    weights.shape(name)?.dims().first().copied()
}

/// Ends a network: global pooling and a linear layer, where it has classes.
fn head(plan: &mut Builder, x: Value, name: &str, classes: Option<usize>) -> Result<Value> {
    let Some(classes) = classes else { return Ok(x) };
    let pooled = plan.apply("pool", crate::ops::GlobalAvgPool, &[x])?;
    let dims = plan.shape(pooled).dims();
    let [batch, features] = [dims[0], dims[1]];
    let flat = plan.reshape(pooled, [batch, features])?;
    plan.scope(name, |plan| {
        let weight = plan.weight("weight", [classes, features]);
        let bias = plan.weight("bias", [classes]);
        let op = crate::ops::Linear { bias: true, ..Default::default() };
        plan.apply("", op, &[flat, weight, bias])
    })
}

//! Whole networks: RedNet, LSNet, ResNet and MobileNetV2, each a [`Layer`](crate::Layer) from images to logits.
//!
//! A network takes any batch and any image size that its strides allow, LSNet any that the biases of its attention are for.
//! Besides `logits` it returns the feature maps from which detectors and segmenters start: `c2` to `c5`, those of strides 4
//! to 32, and of LSNet `c3` to `c6`. With weights that have no head, the network ends at the last of them.

mod assets;
mod classify;
pub mod detect;
mod fpn;
mod images;
mod model;
mod preprocessing;
mod registry;
pub mod segment;

#[cfg(feature = "weights")]
pub use assets::digits_weights;
pub use assets::{CITYSCAPES, COCO, DIGITS, imagenet_labels};
pub use classify::{LSNet, MobileNetV2, RedNet, ResNet};
pub use images::Images;
pub use model::{Model, Task};
pub use preprocessing::{Channels, Preprocessing, Resize};
pub use registry::{MODELS, by_name, names, recognise, resembling};

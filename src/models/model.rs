//! What networks have in common.

use super::assets::imagenet_labels;
use super::preprocessing::Preprocessing;
use crate::plan::Layer;

/// What every network says of itself.
pub trait Model: Layer {
    /// How images are made ready for it.
    fn preprocessing(&self) -> Preprocessing;

    /// The number of classes; nothing where there is no head.
    fn classes(&self) -> Option<usize>;

    /// The network for images of any size, where this one is bound to some; see
    /// [`PoolTo`](crate::nn::PoolTo). The others take any as they are.
    fn any_size(self: Box<Self>) -> Box<dyn Model>;

    /// The names of its results that are not of one layer: `logits`, and feature maps such as `c2` to `c5`.
    fn results(&self) -> Vec<&'static str>;

    /// Where its authors publish weights that load as they are, if they do.
    fn published(&self) -> Option<&'static str> {
        None
    }

    /// The names of its classes, where it was made for known ones.
    fn labels(&self) -> Option<Vec<&'static str>> {
        match self.classes() {
            Some(1000) => Some(imagenet_labels()),
            _ => None,
        }
    }
}

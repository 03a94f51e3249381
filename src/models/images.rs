//! A batch of images as detectors and segmenters take it.

use crate::tensor::Tensor;

/// Images of any sizes as one batch, and what is needed to bring the answers back to the originals.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// The input of the network, `[N, C, H, W]`: normalised, and zero to the right of each image and below it.
    pub x: Tensor,
    /// Height and width that each image takes of its sample.
    pub valid: Vec<[usize; 2]>,
    /// Height and width of each image before it was resized.
    pub original: Vec<[usize; 2]>,
}

//! Segmenters: from images to what each pixel belongs to.
//!
//! Semantic FPN (Kirillov et al., CVPR 2019), with a pyramid of convolutions or involutions (Li et al., CVPR 2021), and UPerNet
//! (Xiao et al., ECCV 2018), each on a RedNet, as in mmsegmentation 0.12, whose checkpoints load as they are. Logits are
//! interpolated to the size of the image before the largest is taken, not the classes after it.

mod heads;
mod segmenter;
mod segmenting;

pub use segmenter::{SEGMENTERS, Segmenter};
pub use segmenting::{LabelMap, Segmenting};

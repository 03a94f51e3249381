//! Detectors: from images to boxes, and masks in them.
//!
//! Faster R-CNN (Ren et al., NeurIPS 2015), Mask R-CNN (He et al., ICCV 2017) and RetinaNet (Lin et al., ICCV 2017) on a
//! RedNet, with a feature pyramid and heads of convolutions or involutions (Li et al., CVPR 2021). Everything is defined as in
//! mmdetection 2.11, whose checkpoints load as they are: anchors lie at multiples of the stride, boxes are clipped to the
//! image without its padding, and suppression is by level or class.

pub mod boxes;
mod decide;
mod detecting;
mod detector;
mod heads;

pub use detecting::{Detecting, Detection};
pub use detector::{DETECTORS, Detector};

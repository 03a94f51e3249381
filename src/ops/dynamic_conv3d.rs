//! Dynamic convolution of volumes: a convolution whose weight is mixed from a bank of weights for each sample.
//!
//! x `[N, Ci, D, H, W]`, attention `[N, K]`, weight `[K, Co, Ci/groups, Kd, Kh, Kw]`, bias `[K, Co]`
//! -> `[N, Co, D', H', W']`, as [`dynamic_conv2d`](super::dynamic_conv2d) along three axes.

use super::dynamic_conv2d::DynamicConv;

/// A dynamic convolution of volumes.
pub type DynamicConv3d = DynamicConv<3>;

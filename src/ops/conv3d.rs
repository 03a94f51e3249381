//! Convolution of volumes (cross-correlation: the kernel is not flipped).
//!
//! x `[N, Ci, D, H, W]`, weight `[Co, Ci/groups, Kd, Kh, Kw]`, bias `[Co]`, residual of the output's shape
//! -> `[N, Co, D', H', W']`, with the parameters of [`conv2d`](super::conv2d) along three axes.
//! Definition: `torch.nn.functional.conv3d`.

use super::conv2d::Conv;

/// A convolution of volumes.
pub type Conv3d = Conv<3>;

//! Average pooling of volumes.
//!
//! x `[N, C, D, H, W]` -> `[N, C, D', H', W']`, with the parameters and the counts of
//! [`avg_pool2d`](super::avg_pool2d) along three axes.
//! Definition: `torch.nn.functional.avg_pool3d`.

use super::avg_pool2d::AvgPool;

/// An average pooling of volumes.
pub type AvgPool3d = AvgPool<3>;

//! Maximum pooling of volumes.
//!
//! x `[N, C, D, H, W]` -> `[N, C, D', H', W']`, with the parameters of [`max_pool2d`](super::max_pool2d) along three axes.
//! Definition: `torch.nn.functional.max_pool3d`.

use super::max_pool2d::MaxPool;

/// A maximum pooling of volumes.
pub type MaxPool3d = MaxPool<3>;

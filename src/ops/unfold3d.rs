//! Unfolding of volumes: every position of a window laid out as a column.
//!
//! x `[N, C, D, H, W]` -> `[N, C*Kd*Kh*Kw, D'*H'*W']`, as [`unfold`](super::unfold) along three axes: row
//! ((c*Kd + kd)*Kh + kh)*Kw + kw of a column is the tap (kd, kh, kw) of channel c.

use super::unfold::Unfold;

/// An unfolding of volumes.
pub type Unfold3d = Unfold<3>;

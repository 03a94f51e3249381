//! The ranks of a convolution's candidates, from the general one to the one that is preferred wherever it is offered.

/// The general kernel with the better of its tiles.
pub const DIRECT: i32 = 1;
/// Input-stationary over windows, where it is not profitable.
pub const UNPROFITABLE_WINDOWS: i32 = 2;
/// A channel for each group.
pub const DEPTHWISE: i32 = 3;
/// A channel for each group, by rows.
pub const DEPTHWISE_ROWS: i32 = 4;
/// 1x1 with the worse tile.
pub const POINTWISE_WORSE: i32 = 5;
/// 1x1 with the better tile.
pub const POINTWISE: i32 = 6;
/// Windows by rows.
pub const ROWS: i32 = 7;
/// 1x1 input-stationary.
pub const INPUT_STATIONARY: i32 = 8;
/// 3x3 by two rows of the output at once.
pub const ROW_PAIRS: i32 = 9;
/// Implicit GEMM, input-stationary.
pub const INPUT_STATIONARY_WINDOWS: i32 = 10;
/// Winograd's algorithm.
pub const WINOGRAD: i32 = 11;
/// A channel for each group, by tiles of rows and pixels.
pub const DEPTHWISE_TILES: i32 = 40;

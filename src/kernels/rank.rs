//! The ranks of a convolution's candidates, from the general one to the one that is preferred wherever it is offered.

/// Input-stationary over windows, where it is not profitable.
pub const UNPROFITABLE_WINDOWS: i32 = 1;
/// The general kernel with the better of its tiles.
pub const DIRECT: i32 = 2;
/// A channel for each group.
pub const DEPTHWISE: i32 = 3;
/// A channel for each group, by rows.
pub const DEPTHWISE_ROWS: i32 = 4;
/// 1x1 with the worse tile.
pub const POINTWISE_WORSE: i32 = 5;
/// 1x1 with the better tile.
pub const POINTWISE: i32 = 6;
/// Implicit GEMM by tiles of sums.
pub const IMPLICIT_GEMM: i32 = 7;
/// Windows by rows.
pub const ROWS: i32 = 8;
/// 1x1 input-stationary, where it is not profitable.
pub const UNPROFITABLE_GEMM: i32 = 9;
/// 1x1 by tiles of sums.
pub const GEMM: i32 = 10;
/// 1x1 input-stationary.
pub const INPUT_STATIONARY: i32 = 11;
/// 3x3 by two rows of the output at once.
pub const ROW_PAIRS: i32 = 12;
/// Implicit GEMM, input-stationary.
pub const INPUT_STATIONARY_WINDOWS: i32 = 13;
/// Winograd's algorithm.
pub const WINOGRAD: i32 = 14;

//! The ranks of a convolution's candidates, from the general one to the one that is preferred wherever it is offered.

/// The general kernel with the better of its tiles.
pub const DIRECT: i32 = 10;
/// Linear layers of few rows, whose sums are shared.
pub const LINEAR_SHARED: i32 = 11;
/// Input-stationary over windows, where it is not profitable.
pub const UNPROFITABLE_WINDOWS: i32 = 20;
/// A channel for each group.
pub const DEPTHWISE: i32 = 30;
/// A channel for each group, by rows.
pub const DEPTHWISE_ROWS: i32 = 40;
/// 1x1 with the worse tile.
pub const POINTWISE_WORSE: i32 = 50;
/// 1x1 with the better tile.
pub const POINTWISE: i32 = 60;
/// Windows by rows.
pub const ROWS: i32 = 70;
/// 1x1 input-stationary.
pub const INPUT_STATIONARY: i32 = 80;
/// 3x3 by two rows of the output at once.
pub const ROW_PAIRS: i32 = 90;
/// Implicit GEMM, input-stationary.
pub const INPUT_STATIONARY_WINDOWS: i32 = 100;
/// Winograd's algorithm.
pub const WINOGRAD: i32 = 110;
/// GEMM on matrix units whose tile would stay empty for the most part; smaller tiles have lower ranks.
pub const MATRICES_WASTEFUL: i32 = 3;
/// GEMM of GPUs whose tile would stay empty for the most part; smaller tiles have lower ranks.
pub const GEMM_WASTEFUL: i32 = 4;
/// GEMM of GPUs, of another tile than the preferred one.
pub const GEMM_OTHER: i32 = 124;
/// GEMM of GPUs.
pub const GEMM: i32 = 134;
/// GEMM on matrix units, of another tile than the preferred one.
pub const MATRICES_OTHER: i32 = 139;
/// GEMM on matrix units.
pub const MATRICES: i32 = 144;
/// A channel for each group, by tiles of rows and pixels.
pub const DEPTHWISE_TILES: i32 = 150;

//! Convolutions: the algorithms, and which of them suit a call.

pub mod depthwise;
pub mod direct;
pub mod implicit_gemm;
pub mod row_pairs;
pub mod select;
pub mod winograd;

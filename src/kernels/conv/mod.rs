//! The algorithms for convolutions, and which of them support a call.

pub mod depthwise;
pub mod direct;
pub mod implicit_gemm;
pub mod row_pairs;
pub mod select;
pub mod winograd;

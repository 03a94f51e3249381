//! Kernels that make one value of many: pools, sums and softmax.

pub mod global_avg_pool;
pub mod linear;
pub mod pool;
pub mod softmax;

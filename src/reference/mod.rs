//! The definition of every operator: naive loops over the paper's indices, in double precision.
//!
//! Nothing here is meant to be fast and nothing is shared with the kernels, so that the two can be
//! checked against each other. It is also what runs where there is no adapter.

pub mod activation;
mod adaptive_avg_pool2d;
mod add;
mod array;
mod avg_pool2d;
mod batch_norm;
mod conv2d;
mod dynamic_conv2d;
mod evaluate;
mod fold;
mod global_avg_pool;
mod involution;
mod linear;
mod max_pool2d;
mod plan;
mod softmax;
mod span_involution;
mod unfold;

pub use array::Array;
pub use evaluate::{evaluate, run};
pub use plan::run_plan;

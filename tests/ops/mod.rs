//! One file per operator: what it must get right everywhere, what it refuses and for which reason, and an
//! identity that ties its definition to another operator's.

mod activation;
mod adaptive_avg_pool2d;
mod add;
mod avg_pool2d;
mod batch_norm;
mod conv2d;
mod dynamic_conv2d;
mod fold;
mod global_avg_pool;
mod involution;
mod linear;
mod max_pool2d;
mod softmax;
mod span_involution;
mod unfold;

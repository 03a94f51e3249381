//! The operators: parameters, shape checks and arithmetic cost. None of them knows a kernel or a device.
//!
//! Everything here is plain data. [`Op`] is what an operator must answer; [`Operator`] holds any one of
//! them by value, so that a call can be printed, compared, generated and sent to the GPU or to the
//! reference alike. [`kernels`](crate::kernels) says how a device carries one out.

pub mod activation;
pub mod adaptive_avg_pool2d;
pub mod add;
pub(crate) mod attributes;
pub mod avg_pool2d;
pub mod batch_norm;
pub mod conv2d;
pub mod dynamic_conv2d;
pub mod fold;
pub mod global_avg_pool;
pub mod involution;
pub mod linear;
pub mod max_pool2d;
mod op;
mod operator;
mod pool;
pub mod softmax;
pub mod span_involution;
pub mod unfold;

pub use self::activation::{Activate, Activation};
pub use self::adaptive_avg_pool2d::AdaptiveAvgPool2d;
pub use self::add::Add;
pub use self::avg_pool2d::AvgPool2d;
pub use self::batch_norm::BatchNorm;
pub use self::conv2d::Conv2d;
pub use self::dynamic_conv2d::DynamicConv2d;
pub use self::fold::Fold;
pub use self::global_avg_pool::GlobalAvgPool;
pub use self::involution::{ChannelOrder, Involution};
pub use self::linear::Linear;
pub use self::max_pool2d::MaxPool2d;
pub use self::softmax::Softmax;
pub use self::span_involution::SpanInvolution;
pub use self::unfold::Unfold;
pub use attributes::Attributes;
pub use op::{Cost, Op};
pub use operator::{NAMES, Operator};

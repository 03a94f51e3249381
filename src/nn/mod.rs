//! Layers: what people build networks of, each usable alone.
//!
//! A layer is plain data. It knows its shapes, parameters and multiply-adds without a device
//! ([`Layer`](crate::Layer)), its weights by the names that PyTorch gives them, and puts its steps into a
//! plan. [`Gpu::load`](crate::Gpu::load) runs it.

mod attributes;
mod conv_bn_act;
mod dynamic_conv2d;
mod involution2d;
mod parts;
mod rank;
mod separable_conv2d;

pub use attributes::{LAYERS, from_attributes};
pub use conv_bn_act::ConvBnAct;
pub use dynamic_conv2d::DynamicConv2d;
pub use involution2d::{Involution2d, PoolTo, Sigma, TapOrder};
pub(crate) use parts::{
    ConvSpec, EPS, activate, batch_norm, channels, conv, expect_channels, setters,
};
pub use rank::Rank;
pub use separable_conv2d::SeparableConv2d;

//! Layers, of which networks are built. Each can also run alone.
//!
//! A layer is plain data. It gives its shapes, parameters and multiply-adds without a device
//! ([`Layer`](crate::Layer)), names its weights as PyTorch does, and adds its steps to a plan.
//! [`Gpu::load`](crate::Gpu::load) puts it on a device.

mod attributes;
mod carafe;
mod conv3d;
mod conv_bn_act;
mod dynamic_conv2d;
mod dynamic_conv3d;
mod involution2d;
mod involution3d;
mod light_conv1d;
mod local_attention2d;
mod parts;
mod rank;
mod san;
mod separable_conv2d;

pub use attributes::{LAYERS, from_attributes};
pub use carafe::Carafe;
pub use conv_bn_act::ConvBnAct;
pub use conv3d::Conv3d;
pub use dynamic_conv2d::DynamicConv2d;
pub use dynamic_conv3d::DynamicConv3d;
pub use involution2d::{Involution2d, PoolTo, Sigma, TapOrder};
pub use involution3d::Involution3d;
pub use light_conv1d::{DynamicLightConv1d, LightConv1d};
pub use local_attention2d::LocalAttention2d;
pub(crate) use parts::{
    ConvSpec, EPS, activate, batch_norm, channels, conv, expect_channels, setters,
};
pub use rank::Rank;
pub use san::{San, SanRelation};
pub use separable_conv2d::SeparableConv2d;

//! Image classifiers.

mod blocks;
mod lsnet;
mod mobilenet_v2;
mod rednet;
mod resnet;

pub use lsnet::LSNet;
pub use mobilenet_v2::MobileNetV2;
pub use rednet::RedNet;
pub use resnet::ResNet;

//! The operators: parameters, shape checks and arithmetic cost. None of them knows a kernel or a device.
//!
//! Everything here is plain data. [`Op`] is the trait of all operators; [`Operator`] holds any one of them by value,
//! so that a call can be printed, compared, generated, and run by the GPU or the reference.
//! [`kernels`](crate::kernels) has the ways in which a device can run one.

/// Calls a macro with the list of all operators, each as `module::Type`: the one list there is. The module is the stem of the
/// operator's files: `src/ops/x.rs`, `src/reference/x.rs`, `src/kernels/x.rs`, and its cases in `crates/involution-check`.
#[doc(hidden)]
#[macro_export]
macro_rules! each_operator {
    ($callback:ident) => {
        $callback! {
            unfold::Unfold,
            unfold3d::Unfold3d,
            fold::Fold,
            conv2d::Conv2d,
            conv3d::Conv3d,
            conv_transpose2d::ConvTranspose2d,
            dynamic_conv2d::DynamicConv2d,
            dynamic_conv3d::DynamicConv3d,
            involution::Involution,
            involution3d::Involution3d,
            span_involution::SpanInvolution,
            qk::Qk,
            batch_norm::BatchNorm,
            group_norm::GroupNorm,
            activation::Activate,
            avg_pool2d::AvgPool2d,
            max_pool2d::MaxPool2d,
            avg_pool3d::AvgPool3d,
            max_pool3d::MaxPool3d,
            global_avg_pool::GlobalAvgPool,
            adaptive_avg_pool2d::AdaptiveAvgPool2d,
            resize::Resize,
            resize_argmax::ResizeArgmax,
            roi_align::RoiAlign,
            softmax::Softmax,
            argmax::Argmax,
            linear::Linear,
            concat::Concat,
            add::Add,
            mul::Mul,
        }
    };
}

/// Declares the module of each operator.
macro_rules! declare {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        $(pub mod $module; pub use self::$module::$variant;)+
    };
}

each_operator!(declare);

pub(crate) mod attributes;
pub(crate) mod broadcast;
mod epilogue;
mod list;
mod op;
mod pool;
pub(crate) mod value;

pub use self::involution::{Border, ChannelOrder, KernelLayout};
pub use self::resize::Interpolation;
pub use attributes::Attributes;
pub use epilogue::Activation;
pub use list::{NAMES, Operator};
pub use op::{Cost, Grouped, Op};

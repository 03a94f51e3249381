//! What an operator does to each output value before it is written.

use super::value::{Value, named_values};

/// A function of each element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// x
    #[default]
    None,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// 1 / (1 + e^-x)
    Sigmoid,
    /// x / (1 + e^-x)
    Silu,
}

impl Activation {
    /// Every activation with its name.
    pub const ALL: [(&'static str, Activation); 5] = [
        ("none", Activation::None),
        ("relu", Activation::Relu),
        ("relu6", Activation::Relu6),
        ("sigmoid", Activation::Sigmoid),
        ("silu", Activation::Silu),
    ];

    /// The number that `shaders/common/activation.wgsl` knows it by.
    pub(crate) fn code(self) -> usize {
        self as usize
    }

    /// Floating-point operations per element, roughly.
    pub(crate) fn flops(self) -> u64 {
        match self {
            Activation::None => 0,
            Activation::Relu => 1,
            Activation::Relu6 => 2,
            Activation::Sigmoid => 4,
            Activation::Silu => 5,
        }
    }
}

named_values! { Activation: "none, relu, relu6, sigmoid or silu" }

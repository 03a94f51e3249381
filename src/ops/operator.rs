//! Any one of the operators, by value.

use super::activation::Activation;
use super::op::{Cost, Op, Result};
use crate::shape::Shape;

/// Declares [`Operator`] and the lists that follow from it.
macro_rules! operators {
    ($($module:ident :: $variant:ident),+ $(,)?) => {
        $(use super::$module::$variant;)+

        /// Any one of the operators, by value.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Operator {
            $(#[doc = concat!("See [`", stringify!($variant), "`].")] $variant($variant)),+
        }

        /// The names of all operators.
        pub const NAMES: &[&str] = &[$(stringify!($module)),+];

        impl Operator {
            fn op(&self) -> &dyn Op {
                match self { $(Operator::$variant(op) => op),+ }
            }
        }

        $(impl From<$variant> for Operator {
            fn from(op: $variant) -> Self { Operator::$variant(op) }
        })+
    };
}

operators! {
    unfold::Unfold,
    fold::Fold,
    conv2d::Conv2d,
    dynamic_conv2d::DynamicConv2d,
    involution::Involution,
    span_involution::SpanInvolution,
    batch_norm::BatchNorm,
    activation::Activate,
    avg_pool2d::AvgPool2d,
    max_pool2d::MaxPool2d,
    global_avg_pool::GlobalAvgPool,
    adaptive_avg_pool2d::AdaptiveAvgPool2d,
    softmax::Softmax,
    linear::Linear,
    add::Add,
}

impl Operator {
    /// The activation that is done to each output value, where the operator has one.
    pub fn epilogue(&mut self) -> Option<&mut Activation> {
        match self {
            Operator::Conv2d(op) => Some(&mut op.activation),
            Operator::DynamicConv2d(op) => Some(&mut op.conv.activation),
            Operator::Involution(op) => Some(&mut op.activation),
            Operator::SpanInvolution(op) => Some(&mut op.involution.activation),
            Operator::BatchNorm(op) => Some(&mut op.activation),
            Operator::Linear(op) => Some(&mut op.activation),
            Operator::Add(op) => Some(&mut op.activation),
            Operator::Activate(op) => Some(&mut op.activation),
            Operator::Unfold(_)
            | Operator::Fold(_)
            | Operator::AvgPool2d(_)
            | Operator::MaxPool2d(_)
            | Operator::GlobalAvgPool(_)
            | Operator::AdaptiveAvgPool2d(_)
            | Operator::Softmax(_) => None,
        }
    }

    /// Whether the operator works on rows of values. The dimensions behind batch and channels are an image otherwise.
    pub(crate) fn works_on_rows(&self) -> bool {
        match self {
            Operator::Linear(_) | Operator::Softmax(_) => true,
            Operator::Unfold(_)
            | Operator::Fold(_)
            | Operator::Conv2d(_)
            | Operator::DynamicConv2d(_)
            | Operator::Involution(_)
            | Operator::SpanInvolution(_)
            | Operator::BatchNorm(_)
            | Operator::Activate(_)
            | Operator::AvgPool2d(_)
            | Operator::MaxPool2d(_)
            | Operator::GlobalAvgPool(_)
            | Operator::AdaptiveAvgPool2d(_)
            | Operator::Add(_) => false,
        }
    }

    /// Arithmetic and compulsory traffic; what is past a `u64` is given as its largest value.
    pub fn cost(&self, inputs: &[&Shape]) -> Result<Cost> {
        let mut elements = self.output_shape(inputs)?.elements()? as u64;
        for input in inputs {
            elements = elements.saturating_add(input.elements()? as u64);
        }
        Ok(Cost { flops: self.flops(inputs)?, bytes: elements.saturating_mul(4) })
    }
}

impl Op for Operator {
    fn name(&self) -> &'static str {
        self.op().name()
    }
    fn inputs(&self) -> Vec<&'static str> {
        self.op().inputs()
    }
    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape> {
        let shape = self.op().output_shape(inputs)?;
        // An output that cannot be counted is refused here for all operators.
        shape.elements()?;
        Ok(shape)
    }
    fn flops(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs)?;
        self.op().flops(inputs)
    }
    fn macs(&self, inputs: &[&Shape]) -> Result<u64> {
        self.output_shape(inputs)?;
        self.op().macs(inputs)
    }
    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        self.op().batched(inputs)
    }
}

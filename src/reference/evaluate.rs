//! One operator by its definition.

use super::array::Array;
use super::{
    activation, adaptive_avg_pool2d, add, avg_pool2d, batch_norm, conv2d, dynamic_conv2d, fold,
    global_avg_pool, involution, linear, max_pool2d, softmax, span_involution, unfold,
};
use crate::error::{Error, Result};
use crate::ops::{Op, Operator};
use crate::shape::Shape;
use crate::tensor::{AsView, Tensor};

/// Runs an operator on host tensors and rounds the result once.
pub fn run(op: &Operator, inputs: &[impl AsView]) -> Result<Tensor> {
    let arrays: Vec<Array> = inputs.iter().map(|input| Array::from(input.view())).collect();
    evaluate(op, &arrays)?.to_tensor()
}

/// Runs an operator in double precision throughout.
pub fn evaluate(op: &Operator, inputs: &[Array]) -> Result<Array> {
    let shapes: Vec<Shape> = inputs.iter().map(|input| Shape::new(input.shape.clone())).collect();
    let shapes: Vec<&Shape> = shapes.iter().collect();
    op.output_shape(&shapes).map_err(Error::at(op.name()))?;
    Ok(match op {
        Operator::Unfold(op) => unfold::unfold(op, inputs),
        Operator::Fold(op) => fold::fold(op, inputs),
        Operator::Conv2d(op) => conv2d::conv2d(op, inputs),
        Operator::DynamicConv2d(op) => dynamic_conv2d::dynamic_conv2d(op, inputs),
        Operator::Involution(op) => involution::involution(op, inputs),
        Operator::SpanInvolution(op) => span_involution::span_involution(op, inputs),
        Operator::BatchNorm(op) => batch_norm::batch_norm(op, inputs),
        Operator::Activate(op) => activation::activate(op, inputs),
        Operator::AvgPool2d(op) => avg_pool2d::avg_pool2d(op, inputs),
        Operator::MaxPool2d(op) => max_pool2d::max_pool2d(op, inputs),
        Operator::GlobalAvgPool(op) => global_avg_pool::global_avg_pool(op, inputs),
        Operator::AdaptiveAvgPool2d(op) => adaptive_avg_pool2d::adaptive_avg_pool2d(op, inputs),
        Operator::Softmax(op) => softmax::softmax(op, inputs),
        Operator::Linear(op) => linear::linear(op, inputs),
        Operator::Add(op) => add::add(op, inputs),
    })
}

//! A usual call of each operator, in any batch and size.

use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, Conv2d, DynamicConv2d,
    Fold, GlobalAvgPool, Involution, Linear, MaxPool2d, Softmax, SpanInvolution, Unfold,
};
use involution::{Operator, Shape, Window};

/// The height and width that others are compared with.
pub const USUAL_SIZE: usize = 56;

const CHANNELS: usize = 64;

/// The operator and the shapes of its inputs: 64 channels, the window that the operator is mostly used with. Of what
/// has no height and width, `size` is the number of values.
pub fn call(name: &str, batch: usize, size: usize) -> (Operator, Vec<Shape>) {
    let x = Shape::from([batch, CHANNELS, size, size]);
    let vector = || Shape::from([CHANNELS]);
    let k2 = Window::new([2, 2]).stride([2, 2]);
    let (k3, k7) = (Window::new([3, 3]).padding(1), Window::new([7, 7]).padding(3));
    let conv = Conv2d { padding: 1.into(), ..Conv2d::default() };
    let weight = [CHANNELS, CHANNELS, 3, 3];
    match name {
        "involution" => {
            let groups = CHANNELS / 16;
            let kernel = Shape::from([batch, 49 * groups, size, size]);
            (Involution::new(k7, groups).into(), vec![x, kernel])
        }
        "span_involution" => {
            let groups = CHANNELS / 16;
            let op = SpanInvolution { involution: Involution::new(k7, groups), bias: true };
            let reduced = Shape::from([batch, CHANNELS / 4, size, size]);
            let weight = Shape::from([49 * groups, CHANNELS / 4, 1, 1]);
            (op.into(), vec![x, reduced, weight, [49 * groups].into()])
        }
        "conv2d" => (conv.into(), vec![x, weight.into()]),
        "dynamic_conv2d" => {
            let bank = Shape::new([&[4], &weight[..]].concat());
            (DynamicConv2d { conv }.into(), vec![x, [batch, 4].into(), bank])
        }
        "linear" => (Linear::default().into(), vec![[batch, size].into(), [CHANNELS, size].into()]),
        "softmax" => (Softmax::default().into(), vec![[batch, size].into()]),
        "batch_norm" => {
            (BatchNorm::default().into(), vec![x, vector(), vector(), vector(), vector()])
        }
        "add" => (Add::default().into(), vec![x.clone(), x]),
        "avg_pool2d" => (AvgPool2d::new(k2).into(), vec![x]),
        "max_pool2d" => (MaxPool2d::new(k3.stride([2, 2])).into(), vec![x]),
        "adaptive_avg_pool2d" => (AdaptiveAvgPool2d { output_size: [7, 7] }.into(), vec![x]),
        "global_avg_pool" => (GlobalAvgPool.into(), vec![x]),
        "unfold" => (Unfold { window: k7 }.into(), vec![x]),
        "fold" => {
            let columns = Shape::from([batch, 49 * CHANNELS, size * size]);
            (Fold { window: k7, output_size: [size; 2] }.into(), vec![columns])
        }
        _ => (Activate { activation: Activation::Relu }.into(), vec![x]),
    }
}

//! Convolutions with normalisation and activation, and depthwise-separable ones.

use std::sync::Arc;

use involution::nn::{ConvBnAct, SeparableConv2d};
use involution::ops::{Activation, Conv2d};
use involution::reference::Array;
use involution::{Layer, Padding, Shape, ShapeError, StateDict};

use super::{Defined, activate, check, conv, norm, pointwise, refusal, sides};
use crate::networks::{state_of, zeros_of};

fn conv_bn_act(layer: ConvBnAct, x: &[usize]) {
    check(&Arc::new(layer.clone()), x, |weights, x| {
        let ConvBnAct { stride, padding, dilation, groups, bias, .. } = layer;
        let op = Conv2d { stride, padding, dilation, groups, bias, ..Conv2d::default() };
        let mut y = conv(weights, "conv", x, op);
        if layer.norm.is_some() {
            y = norm(weights, "bn", &y);
        }
        vec![("out", activate(layer.activation, &y))]
    });
}

#[test]
fn convolutions_with_norm_and_activation() {
    conv_bn_act(ConvBnAct::new(3, 5, [3, 3]), &[2, 3, 7, 6]);
    let layer = ConvBnAct::new(4, 6, [3, 5]).groups(2).stride([2, 1]).dilation([1, 2]);
    conv_bn_act(layer.clone().padding(sides(1, 3)), &[1, 4, 9, 11]);
    let mut layer = layer.activation(Activation::Silu);
    layer.bias = true;
    conv_bn_act(layer.clone(), &[2, 4, 8, 9]);
    layer.norm = None;
    conv_bn_act(layer.clone(), &[2, 4, 8, 9]);
    layer.activation = Activation::None;
    layer.bias = false;
    conv_bn_act(layer, &[2, 4, 8, 9]);
    // Depthwise, pointwise, and a kernel of even size.
    conv_bn_act(ConvBnAct::new(6, 6, [3, 3]).groups(6).stride([2, 2]), &[1, 6, 9, 9]);
    conv_bn_act(ConvBnAct::new(7, 40, [1, 1]), &[3, 7, 5, 5]);
    conv_bn_act(ConvBnAct::new(2, 3, [4, 2]).padding(Padding::Full), &[1, 2, 5, 5]);
}

fn separable(layer: SeparableConv2d, x: &[usize]) {
    check(&Arc::new(layer.clone()), x, |weights, x| -> Defined {
        let SeparableConv2d { stride, padding, dilation, bias, in_channels: groups, .. } = layer;
        let op = Conv2d { stride, padding, dilation, groups, bias, ..Conv2d::default() };
        let normed = |name: &str, y: Array| match layer.norm {
            Some(_) => norm(weights, name, &y),
            None => y,
        };
        let y = activate(layer.activation, &normed("bn1", conv(weights, "depthwise", x, op)));
        let y =
            activate(layer.activation, &normed("bn2", pointwise(weights, "pointwise", &y, bias)));
        vec![("out", y)]
    });
}

#[test]
fn separable_convolutions() {
    separable(SeparableConv2d::new(4, 6, [3, 3]), &[2, 4, 7, 6]);
    let layer = SeparableConv2d::new(5, 3, [5, 3]).stride([1, 2]).padding(sides(2, 1));
    separable(layer.clone(), &[1, 5, 7, 9]);
    separable(layer.clone().bias(true), &[1, 5, 7, 9]);
    separable(layer.clone().norm(Activation::Relu6), &[2, 5, 7, 9]);
    separable(layer.clone().bias(true).norm(Activation::Silu).dilation([2, 1]), &[1, 5, 9, 6]);
    let layer = layer.multiplier(3);
    separable(layer.norm(Activation::Relu), &[1, 5, 6, 8]);
}

#[test]
fn layers_from_weights() {
    let x = Shape::from([1, 4, 8, 8]);
    for (groups, bias, normed) in [(1, false, true), (2, true, false), (4, true, true)] {
        let mut layer = ConvBnAct::new(4, 8, [3, 1]).groups(groups);
        layer.bias = bias;
        layer.norm = layer.norm.filter(|_| normed);
        let weights = state_of(&layer.plan(&x).unwrap(), 1);
        assert_eq!(ConvBnAct::from_weights(&weights, groups).unwrap(), layer);
    }
    for (multiplier, bias, normed) in [(1, false, false), (2, true, false), (3, false, true)] {
        let layer = SeparableConv2d::new(4, 6, [3, 5]).bias(bias);
        let layer = layer.multiplier(multiplier);
        // The activation is not in the weights.
        let layer = if normed { layer.norm(Activation::None) } else { layer };
        let weights = state_of(&layer.plan(&x).unwrap(), 1);
        assert_eq!(SeparableConv2d::from_weights(&weights, multiplier).unwrap(), layer);
    }
}

#[test]
fn what_does_not_divide_or_is_missing_is_refused() {
    let layer = SeparableConv2d::new(4, 6, [3, 3]);
    let weights = zeros_of(&layer.example_plan().unwrap());
    for multiplier in [0, 3] {
        let error = SeparableConv2d::from_weights(&weights, multiplier).unwrap_err();
        assert!(matches!(refusal(error), ShapeError::NotDivisible { .. }));
    }
    for error in [
        ConvBnAct::from_weights(&StateDict::new(), 1).unwrap_err(),
        ConvBnAct::from_weights(&weights, 1).unwrap_err(),
    ] {
        assert!(error.to_string().contains("conv.weight"), "{error}");
    }
    let error = SeparableConv2d::from_weights(&StateDict::new(), 1).unwrap_err();
    assert!(error.to_string().contains("depthwise.weight"), "{error}");
    let refused = |layer: ConvBnAct| refusal(layer.plan(&Shape::from([1, 4, 5, 5])).unwrap_err());
    for groups in [0, 3] {
        let error = refused(ConvBnAct::new(4, 6, [3, 3]).groups(groups));
        assert!(matches!(error, ShapeError::NotDivisible { .. }), "{error:?}");
    }
    // Channels that come divide into groups, those that go do not.
    let error = refused(ConvBnAct::new(4, 6, [3, 3]).groups(4));
    assert!(matches!(error, ShapeError::NotDivisible { .. }), "{error:?}");
    let error = refused(ConvBnAct::new(4, 6, [7, 3]).padding(0));
    assert!(matches!(error, ShapeError::WindowTooLarge { .. }), "{error:?}");
}

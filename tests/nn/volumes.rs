//! Layers of volumes.

use std::sync::Arc;

use involution::nn::{Conv3d, DynamicConv3d, Involution3d, PoolTo, Sigma};
use involution::ops::{self, Activation, AvgPool3d, Unfold3d};
use involution::reference::Array;
use involution::{Layer, Shape, ShapeError, StateDict, Window};

use super::{Defined, activate, check, norm, refusal};
use crate::harness::evaluate;
use crate::networks::{weight, zeros_of};

/// A convolution of one tap with the weights of this name.
fn pointwise(weights: &StateDict, name: &str, x: &Array) -> Array {
    let kernel = weight(weights, &format!("{name}.weight"));
    let op =
        ops::Conv3d { bias: weights.get(&format!("{name}.bias")).is_some(), ..Default::default() };
    match op.bias {
        true => evaluate(op, &[x, &kernel, &weight(weights, &format!("{name}.bias"))]),
        false => evaluate(op, &[x, &kernel]),
    }
}

/// `y[n,c,q] = sum_t kernel[n,g,t,q] * windows[n,c,(t*P+q)/T,(t*P+q)%T]` for windows `[N, C, P, T]`.
fn mixed_up(value: &Array, kernel: &Array, window: Window<3>, groups: usize) -> Array {
    let columns = evaluate(Unfold3d { window }, &[value]);
    let (taps, places) = (window.taps(), columns.shape[2]);
    let [n, c] = [value.shape[0], value.shape[1]];
    let flat = Array { shape: vec![n, groups * taps, places], data: kernel.data.clone() };
    let y = Array::from_fn([n, c, places], |[b, channel, q]| {
        let term = |t: usize| {
            let at = t * places + q;
            let value = columns.at(&[b, channel * taps + at % taps, at / taps]);
            flat.at(&[b, channel / (c / groups) * taps + t, q]) * value
        };
        (0..taps).map(term).sum()
    });
    Array { shape: [&[n, c], &kernel.shape[2..]].concat(), ..y }
}

fn involutes(layer: Involution3d, x: &[usize]) {
    check(&Arc::new(layer.clone()), x, |weights, x| {
        let stride = layer.window.stride;
        let pooled = evaluate(AvgPool3d::new(Window::new(stride).stride(stride)), &[x]);
        let reduced = pointwise(weights, "reduce_mapping", &pooled);
        let middle = match &layer.sigma {
            Sigma::BatchNormRelu(_) => {
                activate(Activation::Relu, &norm(weights, "sigma_mapping.0", &reduced))
            }
            Sigma::Activation(activation) => activate(*activation, &reduced),
            Sigma::Layer(_) => panic!("not here"),
        };
        let kernel = pointwise(weights, "span_mapping", &middle);
        let value = match layer.in_channels == layer.out_channels {
            true => x.clone(),
            false => pointwise(weights, "initial_mapping", x),
        };
        let y = match layer.compatible_with_released {
            true => mixed_up(&value, &kernel, layer.window, layer.groups),
            false => {
                evaluate(ops::Involution3d::new(layer.window, layer.groups), &[&value, &kernel])
            }
        };
        vec![("kernel", kernel), ("out", y)]
    });
}

#[test]
fn the_involution_of_volumes_as_intended_and_as_released() {
    for released in [false, true] {
        let layer = Involution3d::new(4, 4).compatible_with_released(released);
        involutes(layer.clone().kernel_size([3, 3, 3]), &[2, 4, 3, 4, 5]);
        let changes = Involution3d::new(6, 4).compatible_with_released(released);
        let changes = changes.kernel_size([3, 3, 3]).stride([1, 2, 2]).groups(2).reduction_ratio(2);
        involutes(changes.bias(true), &[1, 6, 3, 4, 6]);
        let sigma = Sigma::Activation(Activation::Sigmoid);
        involutes(layer.sigma(sigma).kernel_size([3, 3, 3]).groups(4), &[1, 4, 2, 3, 4]);
    }
    let uneven =
        Involution3d::new(4, 4).kernel_size([1, 3, 5]).dilation([1, 2, 1]).padding([0, 2, 2]);
    involutes(uneven, &[1, 4, 2, 5, 6]);
    // Of one tap both are the same.
    let one = Involution3d::new(4, 6).kernel_size([1, 1, 1]).groups(2);
    involutes(one.clone(), &[1, 4, 2, 3, 4]);
    involutes(one.compatible_with_released(true), &[1, 4, 2, 3, 4]);
}

/// The parameters of the released layer: reduce `Ci * Co/r`, normalisation, span `Co/r * K^3 * G`, initial `Ci * Co`.
#[test]
fn the_involution_of_volumes_has_the_parameters_of_the_released_one() {
    let layer = Involution3d::new(8, 12).groups(4).reduction_ratio(3);
    assert_eq!(layer.parameters().unwrap(), 8 * 4 + 2 * 4 + 4 * 343 * 4 + 8 * 12);
    let plan = layer.plan(&Shape::from([1, 8, 4, 8, 8])).unwrap();
    let weights = zeros_of(&plan);
    let found = Involution3d::from_weights(&weights).unwrap();
    assert_eq!((found.in_channels, found.out_channels, found.reduction_ratio), (8, 12, 3));
    assert_eq!(found.groups(4).plan(&Shape::from([1, 8, 4, 8, 8])).unwrap(), plan);
}

#[test]
fn sizes_that_the_stride_does_not_divide_are_pooled_where_that_is_wanted() {
    let layer = Involution3d::new(4, 4).kernel_size([3, 3, 3]).stride([1, 2, 1]);
    let x = Shape::from([1, 4, 3, 5, 6]);
    let error = refusal(layer.plan(&x).unwrap_err());
    let (kernels, positions) = (vec![3, 2, 6], vec![3, 3, 6]);
    assert_eq!(error, ShapeError::KernelPositions { kernels, positions });
    let pooled = layer.pool_to(PoolTo::Output);
    assert_eq!(pooled.output_shape(&x).unwrap(), Shape::from([1, 4, 3, 3, 6]));
    let mixed = Involution3d::new(4, 4).compatible_with_released(true);
    for wrong in
        [mixed.clone().padding([3, 3, 2]), mixed.clone().dilation([2, 1, 1]).padding([6, 3, 3])]
    {
        let error =
            refusal(wrong.pool_to(PoolTo::Output).plan(&Shape::from([1, 4, 9, 9, 9])).unwrap_err());
        assert!(matches!(error, ShapeError::Parameter { .. }), "{error:?}");
    }
}

#[test]
fn convolutions_of_volumes() {
    let conv = Conv3d::new(4, 6, [3, 1, 2]).stride([1, 2, 1]).padding([1, 0, 1]).groups(2);
    for layer in [conv.clone(), conv.bias(false)] {
        check(&Arc::new(layer.clone()), &[2, 4, 3, 5, 6], |weights, x| {
            let Conv3d { stride, padding, dilation, groups, bias, .. } = layer;
            let op = ops::Conv3d { stride, padding, dilation, groups, bias, ..Default::default() };
            let kernel = weight(weights, "weight");
            let y = match bias {
                true => evaluate(op, &[x, &kernel, &weight(weights, "bias")]),
                false => evaluate(op, &[x, &kernel]),
            };
            vec![("out", y)]
        });
    }
    let layer = Conv3d::new(8, 16, [3, 3, 3]);
    assert_eq!(layer.parameters().unwrap(), 16 * 8 * 27 + 16);
}

/// The attention of volumes has no bias in its second convolution.
#[test]
fn dynamic_convolutions_of_volumes() {
    let dynamic = DynamicConv3d::new(6, 4, [3, 3, 3]).padding(1).groups(2).temperature(4.0);
    for layer in [dynamic.clone(), dynamic.bias(false).kernels(3)] {
        check(&Arc::new(layer.clone()), &[3, 6, 3, 4, 5], |weights, x| defined(&layer, weights, x));
    }
    // fc1, fc2, the bank of weights and that of biases.
    let layer = DynamicConv3d::new(8, 16, [3, 3, 3]);
    assert_eq!(layer.parameters().unwrap(), 8 * 3 + 3 * 4 + 4 * 16 * 8 * 27 + 4 * 16);
    let weights = zeros_of(&layer.example_plan().unwrap());
    assert_eq!(DynamicConv3d::from_weights(&weights).unwrap(), layer);
}

fn defined(layer: &DynamicConv3d, weights: &StateDict, x: &Array) -> Defined {
    let [n, c] = [x.shape[0], x.shape[1]];
    let places = x.data.len() / (n * c);
    let flat = Array { shape: vec![n, c, places], data: x.data.clone() };
    let mean =
        |b: usize, c: usize| (0..places).map(|i| flat.at(&[b, c, i])).sum::<f64>() / places as f64;
    let [fc1, fc2] =
        ["fc1", "fc2"].map(|name| weight(weights, &format!("attention.{name}.weight")));
    let logit = |b: usize, k: usize| -> f64 {
        let middle =
            |m: usize| (0..c).map(|i| fc1.data[m * c + i] * mean(b, i)).sum::<f64>().max(0.0);
        (0..layer.hidden).map(|m| fc2.data[k * layer.hidden + m] * middle(m)).sum()
    };
    let power = |b, k| (logit(b, k) / f64::from(layer.temperature)).exp();
    let attention = Array::from_fn([n, layer.kernels], |[b, k]| {
        power(b, k) / (0..layer.kernels).map(|k| power(b, k)).sum::<f64>()
    });
    let Conv3d { stride, padding, dilation, groups, bias, .. } = layer.conv;
    let conv = ops::Conv3d { stride, padding, dilation, groups, bias, ..Default::default() };
    let op = ops::DynamicConv3d { conv };
    let bank = weight(weights, "weight");
    let y = match bias {
        true => evaluate(op, &[x, &attention, &bank, &weight(weights, "bias")]),
        false => evaluate(op, &[x, &attention, &bank]),
    };
    vec![("attention", attention), ("out", y)]
}

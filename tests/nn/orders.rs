//! Other orders of taps and channels: the same layer with its weights, or its channels, permuted.

use std::sync::Arc;

use involution::nn::{Involution2d, TapOrder};
use involution::ops::ChannelOrder;
use involution::{Layer, Shape, StateDict, Tensor, reference};

use crate::adapters;
use crate::networks::{assert_close, input, state_of};

const GROUPS: usize = 3;
const TAPS: usize = 15;

fn layer() -> Involution2d {
    Involution2d::with_projection(6, 6).kernel_size([3, 5]).groups(GROUPS).bias(true)
}

/// The slices along the first dimension, in another order: `from(i)` is the one that becomes the i-th.
fn rows(tensor: &Tensor, from: impl Fn(usize) -> usize) -> Tensor {
    let count = tensor.shape().dims()[0];
    let length = tensor.data().len() / count;
    let slices = (0..count).flat_map(|row| {
        let start = from(row) * length;
        tensor.data()[start..start + length].to_vec()
    });
    Tensor::new(tensor.shape().clone(), slices.collect()).unwrap()
}

/// The slices along the second dimension, likewise.
fn columns(tensor: &Tensor, from: impl Fn(usize) -> usize) -> Tensor {
    let dims = tensor.shape().dims().to_vec();
    let inner: usize = dims[2..].iter().product();
    let mut data = Vec::new();
    for outer in 0..dims[0] {
        for column in 0..dims[1] {
            let start = (outer * dims[1] + from(column)) * inner;
            data.extend(&tensor.data()[start..start + inner]);
        }
    }
    Tensor::new(tensor.shape().clone(), data).unwrap()
}

/// The layer's result on the reference and on every adapter is this.
fn gives(layer: &Involution2d, weights: &StateDict, x: &Tensor, want: &Tensor) {
    let plan = layer.plan(x.shape()).unwrap().keep(&["out"]).unwrap();
    let found = reference::run_plan(&plan, weights, &[x]).unwrap();
    assert_close("reference", &found[0].1, want, 1e-6);
    adapters::each(|gpu| {
        let network = gpu.load_shared(Arc::new(layer.clone()), weights.clone()).unwrap();
        assert_close("adapter", &network.run(x).unwrap(), want, 1e-5);
        adapters::count(1);
    });
}

fn plain(weights: &StateDict, x: &Tensor) -> Tensor {
    let plan = layer().plan(x.shape()).unwrap().keep(&["out"]).unwrap();
    reference::run_plan(&plan, weights, &[x]).unwrap().remove(0).1
}

fn example() -> (StateDict, Tensor) {
    let shape = Shape::from([2, 6, 5, 6]);
    (state_of(&layer().plan(&shape).unwrap(), 21), input(shape.dims(), 22))
}

/// Row `tap * G + g` of the one is row `g * taps + tap` of the other, of the weight and of the bias.
#[test]
fn taps_before_groups() {
    let (weights, x) = example();
    let want = plain(&weights, &x);
    let mut permuted = weights.clone();
    for name in ["span_mapping.weight", "span_mapping.bias"] {
        let by_tap = |row: usize| (row % GROUPS) * TAPS + row / GROUPS;
        permuted.insert(name, rows(weights.get(name).unwrap(), by_tap));
    }
    assert_ne!(permuted, weights);
    let by_tap = layer().tap_order(TapOrder::TapMajor);
    gives(&by_tap, &permuted, &x, &want);
    // The order matters: the rows as they were are another layer.
    let plan = by_tap.plan(x.shape()).unwrap().keep(&["out"]).unwrap();
    let other = reference::run_plan(&plan, &weights, &[&x]).unwrap().remove(0).1;
    assert!(crate::networks::distance(&other, &want) > 0.01);
}

/// Channel c belongs to group c % G instead of c / (C/G): both with their channels brought in order.
#[test]
fn interleaved_channels() {
    let (weights, x) = example();
    let want = plain(&weights, &x);
    // Channel c of the interleaved layer is the c / G-th of group c % G.
    let from = |channel: usize| (channel % GROUPS) * (6 / GROUPS) + channel / GROUPS;
    let mut permuted = weights.clone();
    let name = "reduce_mapping.weight";
    permuted.insert(name, columns(weights.get(name).unwrap(), from));
    let interleaved = layer().channel_order(ChannelOrder::Interleaved);
    gives(&interleaved, &permuted, &columns(&x, from), &columns(&want, from));
}

/// Both at once, as the Keras example has it.
#[test]
fn taps_first_and_interleaved() {
    let (weights, x) = example();
    let want = plain(&weights, &x);
    let from = |channel: usize| (channel % GROUPS) * (6 / GROUPS) + channel / GROUPS;
    let by_tap = |row: usize| (row % GROUPS) * TAPS + row / GROUPS;
    let mut permuted = weights.clone();
    let name = "reduce_mapping.weight";
    permuted.insert(name, columns(weights.get(name).unwrap(), from));
    for name in ["span_mapping.weight", "span_mapping.bias"] {
        permuted.insert(name, rows(weights.get(name).unwrap(), by_tap));
    }
    let keras = layer().channel_order(ChannelOrder::Interleaved).tap_order(TapOrder::TapMajor);
    gives(&keras, &permuted, &columns(&x, from), &columns(&want, from));
}

//! NaN and infinities: each kernel has them exactly where the definition has them.
//!
//! One thing is left open: a special weight at a tap that lies in the padding. The definition leaves such
//! taps out, kernels multiply them by zero. Weights are therefore spoiled in calls without padding alone.

use involution::Tensor;
use involution::check::{Case, expected};
use involution::ops::{
    Activate, Activation, Add, Conv2d, Involution, Linear, MaxPool2d, Operator, Softmax,
};
use involution::{Padding, Window};

use crate::{adapters, harness};

/// Values to be put into a tensor, one at a time and all at once.
const SPECIAL: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

/// Puts special values into input `index` of the case and compares every kernel with the reference.
fn spread(case: &Case, index: usize) {
    let mut rng = fastrand::Rng::with_seed(case.seed);
    for values in [&SPECIAL[..1], &SPECIAL[1..2], &SPECIAL[2..], &SPECIAL] {
        let mut inputs = case.inputs();
        let data = inputs[index].data_mut();
        for place in 0..3 {
            // The corners and a place in between.
            let at = [0, data.len() - 1, rng.usize(..data.len())][place];
            data[at] = values[place % values.len()];
        }
        compared(&case.operator, &inputs, &case.to_string());
    }
}

fn compared(op: &Operator, inputs: &[Tensor], story: &str) {
    let want = expected(op, &harness::views(inputs)).unwrap();
    adapters::count(1);
    adapters::each(|gpu| {
        harness::check_on(gpu, op, &harness::views(inputs), &want)
            .unwrap_or_else(|why| panic!("{story}: {why}"));
    });
}

fn case(operator: impl Into<Operator>, shapes: &[&[usize]]) -> Case {
    Case::new("special values", operator, shapes)
}

const ACTIVATIONS: [Activation; 5] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::Sigmoid, Activation::Silu];

#[test]
fn activations() {
    for activation in ACTIVATIONS {
        spread(&case(Activate { activation }, &[&[300]]), 0);
    }
}

#[test]
fn sums() {
    for activation in ACTIVATIONS {
        spread(&case(Add { activation }, &[&[3, 40], &[3, 40]]), 0);
        spread(&case(Add { activation }, &[&[3, 40], &[40]]), 1);
    }
}

#[test]
fn maxima() {
    let window = Window::new([3, 2]).stride([2, 1]).padding(1);
    for ceil_mode in [false, true] {
        spread(&case(MaxPool2d { window, ceil_mode }, &[&[2, 3, 9, 7]]), 0);
    }
}

#[test]
fn softmax() {
    for (axis, shape) in [(1, [7, 9]), (0, [9, 7]), (-1, [3, 200])] {
        spread(&case(Softmax { axis, temperature: 0.5 }, &[&shape]), 0);
    }
    // A row of minus infinity alone, and one of minus infinity but for one value.
    let mut x = vec![f32::NEG_INFINITY; 3 * 100];
    x[150] = 3.0;
    let op = Softmax { axis: 1, temperature: 1.0 }.into();
    compared(&op, &[Tensor::new([3, 100], x).unwrap()], "minus infinity alone");
}

#[test]
fn convolutions() {
    let conv = Conv2d { activation: Activation::Relu, bias: true, ..Conv2d::default() };
    let padded = Conv2d { padding: Padding::Same, stride: [2, 1], ..conv };
    for (conv, weight) in [(conv, [11, 6, 1, 1]), (padded, [11, 6, 3, 3])] {
        spread(&case(conv, &[&[2, 6, 9, 7], &weight, &[11]]), 0);
        spread(&case(conv, &[&[2, 6, 9, 7], &weight, &[11]]), 2);
    }
    let depthwise = Conv2d { groups: 6, ..padded };
    spread(&case(depthwise, &[&[2, 6, 9, 7], &[12, 1, 3, 3], &[12]]), 0);
    // A special weight spoils its own output channel, and no other one of its tile.
    spread(&case(conv, &[&[2, 6, 9, 7], &[11, 6, 1, 1], &[11]]), 1);
    let valid = Conv2d { padding: Padding::Valid, ..padded };
    spread(&case(valid, &[&[2, 6, 9, 7], &[11, 6, 3, 3], &[11]]), 1);
}

#[test]
fn involutions() {
    let window = Window::new([3, 3]).padding(1);
    for window in [window, window.stride([2, 2]), window.dilation([2, 2])] {
        let [height, width] = window.output_size([9, 7]).unwrap();
        let shapes: [&[usize]; 2] = [&[2, 6, 9, 7], &[2, 18, height, width]];
        spread(&case(Involution::new(window, 2), &shapes), 0);
    }
    let valid = Window::new([3, 3]);
    spread(&case(Involution::new(valid, 2), &[&[2, 6, 9, 7], &[2, 18, 7, 5]]), 1);
}

#[test]
fn linear_layers() {
    for rows in [1, 9] {
        for index in 0..3 {
            let op = Linear { bias: true, activation: Activation::Silu };
            spread(&case(op, &[&[rows, 130], &[7, 130], &[7]]), index);
        }
    }
}

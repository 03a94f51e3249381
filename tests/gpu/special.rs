//! NaN and infinities: each kernel has them exactly where the definition has them. Padding is zeros that take
//! part in a sum: a special weight counts there as anywhere else, while zeros that are only added, those of
//! an average, change nothing.

use involution::Tensor;
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, Argmax, AvgPool2d, ChannelOrder, Conv2d,
    DynamicConv2d, Fold, GlobalAvgPool, Interpolation, Involution, Linear, MaxPool2d, Mul,
    Operator, Resize, ResizeArgmax, Softmax, Unfold,
};
use involution::reference::Array;
use involution::{Padding, Window};
use involution_check::{Case, expected};

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
fn sums_and_products() {
    for activation in ACTIVATIONS {
        spread(&case(Add { activation }, &[&[3, 40], &[3, 40]]), 0);
        spread(&case(Add { activation }, &[&[3, 40], &[40]]), 1);
        spread(&case(Mul { activation }, &[&[3, 40], &[3, 1]]), 0);
        spread(&case(Mul { activation }, &[&[3, 40], &[40]]), 1);
    }
}

#[test]
fn maxima() {
    let window = Window::new([3, 2]).stride([2, 1]).padding(1);
    for ceil_mode in [false, true] {
        spread(&case(MaxPool2d { window, ceil_mode }, &[&[2, 3, 9, 7]]), 0);
    }
}

/// The first NaN is the largest, minus infinity the smallest, and of equal values the first counts.
#[test]
fn places_of_maxima() {
    for shape in [[2, 5, 3, 7], [2, 5, 3, 8]] {
        spread(&case(Argmax, &[&shape]), 0);
        let mut x = vec![f32::NEG_INFINITY; shape.iter().product()];
        compared(&Argmax.into(), &[Tensor::new(shape, x.clone()).unwrap()], "minus infinity alone");
        let places = shape[2] * shape[3];
        for (index, value) in x.iter_mut().enumerate() {
            let channel = index / places % shape[1];
            *value = if channel % 2 == index % 2 { f32::NAN } else { f32::INFINITY };
        }
        compared(&Argmax.into(), &[Tensor::new(shape, x).unwrap()], "NaN after infinity");
    }
}

/// The first NaN is the largest, wherever a pixel is made of one.
#[test]
fn places_of_maxima_of_resized_images() {
    for output_size in [[9, 7], [11, 8], [4, 3]] {
        let once = ResizeArgmax::new(output_size);
        let twice = ResizeArgmax { via: Some([13, 15]), input_size: Some([12, 11]), ..once };
        for op in [once, twice] {
            spread(&case(op, &[&[2, 5, 9, 7]]), 0);
        }
    }
}

/// A weight of 0 counts: what is infinite beside a pixel that is copied makes it NaN.
#[test]
fn resized_images() {
    for (_, mode) in Interpolation::ALL {
        for output_size in [[9, 13], [11, 8], [4, 3], [27, 28]] {
            let shapes: [&[usize]; 2] = [&[2, 3, 9, 7], &[2, 3, output_size[0], output_size[1]]];
            let resize = Resize::new(output_size, mode);
            spread(&case(resize, &shapes[..1]), 0);
            let part = Resize { input_size: Some([6, 5]), ..resize };
            spread(&case(part, &shapes[..1]), 0);
            spread(&case(Resize { residual: true, ..resize }, &shapes), 1);
        }
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
    let depthwise = Conv2d { groups: 6, ..padded };
    let tiled = Conv2d { padding: 1.into(), ..conv };
    // Every tap of some window lies in the padding.
    let full = Conv2d { padding: Padding::Full, activation: Activation::None, ..conv };
    for (conv, x, weight) in [
        (conv, [2, 6, 9, 7], [11, 6, 1, 1]),
        (padded, [2, 6, 9, 7], [11, 6, 3, 3]),
        (full, [1, 3, 4, 5], [5, 3, 3, 2]),
        (depthwise, [2, 6, 9, 7], [12, 1, 3, 3]),
        // For the kernels that need many channels.
        (conv, [2, 8, 5, 7], [33, 8, 1, 1]),
        (full, [1, 4, 5, 6], [17, 4, 3, 3]),
        (Conv2d { groups: 6, ..tiled }, [2, 6, 9, 8], [12, 1, 3, 3]),
        // For the one that works on tiles.
        (tiled, [2, 4, 25, 28], [17, 4, 3, 3]),
    ] {
        for index in 0..3 {
            spread(&case(conv, &[&x, &weight, &weight[..1]]), index);
        }
        let bank = [&[3][..], &weight].concat();
        for index in 0..4 {
            let shapes: [&[usize]; 4] = [&x, &[x[0], 3], &bank, &bank[..2]];
            spread(&case(DynamicConv2d { conv }, &shapes), index);
        }
    }
}

/// A weight of NaN in a corner of the window is in the padding for one row and one column of windows: their
/// outputs are NaN with all the others.
#[test]
fn a_special_weight_counts_in_the_padding() {
    let mut weight = Tensor::filled([1, 1, 3, 3], 1.0).unwrap();
    weight.data_mut()[0] = f32::NAN;
    let x = Tensor::filled([1, 1, 4, 4], 1.0).unwrap();
    let conv = Operator::from(Conv2d { padding: 1.into(), ..Conv2d::default() });
    let kernel = Array::from_fn([1, 9, 4, 4], |[_, tap, ..]| f64::from(weight.data()[tap]));
    let window = Window::new([3, 3]).padding(1);
    for (op, weight) in
        [(conv, weight.clone()), (Involution::new(window, 1).into(), kernel.to_tensor().unwrap())]
    {
        let inputs = [x.clone(), weight];
        let out = expected(&op, &harness::views(&inputs)).unwrap().value;
        assert!(out.data.iter().all(|value| value.is_nan()), "{out:?}");
        compared(&op, &inputs, "NaN in a corner of the window");
    }
}

#[test]
fn involutions() {
    let window = Window::new([3, 3]).padding(1);
    for window in
        [window, window.padding(Padding::Full), window.stride([2, 2]), window.dilation([2, 2])]
    {
        // Rows that are whole vec4s, and others.
        for image in [[9, 7], [9, 8]] {
            let [height, width] = window.output_size(image).unwrap();
            let shapes: [&[usize]; 2] = [&[2, 6, image[0], image[1]], &[2, 18, height, width]];
            for (_, channel_order) in ChannelOrder::ALL {
                let involution = Involution { channel_order, ..Involution::new(window, 2) };
                spread(&case(involution, &shapes), 0);
                spread(&case(involution, &shapes), 1);
            }
        }
    }
}

#[test]
fn windows_and_averages() {
    let window = Window::new([3, 2]).stride([2, 1]).padding(1);
    spread(&case(Unfold { window }, &[&[2, 3, 9, 7]]), 0);
    spread(&case(Fold { window, output_size: [9, 7] }, &[&[2, 18, 40]]), 0);
    for (ceil_mode, count_include_pad) in [(false, true), (true, false)] {
        let pool = AvgPool2d { window, ceil_mode, count_include_pad };
        spread(&case(pool, &[&[2, 3, 9, 7]]), 0);
    }
    spread(&case(GlobalAvgPool, &[&[2, 3, 9, 7]]), 0);
    spread(&case(AdaptiveAvgPool2d { output_size: [4, 9] }, &[&[2, 3, 9, 7]]), 0);
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

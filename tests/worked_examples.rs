//! Two calls worked out by hand: a grouped convolution of ones, and an involution on a tall image with each
//! shape on the way.

use involution::gpu::GpuTensor;
use involution::ops::{AvgPool2d, Conv2d, Involution, Op, Operator, Unfold};
use involution::reference::{self, Array};
use involution::{Gpu, Shape, Tensor, Window};

use crate::adapters;
use crate::harness::{self, numbers};

/// 7x7 ones, 10 -> 20 channels, 3x3, two groups; the first group's weights are 0, the second's 1: each
/// output of the second sums 5 channels of 9 taps, 45.
#[test]
fn a_grouped_convolution_of_ones() {
    let conv = Operator::from(Conv2d { groups: 2, ..Conv2d::default() });
    let x = Tensor::filled([1, 10, 7, 7], 1.0).unwrap();
    let weight = [vec![0.0; 10 * 5 * 9], vec![1.0; 10 * 5 * 9]].concat();
    let weight = Tensor::new([20, 5, 3, 3], weight).unwrap();
    let out = Tensor::new([1, 20, 5, 5], [vec![0.0; 250], vec![45.0; 250]].concat()).unwrap();
    let inputs = [&x, &weight];
    assert_eq!(conv.output_shape(&harness::shapes(&inputs)).unwrap(), Shape::from([1, 20, 5, 5]));
    assert_eq!(reference::run(&conv, &inputs).unwrap(), out);
    adapters::count(1);
    // Small whole numbers: every kernel gives them exactly.
    adapters::each(|gpu| assert_eq!(gpu.run(conv.clone(), &inputs).unwrap(), out));
}

/// The tensors of an involution with 32 channels and one group on 16 channels of 400 x 1 pixels.
struct Walk {
    x: Tensor,
    value: Tensor,
    reduce: Tensor,
    span: Tensor,
}

const WINDOW: [usize; 2] = [7, 7];
const STRIDE: [usize; 2] = [5, 1];

fn window() -> Window {
    Window::new(WINDOW).stride(STRIDE).padding(3)
}

fn walk() -> Walk {
    Walk {
        x: numbers([16, 16, 400, 1], 1).to_tensor().unwrap(),
        value: numbers([32, 16, 1, 1], 2).to_tensor().unwrap(),
        reduce: numbers([32, 16, 1, 1], 3).to_tensor().unwrap(),
        span: numbers([49, 32, 1, 1], 4).to_tensor().unwrap(),
    }
}

/// Value, its unfolding, pooled input, reduction, kernel and result, from any way to run an operator.
fn steps<T>(x: T, [value, reduce, span]: [T; 3], run: impl Fn(Operator, &[&T]) -> T) -> [T; 6] {
    let pointwise = Operator::from(Conv2d::default());
    let pool = AvgPool2d::new(Window::new(STRIDE).stride(STRIDE));
    let value = run(pointwise.clone(), &[&x, &value]);
    let unfolded = run(Unfold { window: window() }.into(), &[&value]);
    let pooled = run(pool.into(), &[&x]);
    let reduced = run(pointwise.clone(), &[&pooled, &reduce]);
    let kernel = run(pointwise, &[&reduced, &span]);
    let out = run(Involution::new(window(), 1).into(), &[&value, &kernel]);
    [value, unfolded, pooled, reduced, kernel, out]
}

const SHAPES: [&[usize]; 6] = [
    &[16, 32, 400, 1],
    &[16, 1568, 80],
    &[16, 16, 80, 1],
    &[16, 32, 80, 1],
    &[16, 49, 80, 1],
    &[16, 32, 80, 1],
];

#[test]
fn the_shapes_of_the_walk_through() {
    let Walk { x, value, reduce, span } = walk();
    let [x, value, reduce, span] = [x, value, reduce, span].map(|tensor| tensor.shape().clone());
    let shapes = steps(x, [value, reduce, span], |op, inputs| op.output_shape(inputs).unwrap());
    assert_eq!(shapes.each_ref().map(|shape| shape.dims()), SHAPES);
}

/// The involution written out: out[n, c, l] = sum over taps of unfolded[n, c*49 + t, l] * kernel[n, t, l].
/// Gives each sum with the sum of the absolute values.
fn multiply_sum(unfolded: &Array, kernel: &Array) -> (Array, Array) {
    let kernel = Array { shape: vec![16, 49, 80], data: kernel.data.clone() };
    let sums = |f: fn(f64) -> f64| {
        Array::from_fn([16, 32, 80, 1], |[n, c, l, _]| {
            (0..49).map(|t| f(unfolded.at(&[n, c * 49 + t, l]) * kernel.at(&[n, t, l]))).sum()
        })
    };
    (sums(|v| v), sums(f64::abs))
}

#[test]
fn the_walk_through_on_the_reference_is_the_unfold_formulation() {
    let Walk { x, value, reduce, span } = walk();
    let [x, value, reduce, span] = [&x, &value, &reduce, &span].map(Array::from);
    let run = |op: Operator, inputs: &[&Array]| harness::evaluate(op, inputs);
    let [_, unfolded, .., kernel, out] = steps(x, [value, reduce, span], run);
    assert_eq!(out.shape, SHAPES[5]);
    harness::assert_same(&out, &multiply_sum(&unfolded, &kernel).0);
}

/// On the device throughout: nothing is downloaded before the end.
#[test]
fn the_walk_through_on_every_adapter_is_the_unfold_formulation() {
    adapters::each(|gpu| {
        adapters::count(1);
        let Walk { x, value, reduce, span } = walk();
        let upload = |tensor: &Tensor| gpu.upload(tensor).unwrap();
        let weights = [&value, &reduce, &span].map(upload);
        let run = |op: Operator, inputs: &[&GpuTensor]| gpu.apply(op, inputs).unwrap();
        let on_device = steps(upload(&x), weights, run);
        let tensors = on_device.each_ref().map(|tensor| download(gpu, tensor));
        assert_eq!(tensors.each_ref().map(|tensor| tensor.shape().dims()), SHAPES);

        let [_, unfolded, .., kernel, out] = &tensors;
        let (want, magnitude) = multiply_sum(&Array::from(unfolded), &Array::from(kernel));
        for (index, &got) in out.data().iter().enumerate() {
            let bound = 51.0 * f64::from(f32::EPSILON) * magnitude.data[index] + 1e-30;
            let (got, want) = (f64::from(got), want.data[index]);
            assert!((got - want).abs() <= bound, "element {index}: {got}, not {want} +- {bound:e}");
        }
    });
}

fn download(gpu: &Gpu, tensor: &GpuTensor) -> Tensor {
    gpu.download(tensor).unwrap()
}

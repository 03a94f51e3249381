//! The involution layer of both families.

use std::sync::Arc;

use involution::nn::{Involution2d, PoolTo, Sigma};
use involution::ops::{Activation, AdaptiveAvgPool2d, AvgPool2d, Involution};
use involution::plan::{Builder, Value};
use involution::reference::Array;
use involution::{Layer, Result, Shape, ShapeError, StateDict, Window};

use super::{Defined, activate, as_image, as_sequence, check, norm, pointwise, refusal, sides};
use crate::harness::evaluate;
use crate::networks::{state_of, zeros_of};

/// `kernel = span(sigma(reduce(pool(x))))`, `y = involution(initial(x), kernel)`, by the names of a family.
/// Sigma is given by `sigma`; the rest is read off the layer's public fields.
fn defined(
    layer: &Involution2d,
    [initial, reduce, span]: [&str; 3],
    weights: &StateDict,
    x: &Array,
    sigma: impl Fn(&Array) -> Array,
) -> Defined {
    let sequence = x.shape.len() == 3;
    let x = if sequence { as_image(x) } else { x.clone() };
    let size = [x.shape[2], x.shape[3]];
    let window = layer.window;
    let pooled = match layer.pool_to {
        PoolTo::Stride => {
            evaluate(AvgPool2d::new(Window::new(window.stride).stride(window.stride)), &[&x])
        }
        PoolTo::Output => {
            let output_size = window.output_size(size).unwrap();
            evaluate(AdaptiveAvgPool2d { output_size }, &[&x])
        }
    };
    let reduced = pointwise(weights, reduce, &pooled, layer.bias[0]);
    let kernel = pointwise(weights, span, &sigma(&reduced), layer.bias[1]);
    let changes = weights.has_prefix(&format!("{initial}."));
    assert_eq!(changes, layer.in_channels != layer.out_channels);
    let value = if changes { pointwise(weights, initial, &x, layer.bias[0]) } else { x };
    let op =
        Involution { channel_order: layer.channel_order, ..Involution::new(window, layer.groups) };
    let out = evaluate(op, &[&value, &kernel]);
    let give = |array: Array| if sequence { as_sequence(array) } else { array };
    vec![("kernel", give(kernel)), ("out", give(out))]
}

fn dli14(layer: Involution2d, x: &[usize]) {
    check(&Arc::new(layer.clone()), x, |weights, x| {
        let middle = |y: &Array| activate(Activation::Relu, &norm(weights, "conv1.bn", y));
        defined(&layer, ["none", "conv1.conv", "conv2.conv"], weights, x, middle)
    });
}

const REICH: [&str; 3] = ["initial_mapping", "reduce_mapping", "span_mapping"];

fn reich(layer: Involution2d, x: &[usize]) {
    check(&Arc::new(layer.clone()), x, |weights, x| {
        let middle = |y: &Array| match &layer.sigma {
            Sigma::BatchNormRelu(_) => {
                activate(Activation::Relu, &norm(weights, "sigma_mapping.0", y))
            }
            Sigma::Activation(activation) => activate(*activation, y),
            Sigma::Layer(_) => panic!("tested on its own"),
        };
        defined(&layer, REICH, weights, x, middle)
    });
}

#[test]
fn the_authors_layer() {
    dli14(Involution2d::paper(16, [3, 3]), &[2, 16, 5, 7]);
    dli14(Involution2d::paper(32, [7, 7]), &[1, 32, 9, 8]);
    dli14(Involution2d::paper(32, [7, 7]).stride([2, 2]), &[2, 32, 8, 10]);
    dli14(Involution2d::paper(16, [3, 3]).stride([3, 3]).group_channels(4), &[1, 16, 9, 6]);
    dli14(Involution2d::paper(48, [5, 5]).reduction_ratio(3), &[1, 48, 6, 5]);
    dli14(Involution2d::paper(16, [3, 3]).stride([2, 2]).pool_to(PoolTo::Output), &[1, 16, 7, 9]);
}

#[test]
fn the_layer_with_all_options() {
    reich(Involution2d::with_projection(3, 3), &[2, 3, 8, 7]);
    // Another number of channels, groups, a reduction, biases.
    let layer = Involution2d::with_projection(6, 8).groups(2).reduction_ratio(2).bias(true);
    reich(layer.clone(), &[1, 6, 9, 8]);
    // Neither square nor symmetric: kernel, stride, padding and dilation.
    let layer = layer.kernel_size([3, 5]).stride([2, 1]).padding(sides(2, 4)).dilation([2, 2]);
    reich(layer.clone(), &[2, 6, 10, 7]);
    reich(layer.clone().stride([1, 3]), &[1, 6, 5, 12]);
    // Other middles.
    for activation in [Activation::Sigmoid, Activation::Silu, Activation::None] {
        reich(layer.clone().sigma(Sigma::Activation(activation)), &[1, 6, 6, 5]);
    }
    // A bias of the span convolution alone, as nobody writes it but weights may have it.
    let mut layer = Involution2d::with_projection(4, 4).kernel_size([3, 3]);
    layer.bias = [false, true];
    reich(layer, &[1, 4, 5, 5]);
    // A window of one pixel.
    reich(Involution2d::with_projection(4, 2).kernel_size([1, 1]), &[1, 4, 3, 3]);
}

#[test]
fn kernels_pooled_to_the_size_of_the_output() {
    let layer = Involution2d::with_projection(4, 4).kernel_size([3, 3]).pool_to(PoolTo::Output);
    // Odd sizes with a stride, and sizes that the stride divides.
    for size in [[7, 9], [8, 8], [9, 6]] {
        reich(layer.clone().stride([2, 2]), &[1, 4, size[0], size[1]]);
    }
    // Without padding, and with a kernel of even size, the output is another size without any stride.
    reich(layer.clone().padding(0), &[1, 4, 7, 6]);
    reich(layer.clone().kernel_size([4, 2]), &[1, 4, 6, 6]);
    // As many places as floor pooling would give, though the stride does not divide the size.
    let even = layer.kernel_size([2, 2]).padding(0).stride([2, 2]);
    reich(even.clone(), &[1, 4, 7, 7]);
    reich(even.pool_to(PoolTo::Stride), &[1, 4, 7, 7]);
}

#[test]
fn sequences() {
    let layer = Involution2d::one_dimensional(4, 4);
    reich(layer.clone(), &[2, 4, 19]);
    reich(layer.clone().kernel_size([1, 3]).stride([1, 2]), &[1, 4, 12]);
    let wide = Involution2d::one_dimensional(4, 6).groups(2).bias(true);
    reich(wide.clone().padding(sides(0, 6)).dilation([1, 2]), &[3, 4, 15]);
    reich(wide.stride([1, 3]).pool_to(PoolTo::Output), &[1, 4, 11]);
}

/// A size that the stride does not divide: an error that says how to resolve it, and that does.
#[test]
fn odd_sizes_with_a_stride_are_refused_or_pooled() {
    let layer = Involution2d::paper(16, [7, 7]).stride([2, 2]);
    let error = layer.plan(&Shape::from([1, 16, 9, 8])).unwrap_err();
    assert!(error.to_string().contains("pooled to the output's size"), "{error}");
    assert_eq!(
        refusal(error),
        ShapeError::KernelPositions { kernels: vec![4, 4], positions: vec![5, 4] }
    );
    let shape = layer.pool_to(PoolTo::Output).output_shape(&Shape::from([1, 16, 9, 8])).unwrap();
    assert_eq!(shape.dims(), [1, 16, 5, 4]);
}

/// A middle of the user's own: a 1x1 convolution, its result times two, and an activation.
#[derive(Debug)]
struct Mixed {
    channels: usize,
    out: usize,
}

impl Layer for Mixed {
    fn name(&self) -> String {
        "mixed".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([1, self.channels, 2, 2]))]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let y = plan.scope("mix", |plan| {
            let weight = plan.weight("weight", [self.out, self.channels, 1, 1]);
            let y = plan.apply("", involution::ops::Conv2d::default(), &[x, weight])?;
            let twice = plan.apply("twice", involution::ops::Add::default(), &[y, y])?;
            let activation = Activation::Silu;
            plan.apply("silu", involution::ops::Activate { activation }, &[twice])
        })?;
        Ok(vec![y])
    }
}

#[test]
fn a_middle_of_ones_own() {
    let mixed = |out| Sigma::Layer(Arc::new(Mixed { channels: 4, out }));
    let layer =
        Involution2d::with_projection(8, 8).kernel_size([3, 3]).reduction_ratio(2).groups(4);
    let own = layer.clone().sigma(mixed(4));
    check(&Arc::new(own.clone()), &[1, 8, 6, 7], |weights, x| {
        let middle = |y: &Array| {
            let mut mixed = pointwise(weights, "sigma_mapping.mix", y, false);
            mixed.data.iter_mut().for_each(|value| *value *= 2.0);
            activate(Activation::Silu, &mixed)
        };
        defined(&own, REICH, weights, x, middle)
    });
    // One that changes the shape is refused.
    let error = layer.sigma(mixed(5)).plan(&Shape::from([1, 8, 6, 7])).unwrap_err();
    let error = refusal(error);
    assert!(matches!(error, ShapeError::Parameter { parameter: "sigma", .. }), "{error:?}");
}

#[test]
fn options_that_have_no_meaning_are_refused() {
    let x = Shape::from([1, 8, 6, 6]);
    let refused = |layer: Involution2d| refusal(layer.plan(&x).unwrap_err());
    let parameter = |error: ShapeError| match error {
        ShapeError::Parameter { parameter, .. } => parameter,
        error => panic!("{error:?}"),
    };
    let layer = || Involution2d::with_projection(8, 8).kernel_size([3, 3]);
    assert_eq!(parameter(refused(layer().reduction_ratio(9))), "reduction_ratio");
    assert_eq!(parameter(refused(layer().stride([0, 1]))), "stride");
    assert_eq!(parameter(refused(layer().dilation([1, 0]))), "dilation");
    assert_eq!(parameter(refused(layer().kernel_size([0, 3]))), "kernel_size");
    assert_eq!(parameter(refused(layer().groups(0))), "groups");
    let error = refused(layer().groups(3));
    assert!(matches!(error, ShapeError::NotDivisible { divisor: 3, .. }), "{error:?}");
    // Groups divide both the channels that come and those that go.
    let error = refused(Involution2d::with_projection(8, 6).groups(4));
    assert!(matches!(error, ShapeError::NotDivisible { what: "out_channels", .. }), "{error:?}");
    // Groups of 16 of 8 channels are none.
    assert_eq!(parameter(refused(Involution2d::paper(8, [3, 3]))), "groups");
    // The authors' layer keeps its channels.
    let mut layer = Involution2d::paper(16, [3, 3]);
    layer.in_channels = 8;
    layer.groups = 1;
    assert_eq!(parameter(refused(layer)), "out_channels");
    // And so large ones are.
    let huge = Involution2d::with_projection(8, 8).kernel_size([usize::MAX, 1]);
    huge.plan(&x).unwrap_err();
    huge.example_plan().unwrap_err();
}

/// The weights tell what they can; the rest is as in the constructors.
#[test]
fn layers_from_weights() {
    let told =
        |layer: &Involution2d, x: &[usize]| state_of(&layer.plan(&Shape::new(x)).unwrap(), 1);
    let same = |found: &Involution2d, layer: &Involution2d, x: &[usize]| {
        let x = Shape::new(x);
        assert_eq!(found.plan(&x).unwrap(), layer.plan(&x).unwrap());
    };
    let x = [1, 32, 6, 6];
    for (kernel_size, group_channels, ratio) in [(3, 16, 4), (7, 8, 2), (1, 32, 4)] {
        let layer = Involution2d::paper(32, [kernel_size; 2])
            .group_channels(group_channels)
            .reduction_ratio(ratio);
        let found = Involution2d::from_weights(&told(&layer, &x), group_channels).unwrap();
        same(&found, &layer, &x);
    }
    let x = [1, 6, 7, 7];
    let square = Involution2d::with_projection(6, 4).kernel_size([5, 5]).reduction_ratio(2);
    for layer in [
        square.clone(),
        square.clone().bias(true),
        square.clone().sigma(Sigma::Activation(Activation::Sigmoid)),
        Involution2d::with_projection(6, 6),
    ] {
        same(&Involution2d::from_weights(&told(&layer, &x), 16).unwrap(), &layer, &x);
    }
    // Setters provide what weights do not contain.
    let grouped = square.clone().groups(2).kernel_size([3, 5]).padding(sides(1, 2));
    let weights = told(&grouped, &x);
    let error = refusal(Involution2d::from_weights(&weights, 16).unwrap_err());
    assert!(matches!(error, ShapeError::Parameter { .. }), "{error:?}");
    let sequence = Involution2d::one_dimensional(6, 4).kernel_size([1, 5]).bias(true);
    let x = [1, 6, 9];
    same(&Involution2d::from_weights(&told(&sequence, &x), 16).unwrap(), &sequence, &x);
}

#[test]
fn weights_of_no_layer_are_refused() {
    let layer = Involution2d::paper(32, [3, 3]);
    let weights = zeros_of(&layer.example_plan().unwrap());
    // Groups that do not divide the channels, and rows that do not divide into them.
    for group_channels in [0, 5, 64] {
        Involution2d::from_weights(&weights, group_channels).unwrap_err();
    }
    let error = Involution2d::from_weights(&StateDict::new(), 16).unwrap_err();
    assert!(error.to_string().contains("reduce_mapping.weight"), "{error}");
    let mut half = StateDict::new();
    half.insert("conv1.conv.weight", weights.get("conv1.conv.weight").unwrap().clone());
    let error = Involution2d::from_weights(&half, 16).unwrap_err();
    assert!(error.to_string().contains("conv2.conv.weight"), "{error}");
}

/// A sequence has no rows above and below it to be padded.
#[test]
fn a_sequence_is_padded_along_its_length() {
    let layer = Involution2d::one_dimensional(4, 4).kernel_size([1, 5]).padding(2);
    assert_eq!(layer.output_shape(&Shape::from([1, 4, 9])).unwrap(), Shape::from([1, 4, 9]));
}

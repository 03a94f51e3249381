//! Layers: each against its definition, written out here operator by operator, on the reference and on
//! every adapter.

mod attributes;
mod convolutions;
mod dynamic;
mod family;
mod involutions;
mod orders;
mod volumes;

use std::sync::Arc;

use involution::ops::{Activate, Activation, BatchNorm, Conv2d};
use involution::reference::{self, Array};
use involution::{Error, Layer, Padding, ShapeError, StateDict, Tensor, WeightsError};

use crate::harness::evaluate;
use crate::networks::{assert_all_close, assert_close, input, state_of, weight};
use crate::{adapters, networks};

/// A layer's results by name, as its definition has them.
type Defined = Vec<(&'static str, Array)>;

/// Holds a layer against its definition: the plan as it is built on the reference, and fused on every
/// adapter. All of its results are looked at, the main one twice.
fn check<L: Layer + 'static>(
    layer: &Arc<L>,
    x: &[usize],
    definition: impl Fn(&StateDict, &Array) -> Defined,
) {
    let x = input(x, 11);
    let plan = layer.plan(x.shape()).unwrap();
    let weights = state_of(&plan, 12);
    let results: Vec<(String, Tensor)> = definition(&weights, &Array::from(&x))
        .into_iter()
        .map(|(name, array)| (name.to_owned(), array.to_tensor().unwrap()))
        .collect();
    let named = |wanted: &str| &results.iter().find(|(name, _)| name == wanted).unwrap().1;
    // In the plan's order.
    let want: Vec<(String, Tensor)> =
        plan.outputs().iter().map(|(name, _)| (name.clone(), named(name).clone())).collect();
    assert_eq!(want.len(), results.len(), "{layer:?}");
    let out = named(layer.output());
    let what = format!("{layer:?}");
    assert_eq!(&layer.output_shape(x.shape()).unwrap(), out.shape(), "{what}");
    let learnt = weights.iter().filter(|(name, _)| !name.contains("running_"));
    let learnt: usize = learnt.map(|(_, tensor)| tensor.data().len()).sum();
    assert_eq!(layer.parameters().unwrap(), learnt as u64, "{what}");
    assert_eq!(layer.macs(x.shape()).unwrap(), plan.macs().unwrap());
    assert_eq!(plan.clone().fuse().macs().unwrap(), plan.macs().unwrap(), "{what}");
    plan.check_weights(&weights).unwrap();

    let found = reference::run_plan(&plan, &weights, &[&x]).unwrap();
    assert_all_close(&format!("{what} on the reference"), &found, &want, 1e-6);
    let names: Vec<&str> = want.iter().map(|(name, _)| name.as_str()).collect();
    adapters::each(|gpu| {
        let network = gpu.load_shared(layer.clone(), weights.clone()).unwrap();
        let at = format!("{what} on {}", gpu.adapter());
        assert_all_close(&at, &network.run_for(&x, &names).unwrap(), &want, 1e-5);
        assert_close(&at, &network.run(&x).unwrap(), out, 1e-5);
        adapters::count(1);
    });
}

/// A convolution with the weights of this name. Whether there is a bias is for the definition to say: the
/// weights were made after the plan that is to be checked.
fn conv(weights: &StateDict, name: &str, x: &Array, conv: Conv2d) -> Array {
    let kernel = image_weight(weight(weights, &format!("{name}.weight")));
    let bias = format!("{name}.bias");
    assert_eq!(weights.get(&bias).is_some(), conv.bias, "{bias}");
    match conv.bias {
        true => evaluate(conv, &[x, &kernel, &weight(weights, &bias)]),
        false => evaluate(conv, &[x, &kernel]),
    }
}

fn pointwise(weights: &StateDict, name: &str, x: &Array, bias: bool) -> Array {
    conv(weights, name, x, Conv2d { bias, ..Conv2d::default() })
}

/// The weight of a convolution of sequences as one of images.
fn image_weight(kernel: Array) -> Array {
    match kernel.shape[..] {
        [out, inner, taps] => Array { shape: vec![out, inner, 1, taps], ..kernel },
        _ => kernel,
    }
}

fn norm(weights: &StateDict, name: &str, x: &Array) -> Array {
    let [mean, variance, scale, shift] = ["running_mean", "running_var", "weight", "bias"]
        .map(|part| weight(weights, &format!("{name}.{part}")));
    evaluate(BatchNorm::default(), &[x, &mean, &variance, &scale, &shift])
}

fn activate(activation: Activation, x: &Array) -> Array {
    evaluate(Activate { activation }, &[x])
}

/// Reshapes an array.
fn in_shape(array: Array, shape: &[usize]) -> Array {
    assert_eq!(array.data.len(), shape.iter().product::<usize>());
    Array { shape: shape.to_vec(), ..array }
}

/// `[N, C, L]` as `[N, C, 1, L]`, and back.
fn as_image(x: &Array) -> Array {
    let [n, c, l] = x.shape[..] else { panic!("{:?}", x.shape) };
    in_shape(x.clone(), &[n, c, 1, l])
}

fn as_sequence(y: Array) -> Array {
    let [n, c, 1, l] = y.shape[..] else { panic!("{:?}", y.shape) };
    in_shape(y, &[n, c, l])
}

/// A padding of so many rows and columns on each side.
fn sides(rows: usize, columns: usize) -> Padding {
    Padding::symmetric(rows, columns)
}

/// What an operator within a layer refuses.
fn refusal(error: Error) -> ShapeError {
    match error {
        Error::Layer { source, .. } => refusal(*source),
        Error::Shape { source, .. } => source,
        error => panic!("{error:?}"),
    }
}

/// Everything that is wrong with weights is in one error.
#[test]
fn all_that_is_wrong_with_weights_is_said_at_once() {
    let layer = Arc::new(involution::nn::Involution2d::paper(16, [3, 3]));
    let plan = layer.example_plan().unwrap();
    let mut weights: StateDict = networks::zeros_of(&plan)
        .iter()
        .filter(|(name, _)| *name != "conv1.bn.running_var" && *name != "conv2.conv.bias")
        .map(|(name, tensor)| (name.to_owned(), tensor.clone()))
        .collect();
    weights.insert("conv3.weight", Tensor::filled([1], 0.0).unwrap());
    weights.insert("conv1.conv.weight", Tensor::filled([4, 16], 0.0).unwrap());
    let wrong = |error: Error| {
        let Error::Weights(WeightsError::Mismatch {
            network, missing, unexpected, misshaped, ..
        }) = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(network, "involution2d");
        assert_eq!(missing[..], ["conv1.bn.running_var", "conv2.conv.bias"]);
        assert_eq!(unexpected[..], ["conv3.weight"]);
        assert_eq!(misshaped.len(), 1);
        let (name, expected, found) = &misshaped[0];
        assert_eq!((name.as_str(), found.dims()), ("conv1.conv.weight", &[4, 16][..]));
        assert_eq!(expected.dims(), [4, 16, 1, 1]);
        for part in ["involution2d", "conv2.conv.bias", "conv3.weight", "[4, 16, 1, 1]"] {
            assert!(error.to_string().contains(part), "{error}");
        }
    };
    wrong(plan.check_weights(&weights).unwrap_err());
    adapters::each(|gpu| {
        wrong(gpu.load_shared(layer.clone(), weights.clone()).unwrap_err());
        wrong(gpu.load(layer.as_ref().clone(), weights.clone()).unwrap_err());
    });
}

/// Channels that the layer was not made for, and what is no image.
#[test]
fn inputs_that_do_not_fit_are_refused_by_the_layer() {
    use involution::nn::{ConvBnAct, DynamicConv2d, Involution2d, SeparableConv2d};
    let layers: [Box<dyn Layer>; 4] = [
        Box::new(Involution2d::with_projection(4, 6)),
        Box::new(ConvBnAct::new(4, 6, [3, 3])),
        Box::new(SeparableConv2d::new(4, 6, [3, 3])),
        Box::new(DynamicConv2d::new(4, 6, [3, 3])),
    ];
    for layer in layers {
        let refused =
            |dims: &[usize]| refusal(layer.plan(&dims.to_vec().into_shape()).unwrap_err());
        let channels = refused(&[1, 5, 9, 9]);
        assert!(
            matches!(channels, ShapeError::Dimension { tensor: "x", expected: 4, found: 5, .. }),
            "{channels:?}"
        );
        assert!(matches!(refused(&[4, 9, 9]), ShapeError::Rank { tensor: "x", .. }));
        assert!(matches!(refused(&[0, 4, 9, 9]), ShapeError::Empty { tensor: "x", .. }));
    }
    let sequence = Involution2d::one_dimensional(4, 4);
    let error = sequence.plan(&vec![1, 4, 1, 9].into_shape()).unwrap_err();
    assert!(matches!(refusal(error), ShapeError::Rank { tensor: "x", expected: "[N, C, L]", .. }));
}

/// Sizes as a shape.
trait IntoShape {
    fn into_shape(self) -> involution::Shape;
}

impl IntoShape for Vec<usize> {
    fn into_shape(self) -> involution::Shape {
        involution::Shape::new(self)
    }
}

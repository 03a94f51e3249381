//! Dynamic convolution with its attention.

use std::sync::Arc;

use involution::nn::DynamicConv2d;
use involution::ops::{self, Conv2d};
use involution::plan::{Builder, Value};
use involution::reference::Array;
use involution::{Layer, Result, Shape, ShapeError, StateDict};

use super::{as_image, as_sequence, check, refusal, sides};
use crate::adapters;
use crate::harness::evaluate;
use crate::networks::{input, state_of, weight, zeros_of};

/// `softmax(fc2(relu(fc1(mean))) / temperature)` as sums over plain numbers.
fn attention(weights: &StateDict, x: &Array, temperature: f64) -> Array {
    let [n, c, h, w] = x.shape[..] else { panic!("{:?}", x.shape) };
    let [fc1, fc2, bias] = ["fc1.weight", "fc2.weight", "fc2.bias"]
        .map(|name| weight(weights, &format!("attention.{name}")));
    let (hidden, kernels) = (fc1.shape[0], fc2.shape[0]);
    let mut data = Vec::new();
    for b in 0..n {
        let mean = |c: usize| -> f64 {
            let plane = (0..h).flat_map(|i| (0..w).map(move |j| (i, j)));
            plane.map(|(i, j)| x.at(&[b, c, i, j])).sum::<f64>() / (h * w) as f64
        };
        let middle = |m: usize| -> f64 {
            (0..c).map(|c_| fc1.data[m * c + c_] * mean(c_)).sum::<f64>().max(0.0)
        };
        let logit = |k: usize| -> f64 {
            (0..hidden).map(|m| fc2.data[k * hidden + m] * middle(m)).sum::<f64>() + bias.data[k]
        };
        let powers: Vec<f64> = (0..kernels).map(|k| (logit(k) / temperature).exp()).collect();
        let sum: f64 = powers.iter().sum();
        data.extend(powers.iter().map(|power| power / sum));
    }
    Array { shape: vec![n, kernels], data }
}

/// The attention, and what comes of it.
fn defined(layer: &DynamicConv2d, weights: &StateDict, x: &Array) -> [Array; 2] {
    let sequence = x.shape.len() == 3;
    let x = if sequence { as_image(x) } else { x.clone() };
    let attention = attention(weights, &x, f64::from(layer.temperature));
    let DynamicConv2d { stride, padding, dilation, groups, bias, .. } = *layer;
    let conv = Conv2d { stride, padding, dilation, groups, bias, ..Conv2d::default() };
    let bank = weight(weights, "weight");
    let bank = match bank.shape[..] {
        [k, out, inner, taps] => Array { shape: vec![k, out, inner, 1, taps], ..bank },
        _ => bank,
    };
    let op = ops::DynamicConv2d { conv };
    let y = match bias {
        true => evaluate(op, &[&x, &attention, &bank, &weight(weights, "bias")]),
        false => evaluate(op, &[&x, &attention, &bank]),
    };
    [attention, if sequence { as_sequence(y) } else { y }]
}

fn dynamic(layer: DynamicConv2d, x: &[usize]) {
    check(&Arc::new(layer.clone()), x, |weights, x| {
        let [attention, out] = defined(&layer, weights, x);
        vec![("attention", attention), ("out", out)]
    });
}

/// Several dynamic convolutions, one behind the other.
#[derive(Debug)]
struct Stack([DynamicConv2d; 3]);

impl Layer for Stack {
    fn name(&self) -> String {
        "stack".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        self.0[0].example_inputs()
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [mut x] = plan.take(inputs, ["x"])?;
        for (index, layer) in self.0.iter().enumerate() {
            x = plan.scope(&index.to_string(), |plan| layer.build_one(plan, x))?;
        }
        Ok(vec![x])
    }
}

/// The mixed weights of one step lie where those of the step before lay, unless they are larger: small,
/// large, and small again.
#[test]
fn steps_share_their_scratch() {
    let layer = |from, to, kernel| DynamicConv2d::new(from, to, [kernel; 2]).padding(kernel / 2);
    let stack = Stack([layer(2, 4, 1), layer(4, 40, 5), layer(40, 3, 3)]);
    let stack = Arc::new(stack);
    check(&stack, &[3, 2, 6, 5], |weights, x| {
        let mut results = Vec::new();
        let mut x = x.clone();
        let names = ["0.attention", "1.attention", "2.attention"];
        for (index, (layer, name)) in stack.0.iter().zip(names).enumerate() {
            let [attention, out] = defined(layer, &weights.below(&format!("{index}.")), &x);
            results.push((name, attention));
            x = out;
        }
        results.push(("out", x));
        results
    });
}

#[test]
fn dynamic_convolutions() {
    dynamic(DynamicConv2d::new(4, 6, [3, 3]).padding(1), &[3, 4, 7, 6]);
    let layer = DynamicConv2d::new(8, 4, [3, 5]).groups(2).stride([2, 1]).dilation([1, 2]);
    dynamic(layer.clone().padding(sides(1, 2)).temperature(1.0), &[2, 8, 9, 10]);
    dynamic(layer.clone().bias(false).temperature(0.5), &[1, 8, 6, 10]);
    let layer = layer.kernels(7).ratio(1.5);
    assert_eq!(layer.hidden, 13);
    dynamic(layer, &[2, 8, 5, 9]);
    // Three channels: as many in the middle as kernels.
    let colour = DynamicConv2d::new(3, 5, [1, 1]);
    assert_eq!(colour.hidden, 4);
    dynamic(colour, &[2, 3, 4, 4]);
    // One kernel gets all the attention there is.
    let one = DynamicConv2d::new(4, 4, [3, 3]).kernels(1);
    dynamic(one, &[2, 4, 5, 5]);
}

#[test]
fn sequences() {
    dynamic(DynamicConv2d::one_dimensional(4, 6, 5).padding(sides(0, 2)), &[2, 4, 11]);
    let layer = DynamicConv2d::one_dimensional(6, 4, 3).groups(2).bias(false);
    dynamic(layer.stride([1, 2]).dilation([1, 3]).temperature(4.0), &[3, 6, 15]);
}

/// From 34 to 1 in eleven updates, and no further.
#[test]
fn the_temperature_falls_to_one() {
    let schedule: Vec<f32> = (0..14).map(DynamicConv2d::scheduled_temperature).collect();
    let want = [34., 31., 28., 25., 22., 19., 16., 13., 10., 7., 4., 1., 1., 1.];
    assert_eq!(schedule, want);
    assert_eq!(DynamicConv2d::scheduled_temperature(usize::MAX), 1.0);
    assert_eq!(DynamicConv2d::new(4, 4, [3, 3]).temperature, schedule[0]);
}

/// The attention of each sample adds up to one, and is the nearer to even the hotter it is.
#[test]
fn the_attention_is_a_result() {
    let x = input(&[3, 8, 5, 5], 31);
    let layer = DynamicConv2d::new(8, 4, [3, 3]);
    let weights = state_of(&layer.plan(x.shape()).unwrap(), 32);
    adapters::each(|gpu| {
        let mut spreads = Vec::new();
        for temperature in [0.25, 1.0, 34.0] {
            let layer = layer.clone().temperature(temperature);
            let network = gpu.load(layer, weights.clone()).unwrap();
            let (name, attention) = network.run_for(&x, &["attention"]).unwrap().remove(0);
            assert_eq!((name.as_str(), attention.shape().dims()), ("attention", &[3, 4][..]));
            let mut spread = 0.0f32;
            for sample in attention.data().chunks(4) {
                assert!((sample.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                spread = sample.iter().fold(spread, |most, share| most.max((share - 0.25).abs()));
            }
            spreads.push(spread);
        }
        assert!(spreads[0] > spreads[1] && spreads[1] > spreads[2], "{spreads:?}");
        assert!(spreads[2] < 0.05, "{spreads:?}");
    });
}

#[test]
fn layers_from_weights() {
    let wide = DynamicConv2d::new(6, 4, [3, 5]).groups(2);
    let banks = DynamicConv2d::new(8, 4, [1, 1]).kernels(3).ratio(0.5);
    for layer in [wide.clone(), wide.bias(false), banks, DynamicConv2d::one_dimensional(6, 2, 3)] {
        let weights = zeros_of(&layer.example_plan().unwrap());
        assert_eq!(DynamicConv2d::from_weights(&weights).unwrap(), layer);
    }
    let error = DynamicConv2d::from_weights(&StateDict::new()).unwrap_err();
    assert!(error.to_string().contains("attention.fc1.weight"), "{error}");
}

#[test]
fn options_that_have_no_meaning_are_refused() {
    let refused =
        |layer: DynamicConv2d| refusal(layer.plan(&Shape::from([1, 4, 5, 5])).unwrap_err());
    let layer = || DynamicConv2d::new(4, 6, [3, 3]);
    for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let error = refused(layer().temperature(temperature));
        assert!(matches!(error, ShapeError::Parameter { parameter: "temperature", .. }));
    }
    for groups in [0, 3, 4] {
        let error = refused(layer().groups(groups));
        assert!(matches!(error, ShapeError::NotDivisible { .. }), "{groups}: {error:?}");
    }
    refused(layer().padding(0).dilation([3, 1]));
    refused(layer().kernels(0));
    refused(layer().hidden(0));
}

/// In double precision 100 * 0.29 is a little less than 29, and Python cuts off what is behind the point.
#[test]
fn the_ratio_is_pythons() {
    assert_eq!(DynamicConv2d::new(100, 4, [3, 3]).ratio(0.29).hidden, 29);
    assert_eq!(DynamicConv2d::new(100, 4, [3, 3]).ratio(0.25).hidden, 26);
    assert_eq!(DynamicConv2d::new(3, 4, [3, 3]).ratio(0.9).hidden, 4);
}

/// A sequence has no rows above and below it to be padded.
#[test]
fn a_sequence_is_padded_along_its_length() {
    let layer = DynamicConv2d::one_dimensional(6, 2, 3).padding(2);
    assert_eq!(layer.output_shape(&Shape::from([1, 6, 9])).unwrap(), Shape::from([1, 2, 11]));
}

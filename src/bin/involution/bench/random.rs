//! Random inputs and weights that a network can be timed and checked with: the same at every run, and such
//! that values neither vanish nor grow from layer to layer.

use std::collections::HashMap;

use involution::ops::Operator;
use involution::plan::{Action, Constant, Plan, Source, Step, Value, Weight};
use involution::reference::{self, Array};
use involution::{Error, Layer, Result, Shape, StateDict, Tensor};

/// Height and width, at the most, of the image that normalisations are calibrated with: that takes the
/// reference a fraction of a second for any network.
const CALIBRATION_SIZE: usize = 32;

/// A seed that follows from a name.
pub fn seed(name: &str) -> u64 {
    name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
}

/// A tensor of values in -1..1.
pub fn tensor(shape: &Shape, seed: u64) -> Result<Tensor> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let count = shape.elements().map_err(Error::at("random"))?;
    uniform(shape, [-1.0, 1.0], count, &mut rng)
}

/// Weights of a layer for inputs of this shape. Matrices have a variance of 1 / fan-in, and each
/// normalisation roughly the statistics of what it gets: with others, the square that an involution makes of
/// its input would grow past any number within a few blocks.
pub fn weights(layer: &dyn Layer, x: &Shape, seed: u64) -> Result<StateDict> {
    let small = calibration_shape(x);
    let plan = layer.plan(&small)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let drawn =
        plan.weights().iter().map(|weight| Ok((weight.name.clone(), draw(weight, &mut rng)?)));
    let mut weights: StateDict = drawn.collect::<Result<_>>()?;
    let plan = plan.keep(&[layer.output()])?;
    calibrate(&plan, &mut weights, &tensor(&small, seed)?)?;
    Ok(weights)
}

/// One image, of a size that the reference is soon done with.
fn calibration_shape(x: &Shape) -> Shape {
    let mut dims = x.dims().to_vec();
    for (axis, size) in dims.iter_mut().enumerate() {
        match axis {
            0 => *size = 1,
            1 => {}
            _ => *size = (*size).min(CALIBRATION_SIZE),
        }
    }
    Shape::new(dims)
}

fn draw(weight: &Weight, rng: &mut fastrand::Rng) -> Result<Tensor> {
    let dims = weight.shape.dims();
    let range = if dims.len() > 1 && !weight.name.ends_with("bias") {
        // A bank of dynamic weights has its kernels before the output channels.
        let outer = if dims.len() == 5 { 2 } else { 1 };
        let fan_in = dims[outer..].iter().product::<usize>() as f32;
        let most = (3.0 / fan_in).sqrt();
        [-most, most]
    } else if weight.name.ends_with("weight") || weight.name.ends_with("running_var") {
        [0.5, 1.5]
    } else {
        [-0.5, 0.5]
    };
    let count = weight.shape.elements().map_err(Error::at("random"))?;
    uniform(&weight.shape, range, count, rng)
}

fn uniform(
    shape: &Shape,
    [from, to]: [f32; 2],
    count: usize,
    rng: &mut fastrand::Rng,
) -> Result<Tensor> {
    let data = (0..count).map(|_| from + (to - from) * rng.f32()).collect();
    Tensor::new(shape.clone(), data).map_err(Error::at("random"))
}

/// Runs a plan on an image, and scales the statistics of each normalisation by what it gets there.
fn calibrate(plan: &Plan, weights: &mut StateDict, x: &Tensor) -> Result<()> {
    let mut values: HashMap<Value, Array> = HashMap::new();
    values.extend(plan.inputs().first().map(|&input| (input, Array::from(x))));
    for (index, step) in plan.steps().iter().enumerate() {
        if let Action::Apply(Operator::BatchNorm(_)) = &step.action {
            scale_statistics(plan, step, &values, weights)?;
        }
        let inputs = step.inputs.iter().map(|&input| match &plan.value(input).source {
            Source::Constant(constant) => Ok(Array::from(&constant.evaluate(weights)?)),
            _ => Ok(values.get(&input).cloned().unwrap_or_else(|| Array::zeros(&[0]))),
        });
        let inputs: Vec<Array> = inputs.collect::<Result<_>>()?;
        let output = match &step.action {
            Action::Apply(op) => reference::evaluate(op, &inputs)?,
            Action::Reshape => Array {
                shape: plan.shape(step.output).dims().to_vec(),
                data: inputs.into_iter().next().map_or_else(Vec::new, |array| array.data),
            },
        };
        values.insert(step.output, output);
        let later = &plan.steps()[index + 1..];
        values.retain(|value, _| later.iter().any(|step| step.inputs.contains(value)));
    }
    Ok(())
}

/// Means in parts of the size of the values that come in, variances around its square.
fn scale_statistics(
    plan: &Plan,
    step: &Step,
    values: &HashMap<Value, Array>,
    weights: &mut StateDict,
) -> Result<()> {
    let [x, mean, variance, ..] = step.inputs[..] else { return Ok(()) };
    let Some(x) = values.get(&x) else { return Ok(()) };
    let square = x.data.iter().map(|value| value * value).sum::<f64>() / x.data.len().max(1) as f64;
    for (statistic, scale) in [(mean, square.sqrt()), (variance, square)] {
        let Source::Constant(Constant::Weight { name, .. }) = &plan.value(statistic).source else {
            continue;
        };
        if let Some(mut tensor) = weights.get(name).cloned() {
            tensor.data_mut().iter_mut().for_each(|value| *value *= scale as f32);
            weights.insert(name, tensor);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use involution::models::RedNet;

    use super::*;

    /// Two images give two answers, which are of the size of one.
    #[test]
    fn random_networks_see_their_input_and_stay_in_range() -> Result<()> {
        let layer = RedNet::new(26)?.stem_kernel(3);
        let x = Shape::from([2, 3, 64, 64]);
        let weights = weights(&layer, &x, 1)?;
        let plan = layer.plan(&x)?.keep(&[layer.output()])?;
        let outputs = reference::run_plan(&plan, &weights, &[&tensor(&x, 2)?])?;
        let logits = outputs.first().map_or(&[][..], |(_, tensor)| tensor.data());
        let (one, other) = logits.split_at(logits.len() / 2);
        let largest = one.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert!((0.1..100.0).contains(&largest), "{largest}");
        let apart = one.iter().zip(other).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(apart > 0.01 * largest, "{apart} of {largest}");
        Ok(())
    }
}

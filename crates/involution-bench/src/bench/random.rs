//! Random inputs and weights that a network can be timed and checked with: the same at every run, and such
//! that values neither vanish nor grow from layer to layer.

use involution::ops::Operator;
use involution::plan::{Action, Constant, Plan, Source, Step, Weight};
use involution::{Error, Layer, Result, Shape, StateDict, Tensor};

use super::walk::{Run, Walk};

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
/// its input would grow past any number within a few blocks. `run` may be what is to be checked afterwards:
/// weights are nothing but numbers, whoever made them.
pub fn weights(layer: &dyn Layer, x: &Shape, seed: u64, run: Run<'_>) -> Result<StateDict> {
    let mut dims = x.dims().to_vec();
    dims[0] = 1;
    let one = Shape::new(dims);
    let plan = layer.plan(&one)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let drawn =
        plan.weights().iter().map(|weight| Ok((weight.name.clone(), draw(weight, &mut rng)?)));
    let mut weights: StateDict = drawn.collect::<Result<_>>()?;
    let plan = plan.keep(&[layer.output()])?;
    calibrate(&plan, &mut weights, &tensor(&one, seed)?, run)?;
    Ok(weights)
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
fn calibrate(plan: &Plan, weights: &mut StateDict, x: &Tensor, run: Run<'_>) -> Result<()> {
    let norms = plan.steps().iter().rposition(is_norm).map_or(0, |last| last + 1);
    let mut walk = Walk::new(plan, x);
    for step in &plan.steps()[..norms] {
        if is_norm(step) {
            scale_statistics(plan, step, &walk, weights);
        }
        walk.step(step, weights, run)?;
    }
    Ok(())
}

fn is_norm(step: &Step) -> bool {
    matches!(step.action, Action::Apply(Operator::BatchNorm(_)))
}

/// Means in parts of the size of the values that come in, variances around its square.
fn scale_statistics(plan: &Plan, step: &Step, walk: &Walk<'_>, weights: &mut StateDict) {
    let [x, mean, variance, ..] = step.inputs[..] else { return };
    let Some(x) = walk.value(x) else { return };
    let squares = x.data().iter().map(|&value| f64::from(value) * f64::from(value));
    let square = squares.sum::<f64>() / x.data().len().max(1) as f64;
    for (statistic, scale) in [(mean, square.sqrt()), (variance, square)] {
        let Source::Constant(Constant::Weight { name, .. }) = &plan.value(statistic).source else {
            continue;
        };
        if let Some(mut tensor) = weights.get(name).cloned() {
            tensor.data_mut().iter_mut().for_each(|value| *value *= scale as f32);
            weights.insert(name, tensor);
        }
    }
}

#[cfg(test)]
mod tests {
    use involution::models::RedNet;
    use involution::reference;

    use super::*;

    /// Two images give two answers, which are of the size of one.
    #[test]
    fn random_networks_see_their_input_and_stay_in_range() -> Result<()> {
        let layer = RedNet::new(26)?.stem_kernel(3);
        let x = Shape::from([2, 3, 64, 64]);
        let weights = weights(&layer, &x, 1, &|op, inputs| reference::run(op, inputs))?;
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

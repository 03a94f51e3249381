//! Whether what was timed is right. The reference is slow, so of a batch only the first sample is held against
//! it; each of the others against a run of that sample by itself, which shares neither memory nor grid with the
//! batch.

use involution::gpu::{Choice, GpuTensor};
use involution::kernels;
use involution::ops::Op;
use involution::plan::{Action, Source};
use involution::{Error, Gpu, Layer, Operator, Plan, Result, Shape, StateDict, Tensor, reference};
use involution_check::{Expected, compare, expected};

use super::subject::Subject;
use super::walk::Walk;

/// What a single operator or layer may be off, in parts of the largest value, where the arithmetic gives no
/// bound for each element; and a whole network.
pub const LAYER: f64 = 1e-5;
pub const NETWORK: f64 = 1e-4;

/// The reference's answer to one sample.
pub enum Answer {
    /// With a bound for each element.
    Bounded(Expected),
    /// With a tolerance in parts of the largest value.
    Close(Tensor, f64),
}

impl Answer {
    /// What an operator makes of these inputs.
    pub fn of_operator(op: &Operator, inputs: &[Tensor]) -> Result<Self> {
        expected(op, &inputs.iter().collect::<Vec<_>>()).map(Answer::Bounded)
    }

    /// What a layer makes of its input: bounded where it is a single operator.
    pub fn of_layer(
        layer: &dyn Layer,
        weights: &StateDict,
        x: &Tensor,
        tolerance: f64,
    ) -> Result<Self> {
        let plan = layer.plan(x.shape())?.keep(&[layer.output()])?;
        if let Some((op, inputs)) = single(&plan, weights, x)? {
            return Answer::of_operator(&op, &inputs);
        }
        let mut outputs = reference::run_plan(&plan, weights, &[x])?;
        Ok(Answer::Close(outputs.swap_remove(0).1, tolerance))
    }

    /// What the kernels that take any shape make of a layer's input, one operator after the other.
    pub fn of_general_kernels(
        gpu: &Gpu,
        layer: &dyn Layer,
        weights: &StateDict,
        x: &Tensor,
        tolerance: f64,
    ) -> Result<Self> {
        let plan = layer.plan(x.shape())?.keep(&[layer.output()])?;
        let run = |op: &Operator, inputs: &[&Tensor]| general(gpu, op, inputs);
        let mut walk = Walk::new(&plan, x);
        for step in plan.steps() {
            walk.step(step, weights, &run)?;
        }
        let output = plan.outputs().first().and_then(|(_, value)| walk.take(*value));
        let missing = || Error::UnknownOutput {
            network: layer.name(),
            output: layer.output().to_owned(),
            known: Vec::new(),
        };
        Ok(Answer::Close(output.ok_or_else(missing)?, tolerance))
    }

    /// The largest distance of a result from it, as a multiple of what is allowed.
    pub fn distance(&self, found: &Tensor) -> f64 {
        match self {
            Answer::Bounded(expected) => compare(expected, found).worst_over_bound,
            Answer::Close(want, tolerance) if want.shape() == found.shape() => {
                distance(found.data(), want.data()) / tolerance
            }
            Answer::Close(..) => f64::MAX,
        }
    }
}

/// An operator by its general candidate.
fn general(gpu: &Gpu, op: &Operator, inputs: &[&Tensor]) -> Result<Tensor> {
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    let general = kernels::general(op, &shapes).map_err(Error::at(op.name()))?;
    let choice = general.map_or(Choice::Preferred, |general| Choice::Named(general.name));
    let tensors: Vec<GpuTensor> =
        inputs.iter().map(|input| gpu.upload(input)).collect::<Result<_>>()?;
    let prepared = gpu.prepare(op, &tensors.iter().collect::<Vec<_>>(), &choice)?;
    gpu.submit(&prepared)?;
    gpu.download(prepared.output())
}

/// The operator of a plan of one step, and its inputs.
fn single(plan: &Plan, weights: &StateDict, x: &Tensor) -> Result<Option<(Operator, Vec<Tensor>)>> {
    let [step] = plan.steps() else { return Ok(None) };
    let Action::Apply(op) = &step.action else { return Ok(None) };
    let inputs = step.inputs.iter().map(|&input| match &plan.value(input).source {
        Source::Constant(constant) => Ok(constant.evaluate(weights)?.into_owned()),
        _ => Ok(x.clone()),
    });
    Ok(Some((op.clone(), inputs.collect::<Result<_>>()?)))
}

/// The largest distance of two results, in parts of the largest value.
pub fn distance(found: &[f32], want: &[f32]) -> f64 {
    let largest = want.iter().fold(0f64, |most, value| most.max(f64::from(value.abs())));
    if largest == 0.0 || !largest.is_finite() {
        // Nothing to compare: a network that gives nothing but zeros is no network.
        return f64::MAX;
    }
    let off = found.iter().zip(want).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
    // A NaN must not vanish in a maximum.
    let worst = off.fold(0f64, |most, off| if off > most || off.is_nan() { off } else { most });
    if worst.is_nan() { f64::MAX } else { worst / largest }
}

/// The sample of this index, as a batch of one.
pub fn sample(batch: &Tensor, index: usize) -> Result<Tensor> {
    let mut dims = batch.shape().dims().to_vec();
    let length = batch.data().len() / dims[0].max(1);
    dims[0] = 1;
    let data = batch.data()[index * length..(index + 1) * length].to_vec();
    Tensor::new(Shape::new(dims), data).map_err(Error::at("bench"))
}

/// The largest distance of a sample of a batch from a run of that sample by itself, as a multiple of the
/// tolerance; the first sample is left to the reference.
pub fn with_single_runs(
    subject: &Subject,
    inputs: &[Tensor],
    output: &Tensor,
    tolerance: f64,
) -> Result<f64> {
    let batch = output.shape().dims().first().copied().unwrap_or(1);
    let mut worst = 0f64;
    for index in 1..batch {
        let inputs: Vec<Tensor> =
            inputs.iter().map(|input| sample(input, index)).collect::<Result<_>>()?;
        let alone = subject.run(&inputs)?;
        let within = sample(output, index)?;
        worst = worst.max(distance(within.data(), alone.data()) / tolerance);
    }
    Ok(worst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_in_parts_of_the_largest_value_and_sees_what_is_no_number() {
        assert_eq!(distance(&[1.0, -4.0], &[1.0, -4.0]), 0.0);
        assert_eq!(distance(&[1.0, -3.0], &[1.0, -4.0]), 0.25);
        for found in [f32::NAN, f32::INFINITY] {
            assert!(distance(&[found, 2.0], &[1.0, 2.0]) > 1e300);
        }
        assert_eq!(distance(&[0.0], &[0.0]), f64::MAX);
    }

    #[test]
    fn samples_are_cut_out_of_a_batch() -> Result<()> {
        let data = (0..12).map(|value| value as f32).collect();
        let batch = Tensor::new([3, 2, 2], data).map_err(Error::at("test"))?;
        assert_eq!(sample(&batch, 1)?.data(), [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(sample(&batch, 1)?.shape().dims(), [1, 2, 2]);
        Ok(())
    }
}

//! What a row runs: an operator or a layer, its inputs and weights.

use std::sync::Arc;

use involution::gpu::{Choice, GpuTensor};
use involution::ops::{Op, Operator};
use involution::plan::{Action, Constant, Plan, Source, Step, Weight};
use involution::tensor::DType;
use involution::tolerance::{Distribution, Expected, compare, expected_stored, inputs};
use involution::{Error, Gpu, Layer, Result, Shape, StateDict, Tensor, kernels, reference};

use crate::output::mib;

/// What is run.
#[derive(Debug, Clone)]
pub enum Work {
    /// An operator: on tensors of the device by the candidate of this name, or from host to host by the preferred one.
    Operator(Operator, Option<String>),
    /// A layer or network from host to host, whose weights are brought to the device once; whether its plan is fused.
    Layer(Arc<dyn Layer>, bool),
}

/// What a layer may be off, in parts of the largest value, where the arithmetic gives no bound for each element; and a
/// whole network.
pub const LAYER: f64 = 1e-5;
pub const NETWORK: f64 = 1e-4;

/// One row of a suite.
#[derive(Debug, Clone)]
pub struct Workload {
    pub name: String,
    /// The name without its batch and whether it is fused: rows that share it differ in nothing else.
    pub base: String,
    pub group: String,
    pub work: Work,
    /// The shapes of the inputs.
    pub shapes: Vec<Shape>,
    /// Whether the quick set of the suite `ops` has it.
    pub quick: bool,
    /// Whether the reference would take minutes for it. It is compared with the general candidates of the same device
    /// instead, one operator at a time, nothing fused.
    pub large: bool,
    /// What a layer, or a sample of a batch, may be off.
    pub tolerance: f64,
}

impl Workload {
    /// A row that shares nothing with others.
    pub fn new(name: String, group: &str, work: Work, shapes: Vec<Shape>) -> Self {
        let (base, group) = (name.clone(), group.to_owned());
        let (quick, large, tolerance) = (false, false, LAYER);
        Workload { name, base, group, work, shapes, quick, large, tolerance }
    }

    /// The name of the operator, layer or network.
    pub fn op(&self) -> String {
        match &self.work {
            Work::Operator(op, _) => op.name().to_owned(),
            Work::Layer(layer, _) => layer.name(),
        }
    }

    /// Whether it stays on the device: a single call whose kernel is named.
    pub fn is_resident(&self) -> bool {
        matches!(self.work, Work::Operator(_, Some(_)))
    }

    /// Floating-point operations, and bytes of inputs, output and parameters; zeros for what is refused.
    pub fn cost(&self) -> (u64, u64) {
        let shapes: Vec<&Shape> = self.shapes.iter().collect();
        match &self.work {
            Work::Operator(op, _) => {
                op.cost(&shapes).map_or((0, 0), |cost| (cost.flops, cost.bytes))
            }
            Work::Layer(layer, _) => {
                layer_cost(layer.as_ref(), &self.shapes[0]).unwrap_or_default()
            }
        }
    }

    /// Bytes on the device: of an operator its tensors, of a layer by its plan values in their slots, weights and scratch.
    /// An error if there is no room for them and for the inputs on the host, where that can be known: a software adapter
    /// has the memory of the machine, and other devices refuse by themselves what is too large for them.
    pub fn memory(&self, gpu: &Gpu) -> Result<u64> {
        let bytes = match &self.work {
            Work::Operator(op, _) => {
                let shapes: Vec<&Shape> = self.shapes.iter().collect();
                op.cost(&shapes).map_err(Error::at(op.name()))?.bytes
            }
            Work::Layer(layer, _) => {
                let plan = layer.plan(&self.shapes[0])?.keep(&[layer.output()])?.fuse();
                gpu.lower(&plan)?.memory.peak()
            }
        };
        let size = |shape: &Shape| shape.elements().map_or(u64::MAX, |count| 4 * count as u64);
        let on_host = self.shapes.iter().map(size).fold(0u64, u64::saturating_add);
        let needed = on_host.saturating_add(if gpu.adapter().software { bytes } else { 0 });
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        match available(&meminfo) {
            // A tenth stays free.
            Some(free) if needed > free / 10 * 9 => {
                let what = format!("{}, for which {:.0} MiB are free", self.name, mib(free));
                Err(Error::OutOfMemory { what, bytes: needed })
            }
            _ => Ok(bytes),
        }
    }

    /// Inputs whose samples do not depend on how many there are, of values that this type has.
    pub fn inputs(&self, dtype: DType) -> Result<Vec<Tensor>> {
        let of = Distribution { seed: seed(&self.base), scale: 1.0, positive: false, dtype };
        match &self.work {
            Work::Operator(op, _) => Ok(inputs(op, &self.shapes, of)),
            Work::Layer(..) => Ok(vec![uniform(
                &self.shapes[0],
                [-1.0, 1.0],
                &mut fastrand::Rng::with_seed(of.seed),
            )?]),
        }
    }

    /// The inputs of one sample of a batch.
    pub fn sample(&self, inputs: &[Tensor], index: usize) -> Result<Vec<Tensor>> {
        let batched = match &self.work {
            Work::Operator(op, _) => op.batched(&self.shapes.iter().collect::<Vec<_>>()),
            Work::Layer(..) => vec![true],
        };
        let one = |(input, batched): (&Tensor, bool)| match batched {
            true => sample(input, index),
            false => Ok(input.clone()),
        };
        inputs.iter().zip(batched).map(one).collect()
    }

    /// The weights of its layer: random, the same at every run, and such that values neither vanish nor grow from layer
    /// to layer. Matrices have a variance of 1 / fan-in, and each normalisation the statistics of what it gets: with
    /// others, the square that an involution makes of its input would grow past any number within a few blocks. The
    /// device that is to be checked may compute them: weights are nothing but numbers, whoever made them.
    pub fn weights(&self, gpu: &Gpu) -> Result<StateDict> {
        let run = |op: &Operator, inputs: &[&Tensor]| gpu.run(op.clone(), inputs);
        match &self.work {
            Work::Layer(layer, _) => {
                weights(layer.as_ref(), &self.shapes[0], seed(&self.base), run)
            }
            _ => Ok(StateDict::new()),
        }
    }

    /// The reference's answer to these inputs, one sample or several.
    pub fn answer(&self, gpu: &Gpu, weights: &StateDict, inputs: &[Tensor]) -> Result<Answer> {
        let dtype = gpu.profile().storage;
        let single = (dtype == DType::F16).then(|| gpu.in_single_precision()).transpose()?;
        let gpu = single.as_ref().unwrap_or(gpu);
        let layer = match &self.work {
            Work::Operator(op, _) => return Answer::of(op, inputs, dtype),
            Work::Layer(layer, _) => layer,
        };
        let plan = layer.plan(inputs[0].shape())?.keep(&[layer.output()])?;
        let output = match self.large {
            false => {
                if let ([_], Some((step, op, _))) = (plan.steps(), plan.calls().next()) {
                    let given = step.inputs.iter().map(|&input| match &plan.value(input).source {
                        Source::Constant(of) => Ok(of.evaluate(weights)?.into_owned()),
                        _ => Ok(inputs[0].clone()),
                    });
                    return Answer::of(op, &given.collect::<Result<Vec<_>>>()?, dtype);
                }
                reference::run_plan(&plan, weights, inputs)?.swap_remove(0).1
            }
            true => {
                let run = |op: &Operator, inputs: &[&Tensor]| general(gpu, op, inputs);
                walk(&plan, weights, &inputs[0], |_, op, inputs| run(op, inputs))?
            }
        };
        // Half precision has 11 bits, of which each layer may cost a part.
        let tolerance = if dtype == DType::F16 { HALF_TOLERANCE } else { self.tolerance };
        Ok(Answer::Close(output, tolerance))
    }
}

/// How far a network in half precision may be off, in parts of the largest value.
const HALF_TOLERANCE: f64 = 2e-2;

/// The right output.
pub enum Answer {
    /// With a bound for each element.
    Bounded(Expected),
    /// With a tolerance in parts of the largest value.
    Close(Tensor, f64),
}

impl Answer {
    fn of(op: &Operator, inputs: &[Tensor], dtype: DType) -> Result<Self> {
        let inputs: Vec<Tensor> = inputs.iter().map(|input| input.rounded(dtype)).collect();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        expected_stored(op, &inputs, dtype).map(Answer::Bounded)
    }

    /// The largest distance of a result from it, as a multiple of what is allowed.
    pub fn distance(&self, found: &Tensor) -> f64 {
        match self {
            Answer::Bounded(expected) => compare(expected, found).worst_over_bound,
            Answer::Close(want, tolerance) => distance(found, want) / tolerance,
        }
    }
}

/// Bytes that programs could still have, where the system says so.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

/// The largest distance of two results, in parts of the largest value.
pub fn distance(found: &Tensor, want: &Tensor) -> f64 {
    let largest = want.data().iter().fold(0f64, |most, value| most.max(f64::from(value.abs())));
    if found.shape() != want.shape() || largest == 0.0 || !largest.is_finite() {
        // Nothing to compare: a network that gives nothing but zeros is no network.
        return f64::MAX;
    }
    let pairs = found.data().iter().zip(want.data());
    let off = pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs());
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

fn layer_cost(layer: &dyn Layer, x: &Shape) -> Result<(u64, u64)> {
    let elements = |shape: &Shape| shape.dims().iter().product::<usize>() as u64;
    let plan = layer.plan(x)?.keep(&[layer.output()])?;
    let values = elements(x) + elements(&layer.output_shape(x)?) + plan.parameters();
    Ok((2 * plan.macs()?, 4 * values))
}

/// An operator by its general candidate.
fn general(gpu: &Gpu, op: &Operator, inputs: &[&Tensor]) -> Result<Tensor> {
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    let general = kernels::general(op, &shapes).map_err(Error::at(op.name()))?;
    let choice = general.map_or(Choice::Preferred, |general| Choice::Named(general.name));
    let tensors = inputs.iter().map(|input| gpu.upload(input)).collect::<Result<Vec<_>>>()?;
    let tensors: Vec<&GpuTensor> = tensors.iter().collect();
    let prepared = gpu.prepare(op, &tensors, &choice)?;
    gpu.submit(&prepared)?;
    gpu.download(prepared.output())
}

/// The output of a plan of one input and one output, whose operators `run` runs.
fn walk(
    plan: &Plan,
    weights: &StateDict,
    x: &Tensor,
    mut run: impl FnMut(&Step, &Operator, &[&Tensor]) -> Result<Tensor>,
) -> Result<Tensor> {
    let step = |step: &Step, inputs: Vec<Tensor>| match &step.action {
        Action::Apply(op) => run(step, op, &inputs.iter().collect::<Vec<_>>()),
        Action::Reshape => {
            let data = inputs.into_iter().next().map_or_else(Vec::new, Tensor::into_data);
            Tensor::new(plan.shape(step.output).clone(), data).map_err(Error::at("reshape"))
        }
    };
    let constant = |constant: &Constant| Ok(constant.evaluate(weights)?.into_owned());
    Ok(plan.walk(vec![x.clone()], constant, step)?.swap_remove(0).1)
}

/// A seed that follows from a name.
fn seed(name: &str) -> u64 {
    name.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()))
}

/// Random weights of a layer whose normalisations have the statistics of what they get of an image of this shape.
pub fn weights(
    layer: &dyn Layer,
    x: &Shape,
    seed: u64,
    run: impl Fn(&Operator, &[&Tensor]) -> Result<Tensor>,
) -> Result<StateDict> {
    let one = Shape::new([&[1], &x.dims()[1..]].concat());
    let plan = layer.plan(&one)?;
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut weights = drawn(&plan, &mut rng)?;
    let plan = plan.keep(&[layer.output()])?;
    let mut scaled: Vec<(String, Tensor)> = Vec::new();
    // Means are in parts of the size of what comes in, variances around its square.
    walk(&plan, &weights, &uniform(&one, [-1.0, 1.0], &mut rng)?, |step, op, inputs| {
        let ([x, mean, variance, rest @ ..], Operator::BatchNorm(_)) = (inputs, op) else {
            return run(op, inputs);
        };
        let squares = x.data().iter().map(|&value| f64::from(value) * f64::from(value));
        let square = squares.sum::<f64>() / x.data().len().max(1) as f64;
        let mut statistics = [(*mean).clone(), (*variance).clone()];
        for ((at, tensor), scale) in (1..).zip(&mut statistics).zip([square.sqrt(), square]) {
            tensor.data_mut().iter_mut().for_each(|value| *value *= scale as f32);
            let source = &plan.value(step.inputs[at]).source;
            if let Source::Constant(Constant::Weight { name, .. }) = source {
                scaled.push((name.clone(), tensor.clone()));
            }
        }
        let [mean, variance] = &statistics;
        run(op, &[&[*x, mean, variance], rest].concat())
    })?;
    for (name, tensor) in scaled {
        weights.insert(name, tensor);
    }
    Ok(weights)
}

/// Random weights of a plan.
pub fn drawn(plan: &Plan, rng: &mut fastrand::Rng) -> Result<StateDict> {
    plan.weights().iter().map(|it| Ok((it.name.clone(), draw(it, rng)?))).collect()
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
    uniform(&weight.shape, range, rng)
}

/// A tensor of values in a range.
pub fn uniform(shape: &Shape, [from, to]: [f32; 2], rng: &mut fastrand::Rng) -> Result<Tensor> {
    let count = shape.elements().map_err(Error::at("bench"))?;
    let data = (0..count).map(|_| from + (to - from) * rng.f32()).collect();
    Tensor::new(shape.clone(), data).map_err(Error::at("bench"))
}

#[cfg(test)]
mod tests {
    use involution::models::RedNet;

    use super::*;

    #[test]
    fn a_distance_is_in_parts_of_the_largest_value_and_sees_what_is_no_number() {
        let of = |found: &[f32], want: &[f32]| {
            let tensor = |data: &[f32]| Tensor::new([data.len()], data.to_vec()).ok();
            tensor(found).zip(tensor(want)).map(|(found, want)| distance(&found, &want))
        };
        assert_eq!(of(&[1.0, -4.0], &[1.0, -4.0]), Some(0.0));
        assert_eq!(of(&[1.0, -3.0], &[1.0, -4.0]), Some(0.25));
        for found in [f32::NAN, f32::INFINITY] {
            assert!(of(&[found, 2.0], &[1.0, 2.0]) > Some(1e300));
        }
        assert_eq!(of(&[0.0], &[0.0]), Some(f64::MAX));
        assert_eq!(of(&[1.0], &[1.0, 2.0]), Some(f64::MAX));
    }

    #[test]
    fn samples_are_cut_out_of_a_batch_and_weights_are_left_whole() -> Result<()> {
        let data = (0..12).map(|value| value as f32).collect();
        let batch = Tensor::new([3, 2, 2], data).map_err(Error::at("test"))?;
        assert_eq!(sample(&batch, 1)?.data(), [4.0, 5.0, 6.0, 7.0]);
        let (op, shapes) = involution_check::usual("conv2d", 3, 14).ok_or_else(|| {
            Error::at("conv2d")(involution::ShapeError::UnknownOperator {
                name: "conv2d".to_owned(),
                known: String::new(),
            })
        })?;
        let work = Work::Operator(op, None);
        let workload = Workload::new(String::new(), "", work, shapes.clone());
        let one = workload.sample(&workload.inputs(DType::F32)?, 2)?;
        assert_eq!(one[0].shape().dims(), [1, 64, 14, 14]);
        assert_eq!(one[1].shape(), &shapes[1]);
        Ok(())
    }

    #[test]
    fn free_memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       24681512 kB\nMemAvailable:   24035020 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(24_035_020 * 1024));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }

    /// Two images give two answers, which are of the size of one.
    #[test]
    fn random_networks_see_their_input_and_stay_in_range() -> Result<()> {
        let layer = RedNet::new(26)?.stem_kernel(3);
        let x = Shape::from([2, 3, 64, 64]);
        let weights = weights(&layer, &x, 1, |op, inputs| reference::run(op, inputs))?;
        let plan = layer.plan(&x)?.keep(&[layer.output()])?;
        let images = uniform(&x, [-1.0, 1.0], &mut fastrand::Rng::with_seed(2))?;
        let outputs = reference::run_plan(&plan, &weights, &[&images])?;
        let logits = outputs.first().map_or(&[][..], |(_, tensor)| tensor.data());
        let (one, other) = logits.split_at(logits.len() / 2);
        let largest = one.iter().fold(0f32, |most, value| most.max(value.abs()));
        assert!((0.1..100.0).contains(&largest), "{largest}");
        let apart = one.iter().zip(other).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(apart > 0.01 * largest, "{apart} of {largest}");
        Ok(())
    }
}

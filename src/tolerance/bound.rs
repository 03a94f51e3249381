//! How far a result may be from the definition, element by element.
//!
//! A sum of n products in any order, each step rounded, is within `(n + 1) u S` of the exact one, where u
//! is half of epsilon and S the same sum over absolute values (Higham, "Accuracy and Stability of Numerical
//! Algorithms", section 3.1). The bounds below use epsilon in place of u, a few terms more for the
//! steps around the sum, and what WGSL allows its built-in functions. Where tensors are stored in half precision, a result
//! is one of its two nearest neighbours there, and so is what some operators store on the way.

use crate::error::Result;
use crate::kernels::MOST_TRIPS;
use crate::ops::{Activation, Op, Operator};
use crate::reference::rounding::{
    EPSILON, FLUSH, HALF_EPSILON, HALF_FLUSH, HALF_INFINITE, Rounding,
};
use crate::reference::{self, Array};
use crate::tensor::{DType, Tensor};

/// The reference's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The values.
    pub value: Array,
    /// How far a result may be from each.
    pub bound: Vec<f64>,
}

/// No activation is steeper than silu.
const STEEPEST: f64 = 1.1;

/// Evaluates operators: the reference, or what stands in for it.
pub type Evaluate<'a> = &'a dyn Fn(&Operator, &[Array]) -> Result<Array>;

/// Evaluates the reference and the error that single precision is allowed.
pub fn expected(op: &Operator, inputs: &[&Tensor]) -> Result<Expected> {
    expected_stored(op, inputs, DType::F32)
}

/// Evaluates the reference and the error that single precision is allowed between tensors of this type, which has the
/// values of the inputs: see [`inputs`](super::inputs()).
pub fn expected_stored(op: &Operator, inputs: &[&Tensor], dtype: DType) -> Result<Expected> {
    expected_by(op, inputs, dtype, &reference::evaluate)
}

/// Evaluates by other means than the reference, such as a kernel of a device, and bounds the error against that. Sums of
/// absolute values are nearly exact in single precision too, and the bound of a sum is twice the error of one evaluation,
/// so it also bounds the difference of two.
pub fn expected_by(
    op: &Operator,
    inputs: &[&Tensor],
    dtype: DType,
    evaluate: Evaluate<'_>,
) -> Result<Expected> {
    let inputs: Vec<Array> = inputs.iter().map(|&input| Array::from(input)).collect();
    let mut value = evaluate(op, &inputs)?;
    let half = dtype == DType::F16;
    let bound = match reference::rounding(op, &inputs, &value) {
        Rounding::Exact => vec![0.0; value.data.len()],
        Rounding::Sum(roundings) => {
            let sums = sums(op, &inputs, &value, evaluate)?;
            let bound = sums.bound(roundings);
            if half {
                sums.stored(bound, roundings, stored_on_the_way(op, roundings))
            } else {
                bound
            }
        }
        // Softmax stores exponentials before it divides them.
        Rounding::Own(bound) if half => {
            let stored = bound.iter().zip(&value.data);
            stored.map(|(bound, value)| bound + 2.0 * stored_error(value.abs() + bound)).collect()
        }
        Rounding::Own(bound) => bound,
    };
    if half {
        let infinite = value.data.iter_mut().filter(|value| value.abs() >= HALF_INFINITE);
        infinite.for_each(|value| *value *= f64::INFINITY);
    }
    Ok(Expected { value, bound })
}

/// What is lost where a number of this size is stored in half precision.
fn stored_error(value: f64) -> f64 {
    HALF_EPSILON * value + HALF_FLUSH
}

/// How often parts of a result may be stored before it is: kernels that were made, and parts of long sums.
fn stored_on_the_way(op: &Operator, roundings: usize) -> usize {
    let made = match op {
        Operator::Involution(involution) => involution.softmax,
        Operator::SpanInvolution(_) | Operator::DynamicConv2d(_) | Operator::DynamicConv3d(_) => {
            true
        }
        // A long window is pooled axis by axis.
        Operator::AvgPool3d(_) => roundings > MOST_TRIPS,
        _ => false,
    };
    usize::from(made) + roundings / MOST_TRIPS
}

/// The sums of an operator.
struct Sums {
    activation: Activation,
    /// Before the activation.
    values: Vec<f64>,
    /// Of the absolute values of their terms.
    magnitudes: Vec<f64>,
    /// After the activation.
    results: Vec<f64>,
}

impl Sums {
    /// How far single precision may be off.
    fn bound(&self, roundings: usize) -> Vec<f64> {
        let steps = (roundings + 2) as f64;
        let bound = self.values.iter().zip(&self.magnitudes).map(|(&value, &magnitude)| {
            let before = steps * (EPSILON * magnitude + FLUSH);
            STEEPEST * before + activation_bound(self.activation, value)
        });
        bound.collect()
    }

    /// That, and what is lost by storing the results, and parts of them so often before.
    fn stored(&self, bound: Vec<f64>, roundings: usize, times: usize) -> Vec<f64> {
        let each = bound.into_iter().zip(&self.magnitudes).zip(&self.results);
        let stored = each.map(|((bound, &magnitude), &result)| {
            let parts = HALF_EPSILON * magnitude + roundings as f64 * HALF_FLUSH;
            let bound = bound + STEEPEST * times as f64 * parts;
            bound + stored_error(result.abs() + bound)
        });
        stored.collect()
    }
}

/// The sums of an operator that sums products and applies an activation.
fn sums(op: &Operator, inputs: &[Array], value: &Array, evaluate: Evaluate<'_>) -> Result<Sums> {
    let mut linear = op.clone();
    let activation = linear.epilogue().map_or(Activation::None, std::mem::take);
    let values = match activation {
        Activation::None => value.data.clone(),
        _ => evaluate(&linear, inputs)?.data,
    };
    let magnitudes: Vec<Array> = op
        .inputs()
        .into_iter()
        .zip(inputs)
        .map(|(name, input)| magnitude(op, name, input))
        .collect();
    let magnitudes = evaluate(&linear, &magnitudes)?.data;
    Ok(Sums { activation, values, magnitudes, results: value.data.clone() })
}

/// Whether the taps of a kernel are made to sum to one.
fn normalises(op: &Operator) -> bool {
    match op {
        Operator::Involution(involution) => involution.softmax,
        Operator::Involution3d(involution) => involution.softmax,
        _ => false,
    }
}

/// The input whose sum is the sum of the absolute values of all terms.
fn magnitude(op: &Operator, name: &str, input: &Array) -> Array {
    let data = input.data.iter();
    let data = match name {
        // What becomes of it is never negative.
        "kernel" if normalises(op) => data.copied().collect(),
        "running_var" => data.copied().collect(),
        // x - mean is largest where the two have opposite signs.
        "running_mean" => data.map(|value| -value.abs()).collect(),
        _ => data.map(|value| value.abs()).collect(),
    };
    Array { shape: input.shape.clone(), data }
}

/// What the activation itself may add. WGSL allows exp an error of 3 + 2|x| units.
fn activation_bound(activation: Activation, v: f64) -> f64 {
    let sigmoid = || {
        let exact = reference::activation::apply(Activation::Sigmoid, v);
        (8.0 + 2.0 * v.abs()) * EPSILON * exact + FLUSH
    };
    match activation {
        Activation::None | Activation::Relu | Activation::Relu6 => 0.0,
        Activation::Sigmoid => sigmoid(),
        Activation::Silu => v.abs() * sigmoid() + EPSILON * v.abs() + FLUSH,
    }
}

//! How far single precision may be from the definition, element by element.
//!
//! A sum of n products in any order, each step rounded, is within `(n + 1) u S` of the exact one, where u
//! is half of epsilon and S the same sum over absolute values (Higham, "Accuracy and Stability of Numerical
//! Algorithms", section 3.1). The bounds below use epsilon in place of u, a few terms more for the
//! steps around the sum, and what WGSL allows its built-in functions.

use crate::error::Result;
use crate::ops::{Activation, Op, Operator};
use crate::reference::rounding::{EPSILON, FLUSH, Rounding};
use crate::reference::{self, Array};
use crate::tensor::Tensor;

/// The reference's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// The values.
    pub value: Array,
    /// How far single precision may be from each.
    pub bound: Vec<f64>,
}

/// Evaluates operators: the reference, or what stands in for it.
pub type Evaluate<'a> = &'a dyn Fn(&Operator, &[Array]) -> Result<Array>;

/// Evaluates the reference and the error that single precision is allowed.
pub fn expected(op: &Operator, inputs: &[&Tensor]) -> Result<Expected> {
    expected_by(op, inputs, &reference::evaluate)
}

/// Evaluates by other means than the reference, such as a kernel of a device, and bounds the error against that. Sums of
/// absolute values are nearly exact in single precision too, and the bound of a sum is twice the error of one evaluation,
/// so it also bounds the difference of two.
pub fn expected_by(op: &Operator, inputs: &[&Tensor], evaluate: Evaluate<'_>) -> Result<Expected> {
    let inputs: Vec<Array> = inputs.iter().map(|&input| Array::from(input)).collect();
    let value = evaluate(op, &inputs)?;
    let bound = match reference::rounding(op, &inputs, &value) {
        Rounding::Exact => vec![0.0; value.data.len()],
        Rounding::Sum(roundings) => sum_bound(op, &inputs, &value, roundings, evaluate)?,
        Rounding::Own(bound) => bound,
    };
    Ok(Expected { value, bound })
}

/// The bound of an operator that sums products and applies an activation.
fn sum_bound(
    op: &Operator,
    inputs: &[Array],
    value: &Array,
    roundings: usize,
    evaluate: Evaluate<'_>,
) -> Result<Vec<f64>> {
    let mut linear = op.clone();
    let activation = linear.epilogue().map_or(Activation::None, std::mem::take);
    let before = match activation {
        Activation::None => value,
        _ => &evaluate(&linear, inputs)?,
    };
    let magnitudes: Vec<Array> =
        op.inputs().into_iter().zip(inputs).map(|(name, input)| magnitude(name, input)).collect();
    let sums = evaluate(&linear, &magnitudes)?;
    let steps = (roundings + 2) as f64;
    let bound = before.data.iter().zip(&sums.data).map(|(&value, &sum)| {
        let before = steps * (EPSILON * sum + FLUSH);
        // No activation is steeper than silu's 1.1.
        1.1 * before + activation_bound(activation, value)
    });
    Ok(bound.collect())
}

/// The input whose sum is the sum of the absolute values of all terms.
fn magnitude(name: &str, input: &Array) -> Array {
    let data = input.data.iter();
    let data = match name {
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

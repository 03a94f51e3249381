//! Softmax along one axis, with a temperature.
//!
//! x of any shape with at least one dimension -> the same shape:
//! `y[.., i, ..] = e^(x[.., i, ..] / T) / sum_j e^(x[.., j, ..] / T)`, the largest value of the row taken
//! away first. A row with NaN or plus infinity, or with minus infinity alone, is NaN.
//! Definition: `torch.softmax(x / T, axis)`; the temperature is that of Chen et al., "Dynamic Convolution:
//! Attention over Convolution Kernels", CVPR 2020.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::Shape;

/// The parameters of a softmax.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Softmax {
    /// The dimension along which values compete; negative counts from the last.
    pub axis: isize,
    /// What the values are divided by first.
    pub temperature: f32,
}

impl Default for Softmax {
    fn default() -> Self {
        Softmax { axis: -1, temperature: 1.0 }
    }
}

/// x as `[outer, length, inner]`.
pub(crate) struct Rows {
    pub outer: usize,
    pub length: usize,
    pub inner: usize,
}

impl Softmax {
    /// The axis counted from the first; nothing where x has no such axis.
    fn axis_of(&self, x: &Shape) -> Option<usize> {
        let from_last = if self.axis < 0 { x.rank() } else { 0 };
        from_last.checked_add_signed(self.axis).filter(|&axis| axis < x.rank())
    }

    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Rows, ShapeError> {
        let [x] = required(self, inputs)?;
        if x.rank() == 0 {
            let expected = "of at least one dimension";
            return Err(ShapeError::Rank { tensor: "x", expected, found: x.clone() });
        }
        x.not_empty("x")?;
        // What is smaller still, kernels may take for 0.
        if !self.temperature.is_finite() || self.temperature < f32::MIN_POSITIVE {
            return Err(ShapeError::Parameter {
                parameter: "temperature",
                must: "finite and above 0 (at least 1.2e-38)",
                value: self.temperature.to_string(),
            });
        }
        let outside = ShapeError::Axis { axis: self.axis, shape: x.clone() };
        let axis = self.axis_of(x).ok_or(outside)?;
        Ok(Rows {
            outer: x.dims()[..axis].iter().product(),
            length: x.dims()[axis],
            inner: x.dims()[axis + 1..].iter().product(),
        })
    }
}

impl Op for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        self.checked(inputs)?;
        let [x] = required(self, inputs)?;
        Ok(x.clone())
    }

    /// Per value: compare, subtract, divide by the temperature, exponential, add, divide by the sum.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        Ok(6 * self.output_shape(inputs)?.elements()? as u64)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        let [x] = inputs else { return Vec::new() };
        let cut = x.rank() > 1 && self.axis_of(x).is_some_and(|axis| axis > 0);
        if cut { vec![true] } else { Vec::new() }
    }

    fn works_on_rows(&self) -> bool {
        true
    }
}

impl Attributed for Softmax {
    fn blank(_: bool, _: bool) -> Self {
        Softmax::default()
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("axis", &mut self.axis, Some(Softmax::default().axis))?;
        v.visit("temperature", &mut self.temperature, Some(Softmax::default().temperature))
    }
}

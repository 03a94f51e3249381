//! Adaptive average pooling: as many windows as are asked for, spread evenly over the input.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']` with H', W' the `output_size`: output row i is the mean of the
//! rows from floor(i*H / H') up to, not including, ceil((i+1)*H / H'), columns likewise. Where H' does not
//! divide H, neighbouring windows share a row; where H' is larger than H, rows repeat.
//! Definition: `torch.nn.functional.adaptive_avg_pool2d`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, gcd, positive};

/// The parameters of an adaptive average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output; either may be larger than that of the input.
    pub output_size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// Sizes of x, checked: `[N, C, H, W]`.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 4], ShapeError> {
        let [x] = required(self, inputs)?;
        positive("output_size", self.output_size)?;
        x.nchw("x")
    }

    /// Values that are added up along each axis, those that two windows share counted twice: every value
    /// once, and once more for each end of a window that falls between two, H + H' - gcd(H, H').
    fn covered(&self, input: [usize; 2]) -> [usize; 2] {
        let windows = self.output_size;
        [0, 1].map(|axis| input[axis] + windows[axis] - gcd(input[axis], windows[axis]))
    }
}

impl Op for AdaptiveAvgPool2d {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool2d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [batch, channels, ..] = self.checked(inputs)?;
        let [height, width] = self.output_size;
        Ok(Shape::from([batch, channels, height, width]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let [batch, channels, height, width] = self.checked(inputs)?;
        let factors = [batch, channels].into_iter().chain(self.covered([height, width]));
        Ok(factors.fold(1, |flops: u64, factor| flops.saturating_mul(factor as u64)))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for AdaptiveAvgPool2d {
    fn blank(_: bool, _: bool) -> Self {
        AdaptiveAvgPool2d { output_size: [1, 1] }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("output_size", &mut self.output_size, None)
    }
}

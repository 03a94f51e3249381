//! Maximum pooling.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']`: the largest value under the window, NaN where there is one. The
//! padding is minus infinity. H', W' are [`Window::output_size`] or, with `ceil_mode`, one more where a
//! last window that starts on the input hangs over.
//! Definition: `torch.nn.functional.max_pool2d`.

use super::op::{Op, required};
use super::pool::pooled_size;
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window};

/// The parameters of a maximum pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool2d {
    /// Kernel size, stride, padding and dilation.
    pub window: Window,
    /// Whether a last window may hang over the padded input.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// A maximum pooling that lets no window hang over.
    pub fn new(window: Window) -> Self {
        MaxPool2d { window, ceil_mode: false }
    }

    /// Sizes of x and of the output: `[N, C, H, W]`, `[H', W']`.
    pub(crate) fn checked(
        &self,
        inputs: &[&Shape],
    ) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x] = required(self, inputs)?;
        let x = x.nchw("x")?;
        Ok((x, pooled_size(&self.window, self.ceil_mode, [x[2], x[3]])?))
    }
}

impl Op for MaxPool2d {
    fn name(&self) -> &'static str {
        "max_pool2d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels, ..], [height, width]) = self.checked(inputs)?;
        Ok(Shape::from([batch, channels, height, width]))
    }

    /// A comparison for each tap.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        Ok(outputs.saturating_mul(self.window.taps() as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for MaxPool2d {
    fn blank(_: bool, _: bool) -> Self {
        MaxPool2d::new(Window::new([1, 1]))
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, true)?;
        v.visit("ceil_mode", &mut self.ceil_mode, Some(false))
    }
}

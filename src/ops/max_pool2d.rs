//! Maximum pooling.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']`: the largest value under the window, NaN where there is one. The
//! padding is minus infinity. H', W' are [`Window::output_size`] or, with `ceil_mode`, one more where a
//! last window that starts on the input hangs over.
//! Definition: `torch.nn.functional.max_pool2d`.

use super::op::{Op, required};
use super::pool::{Pooled, pooled_size};
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window};

/// A maximum pooling of images.
pub type MaxPool2d = MaxPool<2>;

/// The parameters of a maximum pooling over so many axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool<const AXES: usize = 2> {
    /// Kernel size, stride, padding and dilation.
    pub window: Window<AXES>,
    /// Whether a last window may hang over the padded input.
    pub ceil_mode: bool,
}

impl<const AXES: usize> MaxPool<AXES> {
    /// A maximum pooling that lets no window hang over.
    pub fn new(window: Window<AXES>) -> Self {
        MaxPool { window, ceil_mode: false }
    }

    /// Batch and channels, the other sizes of x, and those of the output.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Pooled<AXES>, ShapeError> {
        let [x] = required(self, inputs)?;
        let (outer, input) = x.planes("x")?;
        Ok((outer, input, pooled_size(&self.window, self.ceil_mode, input)?))
    }
}

impl<const AXES: usize> Op for MaxPool<AXES> {
    fn name(&self) -> &'static str {
        if AXES == 3 { "max_pool3d" } else { "max_pool2d" }
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let (outer, _, output) = self.checked(inputs)?;
        Ok(Shape::of_planes(outer, &output))
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

impl<const AXES: usize> Attributed for MaxPool<AXES> {
    fn blank(_: bool, _: bool) -> Self {
        MaxPool::new(Window::new([1; AXES]))
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, true)?;
        v.visit("ceil_mode", &mut self.ceil_mode, Some(false))
    }
}

//! Average pooling.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']`: the sum of the window over a count of its places. The count is
//! that of the window where it lies on the input or, with `count_include_pad`, on the padded input; what
//! hangs over in `ceil_mode` never counts. H', W' are [`Window::output_size`] or, with `ceil_mode`, one
//! more where a last window that starts on the input hangs over.
//! Definition: `torch.nn.functional.avg_pool2d`.

use super::op::{Op, required};
use super::pool::{Pooled, pooled_size};
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window, by};

/// An average pooling of images.
pub type AvgPool2d = AvgPool<2>;

/// The parameters of an average pooling over so many axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool<const AXES: usize = 2> {
    /// Kernel size, stride and padding; the dilation must be 1.
    pub window: Window<AXES>,
    /// Whether a last window may hang over the padded input.
    pub ceil_mode: bool,
    /// Whether places in the padding count.
    pub count_include_pad: bool,
}

impl<const AXES: usize> AvgPool<AXES> {
    /// An average pooling that counts the padding and lets no window hang over.
    pub fn new(window: Window<AXES>) -> Self {
        AvgPool { window, ceil_mode: false, count_include_pad: true }
    }

    /// Batch and channels, the other sizes of x, and those of the output.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Pooled<AXES>, ShapeError> {
        let [x] = required(self, inputs)?;
        let (outer, input) = x.planes("x")?;
        if self.window.dilation != [1; AXES] {
            return Err(ShapeError::Parameter {
                parameter: "dilation",
                must: "1 along each axis",
                value: by(&self.window.dilation),
            });
        }
        Ok((outer, input, pooled_size(&self.window, self.ceil_mode, input)?))
    }
}

impl<const AXES: usize> Op for AvgPool<AXES> {
    fn name(&self) -> &'static str {
        if AXES == 3 { "avg_pool3d" } else { "avg_pool2d" }
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let (outer, _, output) = self.checked(inputs)?;
        Ok(Shape::of_planes(outer, &output))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        Ok(outputs.saturating_mul(self.window.taps() as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl<const AXES: usize> Attributed for AvgPool<AXES> {
    fn blank(_: bool, _: bool) -> Self {
        AvgPool::new(Window::new([1; AXES]))
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, true)?;
        v.visit("ceil_mode", &mut self.ceil_mode, Some(false))?;
        v.visit("count_include_pad", &mut self.count_include_pad, Some(true))
    }
}

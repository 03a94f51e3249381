//! Average pooling.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']`: the sum of the window over a count of its places. The count is
//! that of the window where it lies on the input or, with `count_include_pad`, on the padded input; what
//! hangs over in `ceil_mode` never counts. H', W' are [`Window::output_size`] or, with `ceil_mode`, one
//! more where a last window that starts on the input hangs over.
//! Definition: `torch.nn.functional.avg_pool2d`.

use super::op::{Op, required};
use super::pool::pooled_size;
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window};

/// The parameters of an average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Kernel size, stride and padding; the dilation must be 1.
    pub window: Window,
    /// Whether a last window may hang over the padded input.
    pub ceil_mode: bool,
    /// Whether places in the padding count.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// An average pooling that counts the padding and lets no window hang over.
    pub fn new(window: Window) -> Self {
        AvgPool2d { window, ceil_mode: false, count_include_pad: true }
    }

    /// Sizes of x and of the output: `[N, C, H, W]`, `[H', W']`.
    pub(crate) fn checked(
        &self,
        inputs: &[&Shape],
    ) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x] = required(self, inputs)?;
        let x = x.nchw("x")?;
        let [dilation_y, dilation_x] = self.window.dilation;
        if [dilation_y, dilation_x] != [1, 1] {
            return Err(ShapeError::Parameter {
                parameter: "dilation",
                must: "1x1",
                value: format!("{dilation_y}x{dilation_x}"),
            });
        }
        Ok((x, pooled_size(&self.window, self.ceil_mode, [x[2], x[3]])?))
    }
}

impl Op for AvgPool2d {
    fn name(&self) -> &'static str {
        "avg_pool2d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels, ..], [height, width]) = self.checked(inputs)?;
        Ok(Shape::from([batch, channels, height, width]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        Ok(outputs.saturating_mul(self.window.taps() as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for AvgPool2d {
    fn blank(_: bool, _: bool) -> Self {
        AvgPool2d::new(Window::new([1, 1]))
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, true)?;
        v.visit("ceil_mode", &mut self.ceil_mode, Some(false))?;
        v.visit("count_include_pad", &mut self.count_include_pad, Some(true))
    }
}

//! Maximum pooling.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']`: the largest value under the window, NaN where there is one. The
//! padding is minus infinity. H', W' are [`Window::output_size`] or, with `ceil_mode`, one more where a
//! last window that starts on the input hangs over.
//! Definition: `torch.nn.functional.max_pool2d`.

use super::{Candidate, Op, pool, required};
use crate::error::ShapeError;
use crate::kernel::{Kernel, Params};
use crate::shape::{Shape, Window};

static MAX_POOL2D: Kernel = crate::kernel!("max_pool2d", [&[]]);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&MAX_POOL2D];

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
    fn checked(&self, inputs: &[&Shape]) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x] = required(self, inputs)?;
        let x = x.nchw("x")?;
        Ok((x, pool::pooled_size(&self.window, self.ceil_mode, [x[2], x[3]])?))
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

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let (x, output) = self.checked(inputs)?;
        Ok(vec![pool::candidate(&self.window, x, output, |window, x, output, tensors| {
            let params = Params::planes(x, output)?.window(window)?;
            pool::call(&MAX_POOL2D, params, window, x, output, tensors)
        })?])
    }
}

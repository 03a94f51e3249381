//! Unfolding: every position of a window laid out as a column, its taps below each other (im2col).
//!
//! x `[N, C, H, W]` -> `[N, C*Kh*Kw, L]` with L = H'*W' and H', W' of [`Window::output_size`]. Row
//! c*Kh*Kw + kh*Kw + kw of column i*W' + j is `x[n, c, i*sh - ph + kh*dh, j*sw - pw + kw*dw]`, zero in
//! the padding. Definition: `torch.nn.functional.unfold`.

use super::op::{Op, required};
use super::pool::Pooled;
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window, product};

/// The parameters of an unfolding over so many axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfold<const AXES: usize = 2> {
    /// Kernel size, stride, padding and dilation.
    pub window: Window<AXES>,
}

impl<const AXES: usize> Unfold<AXES> {
    /// Batch and channels, the other sizes of x, and the positions of the window.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Pooled<AXES>, ShapeError> {
        let [x] = required(self, inputs)?;
        let (outer, input) = x.planes("x")?;
        Ok((outer, input, self.window.output_size(input)?))
    }
}

impl<const AXES: usize> Op for Unfold<AXES> {
    fn name(&self) -> &'static str {
        if AXES == 3 { "unfold3d" } else { "unfold" }
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels], _, output) = self.checked(inputs)?;
        let rows = product("rows of the output", &[channels, self.window.taps()])?;
        Ok(Shape::from([batch, rows, product("columns of the output", &output)?]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs).map(|_| 0)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl<const AXES: usize> Attributed for Unfold<AXES> {
    fn blank(_: bool, _: bool) -> Self {
        Unfold { window: Window::new([1; AXES]) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, false)
    }
}

//! Unfolding: every position of a window laid out as a column, its taps below each other (im2col).
//!
//! x `[N, C, H, W]` -> `[N, C*Kh*Kw, L]` with L = H'*W' and H', W' of [`Window::output_size`]. Row
//! c*Kh*Kw + kh*Kw + kw of column i*W' + j is `x[n, c, i*sh - ph + kh*dh, j*sw - pw + kw*dw]`, zero in
//! the padding. Definition: `torch.nn.functional.unfold`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window, product};

/// The parameters of an unfolding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfold {
    /// Kernel size, stride, padding and dilation.
    pub window: Window,
}

impl Unfold {
    /// Sizes of x and positions of the window: `[N, C, H, W]`, `[H', W']`.
    pub(crate) fn checked(
        &self,
        inputs: &[&Shape],
    ) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x] = required(self, inputs)?;
        let x = x.nchw("x")?;
        Ok((x, self.window.output_size([x[2], x[3]])?))
    }
}

impl Op for Unfold {
    fn name(&self) -> &'static str {
        "unfold"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels, ..], output) = self.checked(inputs)?;
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

impl Attributed for Unfold {
    fn blank(_: bool, _: bool) -> Self {
        Unfold { window: Window::new([1, 1]) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        visit_window(&mut self.window, v, false)
    }
}

//! Folding: the transpose of unfolding, which adds every column back to where it was taken from (col2im).
//!
//! x `[N, C*Kh*Kw, L]` -> `[N, C, H, W]` with H, W the `output_size` and L the number of positions that
//! [`Window::output_size`] gives for it. Row c*Kh*Kw + kh*Kw + kw of column i*W' + j is added to
//! `y[n, c, i*sh - ph + kh*dh, j*sw - pw + kw*dw]`, and dropped in the padding; a pixel that no window
//! covers is zero. Definition: `torch.nn.functional.fold`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor, visit_window};
use crate::error::ShapeError;
use crate::shape::{Shape, Window, divide, product};

/// The parameters of a folding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fold {
    /// Kernel size, stride, padding and dilation of the window that slid over the output.
    pub window: Window,
    /// Height and width of the output.
    pub output_size: [usize; 2],
}

impl Fold {
    /// Sizes of the output and positions of the window on it: `[N, C, H, W]`, `[H', W']`.
    pub(crate) fn checked(
        &self,
        inputs: &[&Shape],
    ) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x] = required(self, inputs)?;
        let [batch, rows, _] = x.array("x", "[N, C*Kh*Kw, L]")?;
        let [height, width] = self.output_size;
        if height == 0 || width == 0 {
            return Err(ShapeError::Parameter {
                parameter: "output_size",
                must: "at least 1",
                value: format!("{height}x{width}"),
            });
        }
        let positions = self.window.output_size(self.output_size)?;
        let channels = divide("channels of x", rows, "the window's taps", self.window.taps())?;
        let columns = product("positions of the window", &positions)?;
        x.expect("x", 2, "columns", columns, || {
            let [down, across] = positions;
            format!("the window has {down}x{across} positions on an output of {height}x{width}")
        })?;
        Ok(([batch, channels, height, width], positions))
    }
}

impl Op for Fold {
    fn name(&self) -> &'static str {
        "fold"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let (output, _) = self.checked(inputs)?;
        Ok(Shape::from(output))
    }

    /// One addition for each value of x, those that fall into the padding counted too.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let [x] = required(self, inputs)?;
        self.checked(inputs)?;
        Ok(x.elements()? as u64)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for Fold {
    fn blank(_: bool, _: bool) -> Self {
        Fold { window: Window::new([1, 1]), output_size: [1, 1] }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("output_size", &mut self.output_size, None)?;
        visit_window(&mut self.window, v, false)
    }
}

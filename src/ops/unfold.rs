//! Unfolding: every position of a window laid out as a column, its taps below each other (im2col).
//!
//! x `[N, C, H, W]` -> `[N, C*Kh*Kw, L]` with L = H'*W' and H', W' of [`Window::output_size`]. Row
//! c*Kh*Kw + kh*Kw + kw of column i*W' + j is `x[n, c, i*sh - ph + kh*dh, j*sw - pw + kw*dw]`, zero in
//! the padding. Definition: `torch.nn.functional.unfold`.

use super::conv2d::PIXELS;
use super::{Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{Grid, Kernel, KernelCall, Operand, Params, nested, product};
use crate::shape::{Shape, Window};

static UNFOLD: Kernel = crate::kernel!("unfold", [&[]]);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&UNFOLD];

/// The parameters of an unfolding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unfold {
    /// Kernel size, stride, padding and dilation.
    pub window: Window,
}

impl Unfold {
    /// Sizes of x and positions of the window: `[N, C, H, W]`, `[H', W']`.
    fn checked(&self, inputs: &[&Shape]) -> Result<([usize; 4], [usize; 2]), ShapeError> {
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

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let (x, output) = self.checked(inputs)?;
        let columns = output[1].div_ceil(PIXELS);
        let [kernel_height, kernel_width] = self.window.kernel_size;
        Ok(vec![Candidate::single(KernelCall {
            kernel: &UNFOLD,
            tile: UNFOLD.tiles[0],
            params: Params::planes(x, output)?.window(&self.window)?,
            bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
            grid: Grid::Invocations(product(
                "the grid",
                &[x[0], x[1], kernel_height, output[0], columns],
            )?),
            trips: nested(&[kernel_width, PIXELS]),
        })])
    }
}

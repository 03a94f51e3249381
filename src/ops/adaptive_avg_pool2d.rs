//! Adaptive average pooling: as many windows as are asked for, spread evenly over the input.
//!
//! x `[N, C, H, W]` -> `[N, C, H', W']` with H', W' the `output_size`: output row i is the mean of the
//! rows from floor(i*H / H') up to, not including, ceil((i+1)*H / H'), columns likewise. Where H' does not
//! divide H, neighbouring windows share a row; where H' is larger than H, rows repeat.
//! Definition: `torch.nn.functional.adaptive_avg_pool2d`.

use super::{Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{Grid, Kernel, KernelCall, MOST_TRIPS, Operand, Params, nested, product};
use crate::shape::{Shape, gcd, positive, to_u32};

static ADAPTIVE_AVG_POOL2D: Kernel = crate::kernel!("adaptive_avg_pool2d", [&[]]);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&ADAPTIVE_AVG_POOL2D];

/// The parameters of an adaptive average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    /// Height and width of the output; either may be larger than that of the input.
    pub output_size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// Sizes of x, checked: `[N, C, H, W]`.
    fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 4], ShapeError> {
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

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let x = self.checked(inputs)?;
        let [input, output] = [Operand::Input(0), Operand::Output];
        let mut candidate = Candidate::single(call(x, self.output_size, [input, output])?);
        if candidate.calls[0].trips > MOST_TRIPS {
            // The mean of a window is that of the means of its columns.
            let [batch, channels, _, width] = x;
            let rows = self.output_size[0];
            let between = Operand::Scratch(0);
            candidate.name = format!("{}/separable", candidate.name);
            candidate.scratch =
                vec![product("the pooled columns", &[batch, channels, rows, width])?];
            candidate.calls = vec![
                call(x, [rows, width], [input, between])?,
                call([batch, channels, rows, width], self.output_size, [between, output])?,
            ];
        }
        Ok(vec![candidate])
    }
}

/// One dispatch: from `[N, C, H, W]` to planes of this size.
fn call(
    x: [usize; 4],
    output: [usize; 2],
    [from, to]: [Operand; 2],
) -> Result<KernelCall, ShapeError> {
    for (size, count) in x[2..].iter().zip(output) {
        // The largest number that the shader makes to find a window. Below 2^16 windows it always fits.
        let largest = product("the ends of windows", &[count, size % count + 1])?;
        to_u32("the ends of windows", largest)?;
    }
    // A window that begins or ends between two values has both.
    let longest = |size: usize, count: usize| {
        (size.div_ceil(count) + usize::from(!size.is_multiple_of(count))).min(size)
    };
    let pixels = product("the grid", &[x[0], x[1], output[0], output[1]])?;
    Ok(KernelCall {
        kernel: &ADAPTIVE_AVG_POOL2D,
        tile: ADAPTIVE_AVG_POOL2D.tiles[0],
        params: Params::planes(x, output)?,
        bindings: vec![("x", from), ("out", to)],
        grid: Grid::Invocations(pixels),
        trips: nested(&[longest(x[2], output[0]), longest(x[3], output[1])]),
    })
}

//! Adaptive average pooling.

use super::call::{Grid, KernelCall, MOST_TRIPS, Operand, Params, nested};
use super::candidate::{Candidate, GENERAL};
use crate::error::ShapeError;
use crate::ops::AdaptiveAvgPool2d;
use crate::shaders::reduce::ADAPTIVE_AVG_POOL2D;
use crate::shape::{Shape, product, to_u32};

/// The candidates of the operator.
pub fn candidates(op: &AdaptiveAvgPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let x = op.checked(inputs)?;
    let output = op.output_size;
    let [input, between, out] = [Operand::Input(0), Operand::Scratch(0), Operand::Output];
    let whole = adaptive_call(x, output, [input, out])?;
    if whole.trips <= MOST_TRIPS {
        return Ok(vec![Candidate::general(whole)]);
    }
    // The mean of a window is that of the means of its columns.
    let columns = [x[0], x[1], output[0], x[3]];
    let down = adaptive_call(x, [output[0], x[3]], [input, between])?;
    let calls = vec![down, adaptive_call(columns, output, [between, out])?];
    Ok(vec![Candidate {
        name: format!("{}/separable", whole.name()),
        scratch: vec![product("the pooled columns", &columns)?],
        ..Candidate::of_calls(calls, GENERAL, "general")
    }])
}

/// One dispatch of the adaptive kernel: from `[N, C, H, W]` to planes of this size.
fn adaptive_call(
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
        variant: ADAPTIVE_AVG_POOL2D.variants[0],
        params: Params::planes(product("x", &x[..2])?, [x[2], x[3]], output)?,
        bindings: vec![("x", from), ("out", to)],
        grid: Grid::Invocations(pixels),
        trips: nested(&[longest(x[2], output[0]), longest(x[3], output[1])]),
    })
}

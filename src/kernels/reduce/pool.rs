//! Pooling. What would be too many places for one invocation is done along the height first, and then along the width,
//! which gives the same mean or maximum.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, MOST_TRIPS, Operand, Params, VEC4, nested};
use crate::kernels::candidate::{Candidate, GENERAL};
use crate::ops::{AdaptiveAvgPool2d, AvgPool2d, MaxPool2d};
use crate::shaders::Kernel;
use crate::shaders::reduce::{ADAPTIVE_AVG_POOL2D, AVG_POOL2D, MAX_POOL2D};
use crate::shape::{Padding, Shape, Window, product, to_u32};

type Result<T> = std::result::Result<T, ShapeError>;

/// The candidates of an average pooling.
pub fn average(op: &AvgPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let (x, output) = op.checked(inputs)?;
    windows(&op.window, x, output, |window, x, output, tensors| {
        let [[top, bottom], [left, right]] = window.resolve_padding()?;
        let params = Params::planes(x, output)?
            .window(window)?
            .size("padded_height", top + x[2] + bottom)?
            .size("padded_width", left + x[3] + right)?
            .size("count_include_pad", usize::from(op.count_include_pad))?;
        window_call(&AVG_POOL2D, params, window, x, output, tensors)
    })
}

/// The candidates of a maximum pooling.
pub fn maximum(op: &MaxPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let (x, output) = op.checked(inputs)?;
    windows(&op.window, x, output, |window, x, output, tensors| {
        let params = Params::planes(x, output)?.window(window)?;
        window_call(&MAX_POOL2D, params, window, x, output, tensors)
    })
}

/// The candidates of an adaptive average pooling.
pub fn adaptive(op: &AdaptiveAvgPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let x = op.checked(inputs)?;
    let output = op.output_size;
    let whole = adaptive_call(x, output, [Operand::Input(0), Operand::Output])?;
    // The mean of a window is that of the means of its columns.
    separable(whole, x, output[0], |[input, between, out], columns| {
        let down = adaptive_call(x, [output[0], x[3]], [input, between])?;
        Ok([down, adaptive_call(columns, output, [between, out])?])
    })
}

/// One dispatch, or two with the pooled columns between them where that would take too many iterations. `two` makes these
/// of the input, the columns and the output, and of the shape of the columns.
fn separable(
    whole: KernelCall,
    x: [usize; 4],
    out_height: usize,
    two: impl Fn([Operand; 3], [usize; 4]) -> Result<[KernelCall; 2]>,
) -> Result<Vec<Candidate>> {
    if whole.trips <= MOST_TRIPS {
        return Ok(vec![Candidate::general(whole)]);
    }
    let columns = [x[0], x[1], out_height, x[3]];
    let calls = two([Operand::Input(0), Operand::Scratch(0), Operand::Output], columns)?;
    Ok(vec![Candidate {
        name: format!("{}/separable", whole.name()),
        scratch: vec![product("the pooled columns", &columns)?],
        ..Candidate::of_calls(calls.to_vec(), GENERAL, "general")
    }])
}

/// The candidates of a pooling of planes of x `[N, C, H, W]` by a kernel whose calls `call` makes: of a window, from a
/// tensor of these sizes to an output of this height and width.
fn windows(
    window: &Window,
    x: [usize; 4],
    output: [usize; 2],
    call: impl Fn(&Window, [usize; 4], [usize; 2], [Operand; 2]) -> Result<KernelCall>,
) -> Result<Vec<Candidate>> {
    let whole = call(window, x, output, [Operand::Input(0), Operand::Output])?;
    let [[top, bottom], [left, right]] = window.resolve_padding()?;
    let along = |axis: usize, padding| {
        let only = |sizes: [usize; 2]| if axis == 0 { [sizes[0], 1] } else { [1, sizes[1]] };
        Window {
            kernel_size: only(window.kernel_size),
            stride: only(window.stride),
            padding,
            dilation: only(window.dilation),
        }
    };
    let down = along(0, Padding::Explicit { top, left: 0, bottom, right: 0 });
    let across = along(1, Padding::Explicit { top: 0, left, bottom: 0, right });
    separable(whole, x, output[0], |[input, between, out], columns| {
        let first = call(&down, x, [output[0], x[3]], [input, between])?;
        Ok([first, call(&across, columns, output, [between, out])?])
    })
}

/// One dispatch of a kernel that pools four neighbouring pixels of an output row in each invocation.
fn window_call(
    kernel: &'static Kernel,
    params: Params,
    window: &Window,
    [batch, channels, ..]: [usize; 4],
    [height, width]: [usize; 2],
    [x, out]: [Operand; 2],
) -> Result<KernelCall> {
    let grid = [batch, channels, height, width.div_ceil(VEC4)];
    Ok(KernelCall {
        kernel,
        variant: kernel.variants[0],
        params,
        bindings: vec![("x", x), ("out", out)],
        grid: Grid::Invocations(product("the grid", &grid)?),
        trips: nested(&window.kernel_size),
    })
}

/// One dispatch of the adaptive kernel: from `[N, C, H, W]` to planes of this size.
fn adaptive_call(
    x: [usize; 4],
    output: [usize; 2],
    [from, to]: [Operand; 2],
) -> Result<KernelCall> {
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
        params: Params::planes(x, output)?,
        bindings: vec![("x", from), ("out", to)],
        grid: Grid::Invocations(pixels),
        trips: nested(&[longest(x[2], output[0]), longest(x[3], output[1])]),
    })
}

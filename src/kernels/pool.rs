//! Pooling. What would be too many places for one invocation is done along the height first, and then along the width,
//! which gives the same mean or maximum.

use super::call::{Grid, KernelCall, MOST_TRIPS, Operand, Params, VEC4, nested};
use super::candidate::{Candidate, GENERAL};
use crate::error::ShapeError;
use crate::shaders::Kernel;
use crate::shape::{Padding, Window, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// One dispatch, or two with the pooled columns between them where that would take too many iterations. `two` makes these
/// of the input, the columns and the output, and of the shape of the columns.
pub(super) fn separable(
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
pub(super) fn windows(
    window: &Window,
    x: [usize; 4],
    output: [usize; 2],
    call: impl Fn(&Window, [usize; 4], [usize; 2], [Operand; 2]) -> Result<KernelCall>,
) -> Result<Vec<Candidate>> {
    let whole = call(window, x, output, [Operand::Input(0), Operand::Output])?;
    let [rows, columns] = window.resolve_padding()?;
    let along = |axis: usize, padding| {
        let only = |sizes: [usize; 2]| if axis == 0 { [sizes[0], 1] } else { [1, sizes[1]] };
        Window {
            kernel_size: only(window.kernel_size),
            stride: only(window.stride),
            padding,
            dilation: only(window.dilation),
        }
    };
    let down = along(0, Padding::Explicit([rows, [0, 0]]));
    let across = along(1, Padding::Explicit([[0, 0], columns]));
    separable(whole, x, output[0], |[input, between, out], columns| {
        let first = call(&down, x, [output[0], x[3]], [input, between])?;
        Ok([first, call(&across, columns, output, [between, out])?])
    })
}

/// One dispatch of a kernel that pools four neighbouring pixels of an output row in each invocation.
pub(super) fn window_call(
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

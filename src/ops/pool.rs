//! What average and maximum pooling share: where windows lie, and how large ones are done.

use super::conv2d::PIXELS;
use super::{Candidate, call_name};
use crate::error::ShapeError;
use crate::kernel::{Grid, Kernel, KernelCall, MOST_TRIPS, Operand, Params, nested, product};
use crate::shape::{Padding, Window};

/// A pooling of planes of x `[N, C, H, W]` by a kernel whose calls `call` makes: of a window, from a tensor of these sizes
/// to an output of this height and width. A window of more than [`MOST_TRIPS`] places is done along the height first, and
/// then along the width, which gives the same mean or maximum.
pub(crate) fn candidate(
    window: &Window,
    x: [usize; 4],
    output: [usize; 2],
    call: impl Fn(&Window, [usize; 4], [usize; 2], [Operand; 2]) -> Result<KernelCall, ShapeError>,
) -> Result<Candidate, ShapeError> {
    let whole = call(window, x, output, [Operand::Input(0), Operand::Output])?;
    if whole.trips <= MOST_TRIPS {
        return Ok(Candidate::single(whole));
    }
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
    let [batch, channels, _, width] = x;
    let between = Operand::Scratch(0);
    Ok(Candidate {
        name: format!("{}/separable", call_name(&whole)),
        scratch: vec![product("the pooled columns", &[batch, channels, output[0], width])?],
        calls: vec![
            call(&down, x, [output[0], width], [Operand::Input(0), between])?,
            call(&across, [batch, channels, output[0], width], output, [between, Operand::Output])?,
        ],
        once: 0,
    })
}

/// One dispatch of a kernel that pools four neighbouring pixels of an output row in each invocation.
pub(crate) fn call(
    kernel: &'static Kernel,
    params: Params,
    window: &Window,
    [batch, channels, ..]: [usize; 4],
    [height, width]: [usize; 2],
    [x, out]: [Operand; 2],
) -> Result<KernelCall, ShapeError> {
    let grid = [batch, channels, height, width.div_ceil(PIXELS)];
    Ok(KernelCall {
        kernel,
        tile: kernel.tiles[0],
        params,
        bindings: vec![("x", x), ("out", out)],
        grid: Grid::Invocations(product("the grid", &grid)?),
        trips: nested(&window.kernel_size),
    })
}

/// Positions of a pooling window on an input of this height and width.
///
/// Without `ceil_mode` these are [`Window::output_size`]. With it a last window may hang over the padded
/// input, `ceil((size + padding - extent) / stride) + 1` on each axis, but none starts in the padding
/// after the input or beyond it. Padding must be smaller than the window, so that without dilation every
/// window holds some input.
pub(crate) fn pooled_size(
    window: &Window,
    ceil_mode: bool,
    input: [usize; 2],
) -> Result<[usize; 2], ShapeError> {
    let extent = window.extent()?;
    let sides = window.resolve_padding()?;
    for axis in 0..2 {
        let padding = sides[axis][0].max(sides[axis][1]);
        if padding >= extent[axis] {
            return Err(ShapeError::PoolPadding { padding, window: extent[axis] });
        }
    }
    let mut output = window.output_size(input)?;
    if ceil_mode {
        for axis in 0..2 {
            let [before, after] = sides[axis];
            let stride = window.stride[axis];
            let room = input[axis] + before + after - extent[axis];
            let last = room.div_ceil(stride);
            let starts_inside = last * stride < input[axis] + before;
            output[axis] = if starts_inside { last + 1 } else { last };
        }
    }
    Ok(output)
}

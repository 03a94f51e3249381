//! What average and maximum pooling share: where windows lie, and what a kernel that slides one is told.

use crate::error::ShapeError;
use crate::kernel::product;
use crate::shape::Window;

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

/// The numbers that both kernels take, for an input `[N, C, H, W]` and an output of this height and width.
pub(crate) fn sizes(
    window: &Window,
    [batch, channels, height, width]: [usize; 4],
    output: [usize; 2],
) -> Result<Vec<(&'static str, usize)>, ShapeError> {
    let [[top, _], [left, _]] = window.resolve_padding()?;
    Ok(vec![
        ("planes", product("x", &[batch, channels])?),
        ("height", height),
        ("width", width),
        ("out_height", output[0]),
        ("out_width", output[1]),
        ("kernel_height", window.kernel_size[0]),
        ("kernel_width", window.kernel_size[1]),
        ("stride_y", window.stride[0]),
        ("stride_x", window.stride[1]),
        ("padding_top", top),
        ("padding_left", left),
    ])
}

//! Where the windows of average and maximum pooling lie.

use crate::error::ShapeError;
use crate::shape::Window;

/// Batch and channels, the other sizes of x, and those of the output.
pub(crate) type Pooled<const AXES: usize> = ([usize; 2], [usize; AXES], [usize; AXES]);

/// Positions of a pooling window on an input of these sizes.
///
/// Without `ceil_mode` these are [`Window::output_size`]. With it a last window may hang over the padded
/// input, `ceil((size + padding - extent) / stride) + 1` on each axis, but none starts in the padding
/// after the input or beyond it. Padding must be smaller than the window, so that without dilation every
/// window holds some input.
pub(crate) fn pooled_size<const AXES: usize>(
    window: &Window<AXES>,
    ceil_mode: bool,
    input: [usize; AXES],
) -> Result<[usize; AXES], ShapeError> {
    let extent = window.extent()?;
    let sides = window.resolve_padding()?;
    for axis in 0..AXES {
        let padding = sides[axis][0].max(sides[axis][1]);
        if padding >= extent[axis] {
            return Err(ShapeError::PoolPadding { padding, window: extent[axis] });
        }
    }
    let mut output = window.output_size(input)?;
    if ceil_mode {
        for axis in 0..AXES {
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

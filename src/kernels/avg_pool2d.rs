//! Average pooling.

use super::call::{Grid, KernelCall, Operand, Params, VEC4};
use super::candidate::{Candidate, GENERAL, Requires};
use super::pool::{window_call, windows};
use crate::error::ShapeError;
use crate::ops::AvgPool2d;
use crate::shaders::reduce::{AVG_POOL_PAIRS, AVG_POOL2D};
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &AvgPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (x, output) = op.checked(inputs)?;
    let mut candidates = windows(&op.window, x, output, |window, x, output, tensors| {
        let [[top, bottom], [left, right]] = window.resolve_padding()?;
        let params = Params::planes(x, output)?
            .window(window)?
            .size("padded_height", top + x[2] + bottom)?
            .size("padded_width", left + x[3] + right)?
            .size("count_include_pad", usize::from(op.count_include_pad))?;
        window_call(&AVG_POOL2D, params, window, x, output, tensors)
    })?;
    candidates.extend(pairs(op, x, output)?);
    Ok(candidates)
}

/// The kernel of GPUs for windows of 2x2 that lie side by side, over rows of whole `vec4`s.
fn pairs(
    op: &AvgPool2d,
    x: [usize; 4],
    output: [usize; 2],
) -> Result<Option<Candidate>, ShapeError> {
    let window = &op.window;
    let fits = window.kernel_size == [2, 2]
        && window.stride == [2, 2]
        && window.resolve_padding()? == [[0, 0], [0, 0]]
        && output[1].is_multiple_of(VEC4)
        && output[1].checked_mul(2) == Some(x[3])
        && output[0] == x[2] / 2;
    if !fits {
        return Ok(None);
    }
    let grid = product("the grid", &[x[0], x[1], output[0], output[1] / VEC4])?;
    let call = KernelCall {
        kernel: &AVG_POOL_PAIRS,
        variant: AVG_POOL_PAIRS.variants[0],
        params: Params::planes(x, output)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(grid),
        trips: 0,
    };
    let candidate = Candidate::new(call, GENERAL + 1, "two by two over rows of whole vec4s");
    Ok(Some(candidate.requiring(Requires::GPU)))
}

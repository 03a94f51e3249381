//! Maximum pooling.

use super::call::{Grid, KernelCall, Operand, Params, VEC4};
use super::candidate::{Candidate, GENERAL, Requires};
use super::pool::{window_call, windows};
use crate::error::ShapeError;
use crate::ops::MaxPool2d;
use crate::shaders::reduce::{MAX_POOL_ROWS, MAX_POOL2D};
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &MaxPool2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (x, output) = op.checked(inputs)?;
    let mut candidates = windows(&op.window, x, output, |window, x, output, tensors| {
        let params = Params::planes(x, output)?.window(window)?;
        window_call(&MAX_POOL2D, params, window, x, output, tensors)
    })?;
    candidates.extend(rows(op, x, output)?);
    Ok(candidates)
}

/// The kernel of GPUs for windows of 3x3 over rows of whole `vec4`s.
fn rows(
    op: &MaxPool2d,
    x: [usize; 4],
    output: [usize; 2],
) -> Result<Option<Candidate>, ShapeError> {
    let window = &op.window;
    let [_, along] = window.stride;
    let [_, [left, _]] = window.resolve_padding()?;
    let mut variants = MAX_POOL_ROWS.variants.iter().copied();
    let variant = variants.find(|variant| variant.get("S").map(|s| s as usize) == Some(along));
    let fits = window.kernel_size == [3, 3]
        && window.dilation[1] == 1
        && left == 1
        && output[1].is_multiple_of(VEC4)
        && output[1].checked_mul(along) == Some(x[3]);
    let Some(variant) = variant.filter(|_| fits) else { return Ok(None) };
    let grid = product("the grid", &[x[0], x[1], output[0], output[1] / VEC4])?;
    let call = KernelCall {
        kernel: &MAX_POOL_ROWS,
        variant,
        params: Params::planes(x, output)?.window(window)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(grid),
        trips: 3,
    };
    let candidate = Candidate::new(call, GENERAL + 1, "rows of whole vec4s, each value read once");
    Ok(Some(candidate.requiring(Requires::GPU)))
}

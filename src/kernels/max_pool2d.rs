//! Maximum pooling.

use super::call::{Grid, KernelCall, Operand, VEC4};
use super::candidate::{Candidate, GENERAL, Requires};
use super::pool::{self, Planes};
use crate::error::ShapeError;
use crate::ops::max_pool2d::MaxPool;
use crate::shaders::reduce::{MAX_POOL_ROWS, MAX_POOL2D};
use crate::shape::{Shape, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// The candidates of the operator.
pub fn candidates(op: &MaxPool<2>, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let planes = Planes::new(op.window, op.checked(inputs)?)?;
    let mut candidates = of_windows(op, inputs)?;
    candidates.extend(rows(&planes)?);
    Ok(candidates)
}

/// The general candidate, for any window of images or volumes.
pub(super) fn of_windows<const AXES: usize>(
    op: &MaxPool<AXES>,
    inputs: &[&Shape],
) -> Result<Vec<Candidate>> {
    let planes = Planes::new(op.window, op.checked(inputs)?)?;
    let whole = call(&planes, [Operand::Input(0), Operand::Output])?;
    pool::candidates(&planes, whole, call)
}

fn call<const AXES: usize>(planes: &Planes<AXES>, tensors: [Operand; 2]) -> Result<KernelCall> {
    let [flat, deep] = const { [MAX_POOL2D.variant(""), MAX_POOL2D.variant("depth")] };
    planes.call((&MAX_POOL2D, if AXES == 3 { deep } else { flat }), planes.params()?, tensors)
}

/// The kernel of GPUs for windows of 3x3 over rows of whole `vec4`s.
fn rows(planes: &Planes<2>) -> Result<Option<Candidate>> {
    let Planes { window, count, input, output } = planes;
    let [_, along] = window.stride;
    let [_, [left, _]] = window.resolve_padding()?;
    let mut variants = MAX_POOL_ROWS.variants.iter().copied();
    let variant = variants.find(|variant| variant.get("S").map(|s| s as usize) == Some(along));
    let fits = window.kernel_size == [3, 3]
        && window.dilation[1] == 1
        && left == 1
        && output[1].is_multiple_of(VEC4)
        && output[1].checked_mul(along) == Some(input[1]);
    let Some(variant) = variant.filter(|_| fits) else { return Ok(None) };
    let grid = product("the grid", &[*count, output[0], output[1] / VEC4])?;
    let call = KernelCall {
        kernel: &MAX_POOL_ROWS,
        variant,
        params: planes.params()?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(grid),
        trips: 3,
    };
    let candidate = Candidate::new(call, GENERAL + 1, "rows of whole vec4s, each value read once");
    Ok(Some(candidate.requiring(Requires::GPU)))
}

//! Average pooling.

use super::call::{Grid, KernelCall, Operand, Params, VEC4};
use super::candidate::{Candidate, GENERAL, Requires};
use super::pool::{self, Planes};
use crate::error::ShapeError;
use crate::ops::avg_pool2d::AvgPool;
use crate::shaders::reduce::{AVG_POOL_PAIRS, AVG_POOL2D};
use crate::shape::{Shape, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// The candidates of the operator.
pub fn candidates(op: &AvgPool<2>, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let planes = Planes::new(op.window, op.checked(inputs)?)?;
    let mut candidates = of_windows(op, inputs)?;
    candidates.extend(pairs(&planes)?);
    Ok(candidates)
}

/// The general candidate, for any window of images or volumes.
pub(super) fn of_windows<const AXES: usize>(
    op: &AvgPool<AXES>,
    inputs: &[&Shape],
) -> Result<Vec<Candidate>> {
    let planes = Planes::new(op.window, op.checked(inputs)?)?;
    let whole = call(op, &planes, [Operand::Input(0), Operand::Output])?;
    pool::candidates(&planes, whole, |planes, tensors| call(op, planes, tensors))
}

fn call<const OF: usize, const AXES: usize>(
    op: &AvgPool<OF>,
    planes: &Planes<AXES>,
    tensors: [Operand; 2],
) -> Result<KernelCall> {
    let names = ["padded_depth", "padded_height", "padded_width"];
    let mut params = planes.params()?;
    for (axis, [before, after]) in planes.window.resolve_padding()?.into_iter().enumerate() {
        params = params.size(names[3 - AXES + axis], before + planes.input[axis] + after)?;
    }
    let params = params.size("count_include_pad", usize::from(op.count_include_pad))?;
    let [flat, deep] = const { [AVG_POOL2D.variant(""), AVG_POOL2D.variant("depth")] };
    planes.call((&AVG_POOL2D, if AXES == 3 { deep } else { flat }), params, tensors)
}

/// The kernel of GPUs for windows of 2x2 that lie side by side, over rows of whole `vec4`s.
fn pairs(planes: &Planes<2>) -> Result<Option<Candidate>> {
    let Planes { window, count, input, output } = planes;
    let fits = window.kernel_size == [2, 2]
        && window.stride == [2, 2]
        && window.resolve_padding()? == [[0, 0], [0, 0]]
        && output[1].is_multiple_of(VEC4)
        && output[1].checked_mul(2) == Some(input[1])
        && output[0] == input[0] / 2;
    if !fits {
        return Ok(None);
    }
    let grid = product("the grid", &[*count, output[0], output[1] / VEC4])?;
    let call = KernelCall {
        kernel: &AVG_POOL_PAIRS,
        variant: AVG_POOL_PAIRS.variants[0],
        params: Params::planes(*count, *input, *output)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(grid),
        trips: 0,
    };
    let candidate = Candidate::new(call, GENERAL + 1, "two by two over rows of whole vec4s");
    Ok(Some(candidate.requiring(Requires::GPU)))
}

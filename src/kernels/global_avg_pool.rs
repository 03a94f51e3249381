//! The mean of each plane.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, MOST_TRIPS, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::ops::GlobalAvgPool;
use crate::shaders::reduce::GLOBAL_AVG_POOL;
use crate::shape::{Shape, product};

/// Lanes that share a plane in `global_avg_pool[workgroup]`.
const LANES: usize = 64;

/// One dispatch of the general kernel: the mean of each of so many planes of so many values.
fn mean(planes: usize, pixels: usize, x: Operand, out: Operand) -> Result<KernelCall, ShapeError> {
    Ok(KernelCall {
        kernel: &GLOBAL_AVG_POOL,
        variant: const { GLOBAL_AVG_POOL.variant("") },
        params: Params::sizes(&[("planes", planes), ("pixels", pixels)])?,
        bindings: vec![("x", x), ("out", out)],
        grid: Grid::Invocations(planes),
        trips: pixels / VEC4 + pixels % VEC4,
    })
}

/// The candidates of the operator.
pub fn candidates(op: &GlobalAvgPool, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, channels, height, width] = op.checked(inputs)?;
    let planes = product("the grid", &[batch, channels])?;
    let pixels = product("x", &[height, width])?;
    let [input, output] = [Operand::Input(0), Operand::Output];
    let whole = mean(planes, pixels, input, output)?;
    let mut general = Candidate::general(whole.clone());
    if whole.trips > MOST_TRIPS {
        // The mean of the means of its rows, which are of one length.
        let rows = product("the means of rows", &[planes, height])?;
        general.scratch = vec![rows];
        general.calls = vec![
            mean(rows, width, input, Operand::Scratch(0))?,
            mean(planes, height, Operand::Scratch(0), output)?,
        ];
    }
    let reduce = KernelCall {
        variant: const { GLOBAL_AVG_POOL.variant("workgroup") },
        grid: Grid::Workgroups(planes),
        trips: pixels.div_ceil(LANES),
        ..whole
    };
    let reduce = Candidate::new(reduce, GENERAL + 1, "64 lanes share a plane");
    Ok(vec![general, reduce.requiring(Requires::GPU)])
}

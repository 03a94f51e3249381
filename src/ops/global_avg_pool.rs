//! Global average pooling: the mean of each plane.
//!
//! x `[N, C, H, W]` -> `[N, C, 1, 1]`. Definition: `torch.nn.functional.adaptive_avg_pool2d` to 1x1.

use super::{Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, MOST_TRIPS, Operand, Params, product};
use crate::shape::Shape;

static GLOBAL_AVG_POOL: Kernel = crate::kernel!("global_avg_pool", [&[]]);
static REDUCE: Kernel =
    crate::kernel!("global_avg_pool/reduce", [&[]]).made_for(AdapterClass::Gpu);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&GLOBAL_AVG_POOL, &REDUCE];

/// A global average pooling; it has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalAvgPool;

/// Values that an invocation of the general kernel adds at a time.
const VALUES: usize = 4;

/// Lanes that share a plane in `global_avg_pool/reduce`.
const LANES: usize = 64;

/// One dispatch of the general kernel: the mean of each of so many planes of so many values.
fn mean(planes: usize, pixels: usize, x: Operand, out: Operand) -> Result<KernelCall, ShapeError> {
    Ok(KernelCall {
        kernel: &GLOBAL_AVG_POOL,
        tile: GLOBAL_AVG_POOL.tiles[0],
        params: Params::sizes(&[("planes", planes), ("pixels", pixels)])?,
        bindings: vec![("x", x), ("out", out)],
        grid: Grid::Invocations(planes),
        trips: pixels / VALUES + pixels % VALUES,
    })
}

impl Op for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "global_avg_pool"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [x] = required(self, inputs)?;
        let [batch, channels, ..] = x.nchw("x")?;
        Ok(Shape::from([batch, channels, 1, 1]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let [x] = required(self, inputs)?;
        x.nchw("x")?;
        Ok(x.elements()? as u64)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let [x] = required(self, inputs)?;
        let [batch, channels, height, width] = x.nchw("x")?;
        let planes = product("the grid", &[batch, channels])?;
        let pixels = product("x", &[height, width])?;
        let [input, output] = [Operand::Input(0), Operand::Output];
        let mut general = Candidate::single(mean(planes, pixels, input, output)?);
        if general.calls[0].trips > MOST_TRIPS {
            // The mean of the means of its rows, which are of one length.
            let rows = product("the means of rows", &[planes, height])?;
            general.scratch = vec![rows];
            general.calls = vec![
                mean(rows, width, input, Operand::Scratch(0))?,
                mean(planes, height, Operand::Scratch(0), output)?,
            ];
        }
        let reduce = KernelCall {
            kernel: &REDUCE,
            tile: REDUCE.tiles[0],
            grid: Grid::Workgroups(planes),
            trips: pixels.div_ceil(LANES),
            ..mean(planes, pixels, input, output)?
        };
        Ok(vec![general, Candidate::single(reduce)])
    }
}

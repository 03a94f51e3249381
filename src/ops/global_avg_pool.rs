//! Global average pooling: the mean of each plane.
//!
//! x `[N, C, H, W]` -> `[N, C, 1, 1]`. Definition: `torch.nn.functional.adaptive_avg_pool2d` to 1x1.

use super::{Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, product};
use crate::shape::Shape;

static GLOBAL_AVG_POOL: Kernel = crate::kernel!("global_avg_pool", [&[]]);
static REDUCE: Kernel =
    crate::kernel!("global_avg_pool/reduce", [&[]]).made_for(AdapterClass::Gpu);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&GLOBAL_AVG_POOL, &REDUCE];

/// A global average pooling; it has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalAvgPool;

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
        let params = Params::sizes(&[
            ("planes", planes),
            ("pixels", product("x", &[height, width])?),
        ])?;
        let candidate = |kernel: &'static Kernel, grid| {
            Candidate::single(KernelCall {
                kernel,
                tile: kernel.tiles[0],
                params: params.clone(),
                bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
                grid,
            })
        };
        Ok(vec![
            candidate(&GLOBAL_AVG_POOL, Grid::Invocations(planes)),
            candidate(&REDUCE, Grid::Workgroups(planes)),
        ])
    }
}

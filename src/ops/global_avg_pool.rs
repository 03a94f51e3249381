//! Global average pooling: the mean of each plane.
//!
//! x `[N, C, H, W]` -> `[N, C, 1, 1]`, and with as many other sizes as there are: `[N, C, L]` -> `[N, C, 1]`.
//! Definition: `torch.nn.functional.adaptive_avg_pool2d` to 1x1.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, product};

/// A global average pooling; it has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GlobalAvgPool;

impl GlobalAvgPool {
    /// Sizes of x as `[N, C, rows, values of a row]`.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 4], ShapeError> {
        let [x] = required(self, inputs)?;
        let [batch, channels, ref rows @ .., width] = *x.dims() else {
            let expected = "[N, C, ...] of at least three dimensions";
            return Err(ShapeError::Rank { tensor: "x", expected, found: x.clone() });
        };
        x.not_empty("x")?;
        Ok([batch, channels, product("x", rows)?, width])
    }
}

impl Op for GlobalAvgPool {
    fn name(&self) -> &'static str {
        "global_avg_pool"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let [batch, channels, ..] = self.checked(inputs)?;
        let [x] = required(self, inputs)?;
        Ok(Shape::of_planes([batch, channels], &vec![1; x.rank() - 2]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        Ok(Shape::from(self.checked(inputs)?).elements()? as u64)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for GlobalAvgPool {
    fn blank(_: bool, _: bool) -> Self {
        GlobalAvgPool
    }

    fn visit<V: Visitor>(&mut self, _: &mut V) -> Done<V> {
        Ok(())
    }
}

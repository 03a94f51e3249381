//! Weights in the layout of the kernels that broadcast them.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params, SUBGROUP_LANES, VEC4};
use crate::shaders::software::PREPACK;
use crate::shape::product;

/// Matrices `[rows, k]` of which eight lanes take four times `width` rows at a time.
pub struct Matrices {
    pub count: usize,
    pub rows: usize,
    pub width: usize,
    pub k: usize,
}

impl Matrices {
    /// The call that lays them out, and how many elements they are then: whole sets of rows, for all lanes.
    pub fn prepack(
        &self,
        weight: Operand,
        out: Operand,
    ) -> Result<(KernelCall, usize), ShapeError> {
        let sets = self.rows.div_ceil(VEC4 * self.width);
        let lanes = [self.count, sets, self.k, SUBGROUP_LANES];
        let vec4s = product("the packed weights", &lanes)?;
        let call = KernelCall {
            kernel: &PREPACK,
            variant: PREPACK.variants[0],
            params: Params::sizes(&[
                ("matrices", self.count),
                ("rows", self.rows),
                ("width", self.width),
                ("k", self.k),
            ])?,
            bindings: vec![("weight", weight), ("out", out)],
            grid: Grid::Invocations(vec4s),
            trips: 0,
        };
        Ok((call, product("the packed weights", &[vec4s, VEC4])?))
    }
}

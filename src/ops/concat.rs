//! The channels of one tensor behind those of another.
//!
//! x `[N, C, ..]`, y `[N, D, ..]` -> `[N, C+D, ..]`; of more tensors, one call after another. A convolution that reads the result
//! need not: [`Plan::fuse`](crate::plan::Plan::fuse) makes it a sum of convolutions of the two.
//! Definition: `torch.cat((x, y), 1)`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, product};

/// The operator, which has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[doc(alias = "cat")]
pub struct Concat;

impl Concat {
    /// Samples, and the values of a sample of x and of y, checked.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 3], ShapeError> {
        let [x, y] = required(self, inputs)?;
        let mut values = [0; 2];
        for ((tensor, shape), values) in [("x", x), ("y", y)].into_iter().zip(&mut values) {
            if shape.rank() < 2 || shape.rank() != x.rank() {
                let expected = "[N, C, ..], of at least two dimensions, both of as many";
                return Err(ShapeError::Rank { tensor, expected, found: shape.clone() });
            }
            shape.not_empty(tensor)?;
            *values = product(tensor, &shape.dims()[1..])?;
        }
        for axis in (0..x.rank()).filter(|&axis| axis != 1) {
            let name = if axis == 0 { "batch" } else { "size" };
            y.expect("y", axis, name, x.dims()[axis], || format!("x is {x}"))?;
        }
        Ok([x.dims()[0], values[0], values[1]])
    }
}

impl Op for Concat {
    fn name(&self) -> &'static str {
        "concat"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x", "y"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        self.checked(inputs)?;
        let [x, y] = required(self, inputs)?;
        let mut dims = x.dims().to_vec();
        dims[1] = dims[1].saturating_add(y.dims()[1]);
        Ok(Shape::new(dims))
    }

    /// Nothing is computed.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs).map(|_| 0)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for Concat {
    fn blank(_: bool, _: bool) -> Self {
        Concat
    }

    fn visit<V: Visitor>(&mut self, _: &mut V) -> Done<V> {
        Ok(())
    }
}

//! The channel of the largest value at each place.
//!
//! x `[N, C, ..]` -> `[N, 1, ..]`: the index c of the largest `x[n, c, ..]`, as a number of the type that tensors have. Of
//! equal values the first counts, and zero and minus zero are equal; NaN is larger than any number.
//! Definition: `torch.argmax(x, 1, keepdim=True)`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, product};

/// The operator, which has no parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Argmax;

impl Argmax {
    /// Sizes of x, checked: samples, channels, and places of a channel.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<[usize; 3], ShapeError> {
        let [x] = required(self, inputs)?;
        let &[batch, channels, ref places @ ..] = x.dims() else {
            let expected = "[N, C, ..], of at least two dimensions";
            return Err(ShapeError::Rank { tensor: "x", expected, found: x.clone() });
        };
        x.not_empty("x")?;
        exact_indices(channels)?;
        Ok([batch, channels, product("x", places)?])
    }
}

/// An error where there are more channels than single precision has indices: every one below this, and not each above.
pub(super) fn exact_indices(channels: usize) -> Result<(), ShapeError> {
    if channels > 1 << 24 {
        let (parameter, value) = ("channels of x", channels.to_string());
        let must = "at most 16777216, for every index to be exact";
        return Err(ShapeError::Parameter { parameter, must, value });
    }
    Ok(())
}

impl Op for Argmax {
    fn name(&self) -> &'static str {
        "argmax"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        self.checked(inputs)?;
        let [x] = required(self, inputs)?;
        let mut dims = x.dims().to_vec();
        dims[1] = 1;
        Ok(Shape::new(dims))
    }

    /// A comparison for each value.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let [batch, channels, places] = self.checked(inputs)?;
        Ok(product("x", &[batch, channels, places])? as u64)
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }

    fn largest_index(&self, inputs: &[&Shape]) -> Result<usize, ShapeError> {
        let [_, channels, _] = self.checked(inputs)?;
        Ok(channels - 1)
    }
}

impl Attributed for Argmax {
    fn blank(_: bool, _: bool) -> Self {
        Argmax
    }

    fn visit<V: Visitor>(&mut self, _: &mut V) -> Done<V> {
        Ok(())
    }
}

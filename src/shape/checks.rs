//! The checks that every operator makes once, up front, by dimension name.

use super::dims::Shape;
use super::error::ShapeError;

type Result<T> = std::result::Result<T, ShapeError>;

impl Shape {
    /// The number of elements, or an error where it cannot be counted in 63 bits of bytes.
    pub fn elements(&self) -> Result<usize> {
        let overflow = ShapeError::Overflow { what: "the number of elements", bits: 63 };
        let count = self.dims().iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        match count {
            Some(count) if count <= isize::MAX as usize / 8 => Ok(count),
            _ => Err(overflow),
        }
    }

    /// Whether so many values belong to it; an error names both numbers where they do not.
    pub(crate) fn holds(&self, found: usize) -> Result<()> {
        let expected = self.elements()?;
        if found == expected {
            return Ok(());
        }
        Err(ShapeError::DataLength { shape: self.clone(), expected, found })
    }

    /// This shape as `[N, C, H, W]`; an error names `tensor` where it is not one or is empty.
    pub fn nchw(&self, tensor: &'static str) -> Result<[usize; 4]> {
        self.array(tensor, "[N, C, H, W]")
    }

    /// Batch and channels of this shape, and its `AXES` other sizes; an error names `tensor` where it is of another rank
    /// or is empty.
    pub fn planes<const AXES: usize>(
        &self,
        tensor: &'static str,
    ) -> Result<([usize; 2], [usize; AXES])> {
        let layout = match AXES {
            1 => "[N, C, L]",
            2 => "[N, C, H, W]",
            _ => "[N, C, D, H, W]",
        };
        self.split(tensor, layout)
    }

    /// The `OUTER` first sizes of this shape and the `AXES` that follow; an error names `tensor` and its `layout` where it
    /// is of another rank or is empty.
    pub fn split<const OUTER: usize, const AXES: usize>(
        &self,
        tensor: &'static str,
        layout: &'static str,
    ) -> Result<([usize; OUTER], [usize; AXES])> {
        let wrong = || ShapeError::Rank { tensor, expected: layout, found: self.clone() };
        let (outer, axes) = self.dims().split_at_checked(OUTER).ok_or_else(wrong)?;
        let outer = outer.try_into().map_err(|_| wrong())?;
        let axes = axes.try_into().map_err(|_| wrong())?;
        self.not_empty(tensor)?;
        Ok((outer, axes))
    }

    /// This shape as an array of `R` sizes; an error names `tensor` and its `layout`
    /// where the rank differs or a dimension is empty.
    pub fn array<const R: usize>(
        &self,
        tensor: &'static str,
        layout: &'static str,
    ) -> Result<[usize; R]> {
        let dims = <[usize; R]>::try_from(self.dims()).map_err(|_| ShapeError::Rank {
            tensor,
            expected: layout,
            found: self.clone(),
        })?;
        self.not_empty(tensor)?;
        Ok(dims)
    }

    /// An error that names `tensor` where a dimension is 0 or the elements cannot be counted.
    pub fn not_empty(&self, tensor: &'static str) -> Result<()> {
        if self.elements()? == 0 {
            return Err(ShapeError::Empty { tensor, shape: self.clone() });
        }
        Ok(())
    }

    /// An error that names everything where dimension `index` of `tensor` is not `expected`.
    pub fn expect(
        &self,
        tensor: &'static str,
        index: usize,
        dimension: &'static str,
        expected: usize,
        because: impl FnOnce() -> String,
    ) -> Result<()> {
        let found = self.dims().get(index).copied().unwrap_or(0);
        if found == expected {
            return Ok(());
        }
        Err(ShapeError::Dimension {
            tensor,
            dimension,
            expected,
            found,
            because: because(),
            shape: self.clone(),
        })
    }
}

/// `value / divisor` where it comes out even; an error names both otherwise.
pub fn divide(what: &'static str, value: usize, by: &'static str, divisor: usize) -> Result<usize> {
    if divisor > 0 && value.is_multiple_of(divisor) {
        Ok(value / divisor)
    } else {
        Err(ShapeError::NotDivisible { what, value, by, divisor })
    }
}

/// The greatest common divisor; 1 where both are 0.
pub(crate) fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// A size as the `u32` that kernels count in; an error names it where it does not fit.
pub fn to_u32(what: &'static str, value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| ShapeError::Overflow { what, bits: 32 })
}

/// `a * b * ...`, or an overflow error that names `what`: for grids and element counts.
pub fn product(what: &'static str, factors: &[usize]) -> Result<usize> {
    factors
        .iter()
        .try_fold(1usize, |product, &factor| product.checked_mul(factor))
        .ok_or(ShapeError::Overflow { what, bits: usize::BITS })
}

//! Sliding windows and their padding.

use super::error::ShapeError;

type Result<T> = std::result::Result<T, ShapeError>;

/// How a window's input is extended with zeros (with minus infinity for max pooling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Padding {
    /// So many rows and columns on each side.
    Explicit {
        /// Rows above.
        top: usize,
        /// Columns to the left.
        left: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the right.
        right: usize,
    },
    /// `dilation * (kernel_size - 1)` in all, so that stride 1 keeps the size; an even kernel pads
    /// one less before than after.
    Same,
    /// None.
    Valid,
    /// `dilation * (kernel_size - 1)` on each side: every position in which the window touches the input.
    Full,
}

impl Padding {
    /// So many rows above and below, so many columns left and right.
    pub fn symmetric(rows: usize, columns: usize) -> Self {
        Padding::Explicit { top: rows, left: columns, bottom: rows, right: columns }
    }
}

impl Default for Padding {
    fn default() -> Self {
        Padding::symmetric(0, 0)
    }
}

impl From<usize> for Padding {
    fn from(size: usize) -> Self {
        Padding::symmetric(size, size)
    }
}

/// A sliding window: what convolution, involution, pooling and unfolding have in common.
/// Every pair is height, width.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Taps of the window.
    pub kernel_size: [usize; 2],
    /// Distance between two positions of the window.
    pub stride: [usize; 2],
    /// Extension of the input.
    pub padding: Padding,
    /// Distance between two taps.
    pub dilation: [usize; 2],
}

impl Window {
    /// A window with stride 1, no padding and no dilation.
    pub fn new(kernel_size: [usize; 2]) -> Self {
        Window { kernel_size, stride: [1, 1], padding: Padding::default(), dilation: [1, 1] }
    }

    /// Sets the stride.
    pub fn stride(self, stride: [usize; 2]) -> Self {
        Window { stride, ..self }
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        Window { padding: padding.into(), ..self }
    }

    /// Sets the dilation.
    pub fn dilation(self, dilation: [usize; 2]) -> Self {
        Window { dilation, ..self }
    }

    /// Height and width that one position of the window spans: `dilation * (kernel_size - 1) + 1`.
    pub fn extent(&self) -> Result<[usize; 2]> {
        let overflow = ShapeError::Overflow { what: "kernel_size with dilation", bits: 32 };
        positive("kernel_size", self.kernel_size)?;
        positive("stride", self.stride)?;
        positive("dilation", self.dilation)?;
        let mut extent = [0; 2];
        for (axis, extent) in extent.iter_mut().enumerate() {
            *extent = (self.kernel_size[axis] - 1)
                .checked_mul(self.dilation[axis])
                .and_then(|span| span.checked_add(1))
                .filter(|&span| i32::try_from(span).is_ok())
                .ok_or_else(|| overflow.clone())?;
        }
        Ok(extent)
    }

    /// Rows and columns of padding as `[[top, bottom], [left, right]]`.
    pub fn resolve_padding(&self) -> Result<[[usize; 2]; 2]> {
        let extent = self.extent()?;
        let resolved = match self.padding {
            Padding::Explicit { top, left, bottom, right } => [[top, bottom], [left, right]],
            Padding::Valid => [[0; 2]; 2],
            Padding::Full => extent.map(|e| [e - 1; 2]),
            Padding::Same => extent.map(|e| [(e - 1) / 2, (e - 1) - (e - 1) / 2]),
        };
        let countable = |&size: &usize| i32::try_from(size).is_ok();
        if resolved.as_flattened().iter().all(countable) {
            Ok(resolved)
        } else {
            Err(ShapeError::Overflow { what: "padding", bits: 31 })
        }
    }

    /// Positions of the window on an input of this height and width:
    /// `floor((size + padding - extent) / stride) + 1` on each axis.
    pub fn output_size(&self, input: [usize; 2]) -> Result<[usize; 2]> {
        let extent = self.extent()?;
        let padding = self.resolve_padding()?;
        let mut padded = [0; 2];
        for axis in 0..2 {
            let [before, after] = padding[axis];
            padded[axis] = input[axis]
                .checked_add(before + after)
                .filter(|&size| i32::try_from(size).is_ok())
                .ok_or(ShapeError::Overflow { what: "the padded input", bits: 31 })?;
        }
        if extent[0] > padded[0] || extent[1] > padded[1] {
            return Err(ShapeError::WindowTooLarge { window: extent, input: padded });
        }
        Ok([0, 1].map(|axis| (padded[axis] - extent[axis]) / self.stride[axis] + 1))
    }

    /// The number of taps, `kernel_size[0] * kernel_size[1]`.
    pub fn taps(&self) -> usize {
        self.kernel_size[0].saturating_mul(self.kernel_size[1])
    }
}

/// An error that names `parameter` where one of its two sizes is 0 or past 2^31.
pub(crate) fn positive(parameter: &'static str, value: [usize; 2]) -> Result<()> {
    if value.iter().all(|&size| size > 0 && i32::try_from(size).is_ok()) {
        return Ok(());
    }
    Err(ShapeError::Parameter {
        parameter,
        must: "at least 1 and below 2^31",
        value: format!("{}x{}", value[0], value[1]),
    })
}

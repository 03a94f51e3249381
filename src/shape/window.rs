//! Sliding windows and their padding.

use super::error::{ShapeError, by};

type Result<T> = std::result::Result<T, ShapeError>;

/// How a window's input is extended with zeros (with minus infinity for max pooling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Padding<const AXES: usize = 2> {
    /// So many positions before and after the input, for each axis: `[[top, bottom], [left, right]]` of an image.
    Explicit([[usize; 2]; AXES]),
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
        Padding::from([rows, columns])
    }
}

impl<const AXES: usize> Default for Padding<AXES> {
    fn default() -> Self {
        Padding::from(0)
    }
}

impl<const AXES: usize> From<usize> for Padding<AXES> {
    fn from(size: usize) -> Self {
        Padding::from([size; AXES])
    }
}

/// As much before the input as after it, for each axis.
impl<const AXES: usize> From<[usize; AXES]> for Padding<AXES> {
    fn from(sizes: [usize; AXES]) -> Self {
        Padding::Explicit(sizes.map(|size| [size; 2]))
    }
}

/// A sliding window: what convolution, involution, pooling and unfolding have in common. Every array has a size for each
/// axis, outermost first: height, width of images; depth, height, width of volumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window<const AXES: usize = 2> {
    /// Taps of the window.
    pub kernel_size: [usize; AXES],
    /// Distance between two positions of the window.
    pub stride: [usize; AXES],
    /// Extension of the input.
    pub padding: Padding<AXES>,
    /// Distance between two taps.
    pub dilation: [usize; AXES],
}

impl<const AXES: usize> Window<AXES> {
    /// A window with stride 1, no padding and no dilation.
    pub fn new(kernel_size: [usize; AXES]) -> Self {
        Window { kernel_size, stride: [1; AXES], padding: Padding::default(), dilation: [1; AXES] }
    }

    /// Sets the stride.
    pub fn stride(self, stride: [usize; AXES]) -> Self {
        Window { stride, ..self }
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding<AXES>>) -> Self {
        Window { padding: padding.into(), ..self }
    }

    /// Sets the dilation.
    pub fn dilation(self, dilation: [usize; AXES]) -> Self {
        Window { dilation, ..self }
    }

    /// What one position of the window spans of each axis: `dilation * (kernel_size - 1) + 1`.
    pub fn extent(&self) -> Result<[usize; AXES]> {
        let overflow = ShapeError::Overflow { what: "kernel_size with dilation", bits: 32 };
        positive("kernel_size", self.kernel_size)?;
        positive("stride", self.stride)?;
        positive("dilation", self.dilation)?;
        let mut extent = [0; AXES];
        for (axis, extent) in extent.iter_mut().enumerate() {
            *extent = (self.kernel_size[axis] - 1)
                .checked_mul(self.dilation[axis])
                .and_then(|span| span.checked_add(1))
                .filter(|&span| i32::try_from(span).is_ok())
                .ok_or_else(|| overflow.clone())?;
        }
        Ok(extent)
    }

    /// The padding before and after the input for each axis: `[[top, bottom], [left, right]]` of an image.
    pub fn resolve_padding(&self) -> Result<[[usize; 2]; AXES]> {
        let extent = self.extent()?;
        let resolved = match self.padding {
            Padding::Explicit(sides) => sides,
            Padding::Valid => [[0; 2]; AXES],
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

    /// Positions of the window on an input of these sizes:
    /// `floor((size + padding - extent) / stride) + 1` on each axis.
    pub fn output_size(&self, input: [usize; AXES]) -> Result<[usize; AXES]> {
        let extent = self.extent()?;
        let padding = self.resolve_padding()?;
        let mut padded = [0; AXES];
        for axis in 0..AXES {
            let [before, after] = padding[axis];
            padded[axis] = input[axis]
                .checked_add(before + after)
                .filter(|&size| i32::try_from(size).is_ok())
                .ok_or(ShapeError::Overflow { what: "the padded input", bits: 31 })?;
        }
        if extent.iter().zip(&padded).any(|(extent, padded)| extent > padded) {
            let (window, input) = (extent.to_vec(), padded.to_vec());
            return Err(ShapeError::WindowTooLarge { window, input });
        }
        Ok(std::array::from_fn(|axis| (padded[axis] - extent[axis]) / self.stride[axis] + 1))
    }

    /// The number of taps: the product of the kernel size.
    pub fn taps(&self) -> usize {
        self.kernel_size.iter().fold(1, |taps, &size| taps.saturating_mul(size))
    }
}

/// An error that names `parameter` where one of its sizes is 0 or past 2^31.
pub(crate) fn positive<const AXES: usize>(
    parameter: &'static str,
    value: [usize; AXES],
) -> Result<()> {
    if value.iter().all(|&size| size > 0 && i32::try_from(size).is_ok()) {
        return Ok(());
    }
    Err(ShapeError::Parameter { parameter, must: "at least 1 and below 2^31", value: by(&value) })
}

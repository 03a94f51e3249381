//! Tensors in double precision, and what indices into them need.

use crate::error::{Error, Result};
use crate::shape::{Padding, Shape};
use crate::tensor::{Tensor, TensorView};

/// A tensor in double precision.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Its sizes, outermost first.
    pub shape: Vec<usize>,
    /// Its values, row-major.
    pub data: Vec<f64>,
}

impl Array {
    /// An array of zeros.
    pub fn zeros(shape: &[usize]) -> Self {
        Array { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()] }
    }

    /// An array of this shape whose value at each index is that of `f`.
    pub fn from_fn<const R: usize>(
        shape: [usize; R],
        mut f: impl FnMut([usize; R]) -> f64,
    ) -> Self {
        let mut array = Array::zeros(&shape);
        let mut index = [0; R];
        for value in &mut array.data {
            *value = f(index);
            for axis in (0..R).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        array
    }

    /// The value at an index.
    pub fn at(&self, index: &[usize]) -> f64 {
        let place = index.iter().zip(&self.shape).fold(0, |place, (i, size)| place * size + i);
        self.data[place]
    }

    /// The value of channel `c` of sample `n` at a row and a column that may lie outside of the image.
    pub fn inside(&self, n: usize, c: usize, row: isize, column: isize) -> Option<f64> {
        let y = usize::try_from(row).ok().filter(|&y| y < self.shape[2])?;
        let x = usize::try_from(column).ok().filter(|&x| x < self.shape[3])?;
        Some(self.at(&[n, c, y, x]))
    }

    /// The value of channel `c` of sample `n` at a slice, a row and a column that may lie outside of the volume.
    pub fn within(&self, n: usize, c: usize, places: [isize; 3]) -> Option<f64> {
        let [z, y, x] = places.map(|place| usize::try_from(place).unwrap_or(usize::MAX));
        let inside = z < self.shape[2] && y < self.shape[3] && x < self.shape[4];
        inside.then(|| self.at(&[n, c, z, y, x]))
    }

    /// The values rounded to single precision.
    pub fn to_tensor(&self) -> Result<Tensor> {
        let data = self.data.iter().map(|&value| value as f32).collect();
        Tensor::new(Shape::new(self.shape.clone()), data).map_err(Error::at("reference"))
    }
}

impl From<&Tensor> for Array {
    fn from(tensor: &Tensor) -> Self {
        Array::from(TensorView::from(tensor))
    }
}

impl From<TensorView<'_>> for Array {
    fn from(tensor: TensorView<'_>) -> Self {
        Array {
            shape: tensor.shape().dims().to_vec(),
            data: tensor.data().iter().map(|&value| f64::from(value)).collect(),
        }
    }
}

/// The padding before and after each axis, written out from the definitions: `[[top, bottom], [left, right]]` of an image.
pub(super) fn padding<const AXES: usize>(
    padding: Padding<AXES>,
    kernel_size: [usize; AXES],
    dilation: [usize; AXES],
) -> [[usize; 2]; AXES] {
    std::array::from_fn(|axis| {
        let whole = dilation[axis] * (kernel_size[axis] - 1);
        match padding {
            Padding::Valid => [0, 0],
            Padding::Full => [whole, whole],
            Padding::Same => [whole / 2, whole.div_ceil(2)],
            Padding::Explicit(sides) => sides[axis],
        }
    })
}

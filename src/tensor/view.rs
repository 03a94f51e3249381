//! Values that somebody else owns, with a shape.

use std::borrow::Cow;

use super::dtype::DType;
use super::owned::Tensor;
use crate::shape::{Shape, ShapeError};

/// A shape and borrowed values: what every function that reads a tensor takes, so that a slice need not be copied
/// into a [`Tensor`] first.
///
/// ```
/// use involution::ops::{Activate, Activation};
/// use involution::{TensorView, reference};
///
/// # fn main() -> involution::Result<()> {
/// let samples = [-1.0, 2.0, -3.0, 4.0];
/// let x = TensorView::new([1, 4], &samples)?;
/// let y = reference::run(&Activate { activation: Activation::Relu }.into(), &[x])?;
/// assert_eq!(y.data(), [0.0, 2.0, 0.0, 4.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TensorView<'a> {
    shape: Cow<'a, Shape>,
    data: &'a [f32],
}

impl<'a> TensorView<'a> {
    /// These values in this shape; an error where their number does not belong to it.
    pub fn new(shape: impl Into<Shape>, data: &'a [f32]) -> Result<Self, ShapeError> {
        let shape = shape.into();
        shape.holds(data.len())?;
        Ok(TensorView { shape: Cow::Owned(shape), data })
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The type of its elements.
    pub fn dtype(&self) -> DType {
        DType::F32
    }

    /// The values, row-major.
    pub fn data(&self) -> &'a [f32] {
        self.data
    }
}

impl<'a> From<&'a Tensor> for TensorView<'a> {
    fn from(tensor: &'a Tensor) -> Self {
        TensorView { shape: Cow::Borrowed(tensor.shape()), data: tensor.data() }
    }
}

/// What can be read as a tensor: a [`Tensor`], a [`TensorView`], and references to either. Functions take `&impl AsView`
/// for one and `&[impl AsView]` for several, so `&[&x, &kernel]` will do, and so will a list of views.
pub trait AsView {
    /// Its shape and values, borrowed.
    fn view(&self) -> TensorView<'_>;
}

impl AsView for Tensor {
    fn view(&self) -> TensorView<'_> {
        self.into()
    }
}

impl AsView for TensorView<'_> {
    fn view(&self) -> TensorView<'_> {
        TensorView { shape: Cow::Borrowed(self.shape()), data: self.data }
    }
}

impl<T: AsView + ?Sized> AsView for &T {
    fn view(&self) -> TensorView<'_> {
        (**self).view()
    }
}

//! Tensors on a device.

use std::sync::Arc;

use super::pool::Lease;
use crate::shape::Shape;
use crate::tensor::DType;

/// A tensor on a device.
#[derive(Debug, Clone)]
pub struct GpuTensor {
    pub(crate) shape: Shape,
    pub(crate) dtype: DType,
    pub(crate) lease: Arc<Lease>,
    /// Where the tensor begins in its buffer, in bytes.
    pub(crate) offset: u64,
    /// Elements behind the tensor that kernels are allowed to see: none, but when stray accesses are hunted.
    pub(crate) slack: u64,
}

impl GpuTensor {
    /// These values in another shape of as many elements.
    pub(crate) fn in_shape(&self, shape: Shape) -> GpuTensor {
        GpuTensor { shape, ..self.clone() }
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The type in which the values are stored.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    pub(crate) fn elements(&self) -> usize {
        // Counted without overflow when the tensor was made.
        self.shape.dims().iter().product()
    }

    /// Bytes of the values in the buffer: a multiple of 4.
    pub fn bytes(&self) -> u64 {
        self.dtype.bytes(self.elements() as u64)
    }
}

//! The types of elements.

use std::borrow::Cow;
use std::num::FpCategory;

use half::f16;
use half::slice::HalfFloatSliceExt;

/// How one element of a tensor is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum DType {
    /// IEEE 754 single precision.
    #[default]
    F32,
    /// IEEE 754 half precision.
    F16,
}

impl DType {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F16 => 2,
        }
    }

    /// Bytes of so many elements in a buffer, whose size is a multiple of 4.
    pub(crate) fn bytes(self, elements: u64) -> u64 {
        (self.size() as u64 * elements).next_multiple_of(4)
    }

    /// Values as a buffer holds them. What is too large for the type becomes an infinity.
    pub(crate) fn encode(self, values: &[f32]) -> Cow<'_, [u8]> {
        match self {
            DType::F32 => Cow::Borrowed(bytemuck::cast_slice(values)),
            DType::F16 => {
                let mut halves = vec![f16::ZERO; values.len().next_multiple_of(2)];
                halves[..values.len()].convert_from_f32_slice(values);
                Cow::Owned(bytemuck::cast_slice(halves.reinterpret_cast()).to_vec())
            }
        }
    }

    /// The values that a buffer holds in these bytes.
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            DType::F32 => bytemuck::pod_collect_to_vec(bytes),
            DType::F16 => {
                let halves = bytes.as_chunks().0.iter();
                halves.map(|&half| f16::from_le_bytes(half).to_f32()).collect()
            }
        }
    }

    /// The nearest value that the type has, and zero for a subnormal one, which a device may take for zero.
    pub fn nearest(self, value: f32) -> f32 {
        match self {
            DType::F32 => value,
            DType::F16 => match f16::from_f32(value) {
                half if half.classify() == FpCategory::Subnormal => 0.0,
                half => half.to_f32(),
            },
        }
    }
}

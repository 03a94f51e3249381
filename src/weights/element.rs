//! The types that values have in files, and how they become single precision.

/// The type of the values in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    /// IEEE 754 double precision.
    F64,
    /// IEEE 754 single precision.
    F32,
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single.
    BF16,
    /// Values that are no weights, integers above all: their size, and why they are left out.
    Other(u8, &'static str),
}

/// Why a tensor is left out.
pub(super) mod left_out {
    pub(in crate::weights) const INTEGERS: &str = "holds integers";
    pub(in crate::weights) const BOOLS: &str = "holds truth values";
    pub(in crate::weights) const COMPLEX: &str =
        "holds complex numbers: save torch.view_as_real(tensor)";
    pub(in crate::weights) const QUANTISED: &str =
        "holds quantised values: save tensor.dequantize()";
    pub(in crate::weights) const FLOAT8: &str = "holds 8-bit floats: save tensor.float()";
    pub(in crate::weights) const FLOAT4: &str = "holds 4-bit floats: save tensor.float()";
    pub(in crate::weights) const BITS: &str = "holds bits without a type";
    pub(in crate::weights) const UNKNOWN: &str =
        "holds values of a type that is not read: save tensor.float()";
    pub(in crate::weights) const SPARSE: &str = "is a sparse tensor: save tensor.to_dense()";
    pub(in crate::weights) const NESTED: &str = "is a nested tensor";
    pub(in crate::weights) const META: &str = "is on the device 'meta', without values";
    pub(in crate::weights) const CLASS: &str =
        "is of a class of its own, such as DTensor: save its full_tensor()";
    pub(in crate::weights) const NUMPY: &str = "is kept as an array of NumPy: save tensor.cpu()";
    pub(in crate::weights) const EMPTY: &str = "has no values in the file";
}

impl Element {
    /// Bytes of one value.
    pub(super) fn size(self) -> u64 {
        match self {
            Element::F64 => 8,
            Element::F32 => 4,
            Element::F16 | Element::BF16 => 2,
            Element::Other(size, _) => size.into(),
        }
    }

    /// All values in these bytes, in single precision; an incomplete last value is left out.
    pub(super) fn decode_all(self, bytes: &[u8], order: Order) -> Vec<f32> {
        match self {
            Element::F64 => order.each(bytes, |raw| f64::from_le_bytes(raw) as f32),
            Element::F32 => order.each(bytes, f32::from_le_bytes),
            Element::F16 => order.each(bytes, |raw| half::f16::from_le_bytes(raw).to_f32()),
            Element::BF16 => order.each(bytes, |raw| half::bf16::from_le_bytes(raw).to_f32()),
            Element::Other(..) => Vec::new(),
        }
    }
}

/// Which byte of a value comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// The least significant one.
    Little,
    /// The most significant one.
    Big,
}

impl Order {
    /// The values of `N` bytes each, of which `read` takes the least significant first.
    fn each<const N: usize>(self, bytes: &[u8], read: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let values = bytes.as_chunks().0.iter().copied();
        match self {
            Order::Little => values.map(read).collect(),
            Order::Big => values
                .map(|mut raw| {
                    raw.reverse();
                    read(raw)
                })
                .collect(),
        }
    }
}

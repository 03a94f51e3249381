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
    /// Integers or truth values, which are no weights: their size, and why they are left out.
    Other(u64, &'static str),
}

/// Why tensors of whole numbers are left out.
pub(super) const INTEGERS: &str = "holds integers";

/// Why tensors of truth values are left out.
pub(super) const BOOLS: &str = "holds truth values";

impl Element {
    /// Bytes of one value.
    pub(super) fn size(self) -> u64 {
        match self {
            Element::F64 => 8,
            Element::F32 => 4,
            Element::F16 | Element::BF16 => 2,
            Element::Other(size, _) => size,
        }
    }

    /// All values in these bytes, in single precision; an incomplete last value is left out.
    pub(super) fn decode_all(self, bytes: &[u8], order: Order) -> Vec<f32> {
        match self {
            Element::F64 => bytes.as_chunks().0.iter().map(|&raw| order.f64(raw)).collect(),
            Element::F32 => bytes.as_chunks().0.iter().map(|&raw| order.f32(raw)).collect(),
            Element::F16 => bytes.as_chunks().0.iter().map(|&raw| order.f16(raw)).collect(),
            Element::BF16 => bytes.as_chunks().0.iter().map(|&raw| order.bf16(raw)).collect(),
            Element::Other(..) => Vec::new(),
        }
    }

    /// The first value in these bytes, in single precision.
    pub(super) fn decode(self, bytes: &[u8], order: Order) -> Option<f32> {
        match self {
            Element::F64 => bytes.first_chunk().map(|&raw| order.f64(raw)),
            Element::F32 => bytes.first_chunk().map(|&raw| order.f32(raw)),
            Element::F16 => bytes.first_chunk().map(|&raw| order.f16(raw)),
            Element::BF16 => bytes.first_chunk().map(|&raw| order.bf16(raw)),
            Element::Other(..) => None,
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
    fn f64(self, mut raw: [u8; 8]) -> f32 {
        self.turn(&mut raw);
        f64::from_le_bytes(raw) as f32
    }

    fn f32(self, mut raw: [u8; 4]) -> f32 {
        self.turn(&mut raw);
        f32::from_le_bytes(raw)
    }

    fn f16(self, mut raw: [u8; 2]) -> f32 {
        self.turn(&mut raw);
        half::f16::from_le_bytes(raw).to_f32()
    }

    fn bf16(self, mut raw: [u8; 2]) -> f32 {
        self.turn(&mut raw);
        half::bf16::from_le_bytes(raw).to_f32()
    }

    fn turn(self, raw: &mut [u8]) {
        if self == Order::Big {
            raw.reverse();
        }
    }
}

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
    Other(u8, LeftOut),
}

/// Why a tensor is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeftOut {
    Integers,
    Bools,
    Complex,
    Quantised,
    Float8,
    Float4,
    Bits,
    Unknown,
    Sparse,
    Nested,
    Meta,
    Class,
    Numpy,
    Empty,
}

impl LeftOut {
    /// The reason in words.
    pub(super) fn reason(self) -> &'static str {
        match self {
            LeftOut::Integers => "holds integers",
            LeftOut::Bools => "holds truth values",
            LeftOut::Complex => "holds complex numbers: save torch.view_as_real(tensor)",
            LeftOut::Quantised => "holds quantised values: save tensor.dequantize()",
            LeftOut::Float8 => "holds 8-bit floats: save tensor.float()",
            LeftOut::Float4 => "holds 4-bit floats: save tensor.float()",
            LeftOut::Bits => "holds bits without a type",
            LeftOut::Unknown => "holds values of a type that is not read: save tensor.float()",
            LeftOut::Sparse => "is a sparse tensor: save tensor.to_dense()",
            LeftOut::Nested => "is a nested tensor",
            LeftOut::Meta => "is on the device 'meta', without values",
            LeftOut::Class => "is of a class of its own, such as DTensor: save its full_tensor()",
            LeftOut::Numpy => "is kept as an array of NumPy: save tensor.cpu()",
            LeftOut::Empty => "has no values in the file",
        }
    }
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

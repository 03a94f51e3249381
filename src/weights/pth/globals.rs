//! The names that a pickle may refer to. None of them is anything but a name here.

use super::super::element::{BOOLS, Element, INTEGERS};

/// A name that a pickle may refer to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Global {
    /// `collections.OrderedDict`, the type of a state dict.
    OrderedDict,
    /// `torch._utils._rebuild_tensor`: a storage, an offset, sizes and strides.
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v2`: the same, and two to three values about gradients.
    RebuildTensorV2,
    /// A tensor that is a parameter: the tensor, and values about gradients.
    Parameter,
    /// `torch.Size`: a tuple of sizes.
    Size,
    /// The type of a storage.
    Storage(Element),
    /// Something that checkpoints have beside their tensors; values of it are not looked into.
    Opaque,
}

/// What a full name stands for; nothing where it is refused.
pub(super) fn find(module: &str, name: &str) -> Option<Global> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensorV2,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
        | ("torch.nn.parameter", "Parameter") => Global::Parameter,
        ("torch", "Size") => Global::Size,
        ("torch", storage) if storage.ends_with("Storage") => Global::Storage(element(storage)?),
        // Types and devices of tensors, as values.
        ("torch", "device") => Global::Opaque,
        (
            "torch",
            "float64" | "float32" | "float16" | "bfloat16" | "int64" | "int32" | "int16" | "int8"
            | "uint8" | "bool",
        ) => Global::Opaque,
        // Plain values of Python that have no opcode of their own.
        ("builtins" | "__builtin__", "set" | "frozenset" | "complex" | "bytearray")
        | ("_codecs", "encode") => Global::Opaque,
        // Numbers of NumPy, such as the best accuracy so far.
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar" | "_reconstruct")
        | ("numpy", "dtype" | "ndarray") => Global::Opaque,
        _ => return None,
    })
}

fn element(storage: &str) -> Option<Element> {
    Some(match storage {
        "DoubleStorage" => Element::F64,
        "FloatStorage" => Element::F32,
        "HalfStorage" => Element::F16,
        "BFloat16Storage" => Element::BF16,
        "LongStorage" => Element::Other(8, INTEGERS),
        "IntStorage" => Element::Other(4, INTEGERS),
        "ShortStorage" => Element::Other(2, INTEGERS),
        "CharStorage" | "ByteStorage" => Element::Other(1, INTEGERS),
        "BoolStorage" => Element::Other(1, BOOLS),
        _ => return None,
    })
}

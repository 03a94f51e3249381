//! The names that a pickle may refer to. None of them is anything but a name here.
//!
//! They are those that PyTorch's own reader takes with `weights_only=True`, and some plain values that
//! checkpoints have beside their tensors.

use crate::weights::element::{Element, Element::Other, left_out};

/// A name that a pickle may refer to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Global {
    /// `collections.OrderedDict`, the type of a state dict.
    OrderedDict,
    /// `torch._utils._rebuild_tensor`: a storage, an offset, sizes and strides.
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v2`: these four, and two to three values about gradients.
    RebuildTensorV2,
    /// `torch._utils._rebuild_tensor_v3`: the type of the values as well, of a storage that is bytes.
    RebuildTensorV3,
    /// `torch._tensor._rebuild_from_type_v2`: one of these functions, a class, the arguments of the
    /// function, and attributes.
    FromType,
    /// A tensor that is a parameter, or was on another device: the tensor, and values about it.
    Parameter,
    /// A class of tensors; where the tensor looks is said by its state.
    Tensor,
    /// Tensors that are not dense, and why they are left out.
    LeftOut(&'static str),
    /// `torch.Size`: a tuple of sizes.
    Size,
    /// The type of a storage.
    Storage(Element),
    /// The type of the values of a tensor.
    Type(Element),
    /// Something that checkpoints have beside their tensors; values of it are not looked into.
    Opaque,
}

/// What a full name stands for; nothing where it is refused.
pub(super) fn find(module: &str, name: &str) -> Option<Global> {
    Some(match (module, name) {
        ("collections", "OrderedDict") => Global::OrderedDict,
        ("torch._utils", "_rebuild_tensor") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v2") => Global::RebuildTensorV2,
        ("torch._utils", "_rebuild_tensor_v3") => Global::RebuildTensorV3,
        ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => Global::FromType,
        (
            "torch._utils",
            "_rebuild_parameter"
            | "_rebuild_parameter_with_state"
            | "_rebuild_device_tensor_from_cpu_tensor",
        )
        | ("torch.nn.parameter", "Parameter") => Global::Parameter,
        ("torch._utils", "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor") => {
            Global::LeftOut(left_out::SPARSE)
        }
        ("torch._utils", "_rebuild_nested_tensor")
        | ("torch.nested._internal.nested_tensor", "_rebuild_njt") => {
            Global::LeftOut(left_out::NESTED)
        }
        ("torch._utils", "_rebuild_qtensor") => Global::LeftOut(left_out::QUANTISED),
        ("torch._utils", "_rebuild_meta_tensor_no_storage") => Global::LeftOut(left_out::META),
        ("torch._utils", "_rebuild_wrapper_subclass") => Global::LeftOut(left_out::CLASS),
        ("torch._utils", "_rebuild_device_tensor_from_numpy" | "_rebuild_xla_tensor") => {
            Global::LeftOut(left_out::NUMPY)
        }
        ("torch", "Size") => Global::Size,
        ("torch", "Tensor") => Global::Tensor,
        ("torch" | "torch.storage", "UntypedStorage" | "TypedStorage") => {
            Global::Storage(Other(1, left_out::INTEGERS))
        }
        ("torch" | "torch.cuda", kind) if kind.ends_with("Storage") => {
            Global::Storage(element(kind.strip_suffix("Storage")?)?)
        }
        ("torch" | "torch.cuda", kind) if kind.ends_with("Tensor") => {
            element(kind.strip_suffix("Tensor")?)?;
            Global::Tensor
        }
        ("torch.sparse" | "torch.cuda.sparse", kind) => {
            element(kind.strip_suffix("Tensor")?)?;
            Global::LeftOut(left_out::SPARSE)
        }
        // Devices, layouts and kinds of quantisation, as values.
        ("torch", "device")
        | ("torch.serialization", "_get_layout")
        | (
            "torch",
            "per_tensor_affine"
            | "per_tensor_symmetric"
            | "per_channel_affine"
            | "per_channel_symmetric"
            | "per_channel_affine_float_qparams",
        ) => Global::Opaque,
        ("torch", name) => Global::Type(type_of(name)?),
        // What a tensor that is spread over several machines says of itself.
        ("torch.distributed.device_mesh", "DeviceMesh")
        | ("torch.distributed._mesh_layout", "_MeshLayout" | "_FlatLayout")
        | ("torch.distributed.tensor", "DTensor")
        | (
            "torch.distributed.tensor._dtensor_spec",
            "DTensorSpec" | "TensorMeta" | "ShardOrderEntry",
        )
        | (
            "torch.distributed.tensor.placement_types",
            "Partial" | "Replicate" | "Shard" | "_StridedShard" | "_MaskPartial",
        )
        | ("torch.nested._internal.nested_tensor", "NestedTensor") => Global::Opaque,
        // Plain values of Python that have no opcode of their own.
        ("collections", "Counter")
        | ("builtins" | "__builtin__", "set" | "frozenset" | "complex" | "bytearray")
        | ("_codecs", "encode") => Global::Opaque,
        // Numbers of NumPy, such as the best accuracy so far.
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar" | "_reconstruct")
        | ("numpy", "dtype" | "ndarray") => Global::Opaque,
        _ => return None,
    })
}

/// The values of the storages and tensors whose classes begin with this.
fn element(class: &str) -> Option<Element> {
    type_of(match class {
        "Double" => "float64",
        "Float" => "float32",
        "Half" => "float16",
        "BFloat16" => "bfloat16",
        "Long" => "int64",
        "Int" => "int32",
        "Short" => "int16",
        "Char" => "int8",
        "Byte" => "uint8",
        "Bool" => "bool",
        "ComplexDouble" => "complex128",
        "ComplexFloat" => "complex64",
        "QUInt8" => "quint8",
        "QInt8" => "qint8",
        "QInt32" => "qint32",
        "QUInt4x2" => "quint4x2",
        "QUInt2x4" => "quint2x4",
        _ => return None,
    })
}

/// The values of a type of PyTorch.
fn type_of(name: &str) -> Option<Element> {
    Some(match name {
        "float64" => Element::F64,
        "float32" => Element::F32,
        "float16" => Element::F16,
        "bfloat16" => Element::BF16,
        "int64" | "uint64" => Other(8, left_out::INTEGERS),
        "int32" | "uint32" => Other(4, left_out::INTEGERS),
        "int16" | "uint16" => Other(2, left_out::INTEGERS),
        "int8" | "int7" | "int6" | "int5" | "int4" | "int3" | "int2" | "int1" => {
            Other(1, left_out::INTEGERS)
        }
        "uint8" | "uint7" | "uint6" | "uint5" | "uint4" | "uint3" | "uint2" | "uint1" => {
            Other(1, left_out::INTEGERS)
        }
        "bool" => Other(1, left_out::BOOLS),
        "complex128" => Other(16, left_out::COMPLEX),
        "complex64" => Other(8, left_out::COMPLEX),
        "complex32" | "bcomplex32" => Other(4, left_out::COMPLEX),
        "qint32" => Other(4, left_out::QUANTISED),
        "qint8" | "quint8" | "quint4x2" | "quint2x4" => Other(1, left_out::QUANTISED),
        "float8_e4m3fn" | "float8_e5m2" | "float8_e4m3fnuz" | "float8_e5m2fnuz"
        | "float8_e8m0fnu" => Other(1, left_out::FLOAT8),
        "float4_e2m1fn_x2" => Other(1, left_out::FLOAT4),
        "bits16" => Other(2, left_out::BITS),
        "bits8" | "bits4x2" | "bits2x4" | "bits1x8" => Other(1, left_out::BITS),
        _ => return None,
    })
}

//! The names that a pickle may refer to: all that PyTorch's own reader takes with `weights_only=True`, and what
//! is made of each.

use super::craft::{Entry, Pickle, archive, entries, sound, zip};
use super::measured;

/// What `torch._weights_only_unpickler` allows in PyTorch 2.12, and before it.
const ALLOWED: &[(&str, &str)] = &[
    ("collections", "Counter OrderedDict"),
    ("torch.nn.parameter", "Parameter"),
    ("torch.serialization", "_get_layout"),
    (
        "torch",
        "BFloat16Storage BoolStorage ByteStorage CharStorage ComplexDoubleStorage ComplexFloatStorage \
         DoubleStorage FloatStorage HalfStorage IntStorage LongStorage QInt32Storage QInt8Storage \
         QUInt2x4Storage QUInt4x2Storage QUInt8Storage ShortStorage BFloat16Tensor BoolTensor \
         ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor IntTensor LongTensor ShortTensor \
         Size Tensor device bfloat16 bits16 bits1x8 bits2x4 bits4x2 bits8 bool complex128 complex32 \
         bcomplex32 complex64 float16 float32 float4_e2m1fn_x2 float64 float8_e4m3fn float8_e4m3fnuz \
         float8_e5m2 float8_e5m2fnuz float8_e8m0fnu int1 int16 int2 int3 int32 int4 int5 int6 int64 \
         int7 int8 per_channel_affine per_channel_affine_float_qparams per_channel_symmetric \
         per_tensor_affine per_tensor_symmetric qint32 qint8 quint2x4 quint4x2 quint8 uint1 uint16 \
         uint2 uint3 uint32 uint4 uint5 uint6 uint64 uint7 uint8",
    ),
    ("_codecs", "encode"),
    ("builtins", "bytearray complex set"),
    ("torch.sparse", "BFloat16Tensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor"),
    ("torch.cuda.sparse", "IntTensor LongTensor ShortTensor"),
    ("torch.cuda", "FloatStorage LongStorage ComplexFloatStorage FloatTensor BoolTensor"),
    ("torch.storage", "TypedStorage UntypedStorage"),
    (
        "torch._utils",
        "_rebuild_device_tensor_from_cpu_tensor _rebuild_device_tensor_from_numpy \
         _rebuild_meta_tensor_no_storage _rebuild_nested_tensor _rebuild_parameter \
         _rebuild_parameter_with_state _rebuild_qtensor _rebuild_sparse_tensor _rebuild_tensor \
         _rebuild_tensor_v2 _rebuild_tensor_v3 _rebuild_wrapper_subclass",
    ),
    ("torch._tensor", "_rebuild_from_type_v2"),
    ("torch.distributed.device_mesh", "DeviceMesh"),
    ("torch.distributed._mesh_layout", "_FlatLayout _MeshLayout"),
    ("torch.distributed.tensor", "DTensor"),
    ("torch.distributed.tensor._dtensor_spec", "DTensorSpec ShardOrderEntry TensorMeta"),
    ("torch.distributed.tensor.placement_types", "Partial Replicate Shard _StridedShard"),
];

/// `{"w": ...}` of the sound pickle, still open.
fn open() -> Pickle {
    let sound = sound();
    Pickle(sound[..sound.len() - 1].to_vec())
}

#[test]
fn each_that_pytorch_allows_is_known() {
    let names = ALLOWED
        .iter()
        .flat_map(|(module, names)| names.split_whitespace().map(move |name| (*module, name)));
    let all = names.fold(open(), |pickle, (module, name)| {
        pickle.text(&format!("{module}.{name}")).global(module, name).op(b"s")
    });
    let loaded = measured(&archive(all.stop())).unwrap();
    assert_eq!(loaded.tensors.len(), 1);
    assert!(loaded.skipped.len() > 120, "{}", loaded.skipped.len());
    assert!(loaded.skipped.iter().all(|skipped| skipped.reason == "is not a tensor"));
}

/// Adds the tensor of the sound pickle.
fn tensor(pickle: Pickle) -> Pickle {
    pickle.tensor(|pickle| pickle.storage("FloatStorage", "0", 4), 0, &[4], &[1])
}

/// A tensor of a storage of bytes, whose type is said apart, and more arguments.
fn of_bytes(pickle: Pickle, dtype: &str, more: &[u8]) -> Pickle {
    let call = pickle.global("torch._utils", "_rebuild_tensor_v3").op(b"((").text("storage");
    let id = call.global("torch.storage", "UntypedStorage").text("0").text("cpu");
    id.op(b"K\x10tQK\x00K\x02\x85K\x01\x85\x89}").global("torch", dtype).op(more).op(b"tR")
}

type Push = fn(Pickle) -> Pickle;

/// What makes a tensor, and its values, or why it is left out.
type Call = (&'static str, Push, Result<&'static [f32], &'static str>);

const CALLS: &[Call] = &[
    (
        "a state of where it looks",
        |pickle| {
            let pickle = pickle.global("torch", "FloatTensor").op(b")\x81(");
            pickle.storage("FloatStorage", "0", 4).op(b"K\x01K\x02\x85K\x01\x85tb")
        },
        Ok(&[1.0; 2]),
    ),
    (
        "a tensor, and a state of its gradients",
        |pickle| {
            let pickle = pickle.global("torch.nn.parameter", "Parameter").op(b"(");
            tensor(pickle).op(b"t\x81\x88\x89N\x87b")
        },
        Ok(&[1.0; 4]),
    ),
    (
        "a state of a variable",
        |pickle| {
            tensor(pickle.global("torch.nn.parameter", "Parameter").op(b")\x81(")).op(b"NNNNtb")
        },
        Ok(&[1.0; 4]),
    ),
    (
        "no state",
        |pickle| pickle.global("torch", "Tensor").op(b")R"),
        Err("has no values in the file"),
    ),
    (
        "of another device",
        |pickle| {
            let function = "_rebuild_device_tensor_from_cpu_tensor";
            let pickle = tensor(pickle.global("torch._utils", function).op(b"("));
            pickle.global("torch", "float32").text("xla:0").op(b"\x89tR")
        },
        Ok(&[1.0; 4]),
    ),
    ("floats of bytes", |pickle| of_bytes(pickle, "float32", b""), Ok(&[1.0; 2])),
    ("halves of bytes", |pickle| of_bytes(pickle, "float16", b"}"), Ok(&[0.0, 1.875])),
    ("doubles of bytes", |pickle| of_bytes(pickle, "float64", b""), Ok(&[0.007_812_502; 2])),
    (
        "negatives of bytes",
        |pickle| of_bytes(pickle, "float32", b"}X\x03\0\0\0neg\x88s"),
        Ok(&[-1.0; 2]),
    ),
    ("no negatives", |pickle| of_bytes(pickle, "float32", b"}X\x03\0\0\0neg\x89s"), Ok(&[1.0; 2])),
    ("integers of bytes", |pickle| of_bytes(pickle, "uint32", b""), Err("holds integers")),
    (
        "brain floats of complex",
        |pickle| of_bytes(pickle, "bcomplex32", b""),
        Err("holds complex numbers: save torch.view_as_real(tensor)"),
    ),
    (
        "a class, with attributes",
        |pickle| {
            let pickle = pickle.global("torch._tensor", "_rebuild_from_type_v2").op(b"(");
            let pickle = pickle.global("torch._utils", "_rebuild_parameter");
            let pickle = tensor(pickle.global("torch", "Tensor").op(b"("));
            pickle.op(b"\x88Nt}tR")
        },
        Ok(&[1.0; 4]),
    ),
    (
        "a class without values",
        |pickle| {
            let pickle = pickle.global("torch._tensor", "_rebuild_from_type_v2").op(b"(");
            let pickle = pickle.global("torch._utils", "_rebuild_wrapper_subclass");
            tensor(
                pickle
                    .global("torch.distributed.tensor", "DTensor")
                    .op(b")}")
                    .text("_local_tensor"),
            )
            .op(b"stR")
        },
        Err("is of a class of its own, such as DTensor: save its full_tensor()"),
    ),
    (
        "a parameter of a sparse one",
        |pickle| {
            let pickle = pickle.global("torch._utils", "_rebuild_parameter").op(b"(");
            pickle.global("torch.sparse", "FloatTensor").op(b")R\x88NtR")
        },
        Err("is a sparse tensor: save tensor.to_dense()"),
    ),
    (
        "an array of NumPy",
        |pickle| pickle.global("torch._utils", "_rebuild_device_tensor_from_numpy").op(b"(NNNNtR"),
        Err("is kept as an array of NumPy: save tensor.cpu()"),
    ),
];

#[test]
fn what_each_call_makes() {
    for (what, push, expected) in CALLS {
        let bytes = archive(push(open().text("it")).op(b"s").stop());
        let loaded = measured(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
        match expected {
            Ok(values) => assert_eq!(loaded.tensors.get("it").unwrap().data(), *values, "{what}"),
            Err(reason) => {
                let skipped: Vec<_> =
                    loaded.skipped.iter().map(|it| (it.name.as_str(), it.reason)).collect();
                assert_eq!(skipped, [("it", *reason)], "{what}");
            }
        }
    }
}

/// Values of two bytes in a storage of bytes are counted as values.
#[test]
fn the_end_of_a_storage_of_bytes() {
    let with = |bytes: usize| {
        let mut list = entries(of_bytes(open().text("it"), "float64", b"").op(b"s").stop());
        list[2] = Entry::new("top/data/0", vec![0; bytes]);
        measured(&zip(&list))
    };
    assert!(with(16).is_ok());
    assert!(with(15).is_err());
    let past = of_bytes(open().text("it"), "complex128", b"").op(b"s").stop();
    assert_eq!(measured(&archive(past)).unwrap().skipped.len(), 1);
}

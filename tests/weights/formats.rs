//! What PyTorch wrote (`make.py`) is read as PyTorch has it.

use std::collections::BTreeMap;

use involution::weights::{Format, Limits, Loaded, load, read, to_safetensors};
use involution::{Shape, StateDict, Tensor, WeightsError};
use safetensors::SafeTensors;

use super::{file, files, measured};

/// The tensors that PyTorch says are in a file, through the official reader alone.
fn expected(name: &str) -> StateDict {
    let bytes = file(&format!("{name}.expected.safetensors"));
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let tensors = tensors.iter().map(|(name, view)| {
        let values = view.data().chunks_exact(4);
        let values = values.map(|raw| f32::from_le_bytes(raw.try_into().unwrap())).collect();
        (name.to_owned(), Tensor::new(Shape::new(view.shape()), values).unwrap())
    });
    tensors.collect()
}

fn same_bits(found: &StateDict, expected: &StateDict, file: &str) {
    let names = |tensors: &StateDict| tensors.names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{file}");
    for (name, tensor) in found.iter() {
        let other = expected.get(name).unwrap();
        let bits = |tensor: &Tensor| tensor.data().iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(tensor.shape(), other.shape(), "{file}: {name}");
        assert_eq!(bits(tensor), bits(other), "{file}: {name}");
    }
}

/// Reads a file and compares its tensors with what is in it.
fn check(name: &str, format: Format) -> Loaded {
    let loaded = load(&files().join(name).with_extension("pth")).unwrap();
    same_bits(&loaded.tensors, &expected(name), name);
    assert_eq!(loaded.format, format, "{name}");
    loaded
}

fn skipped(loaded: &Loaded) -> Vec<(&str, &str)> {
    loaded.skipped.iter().map(|skipped| (skipped.name.as_str(), skipped.reason)).collect()
}

#[test]
fn archives() {
    for name in ["archive", "protocol4", "protocol5"] {
        let loaded = check(name, Format::PthArchive);
        assert_eq!(skipped(&loaded), [("1.num_batches_tracked", "holds integers")]);
        assert!(loaded.wrapper.is_empty() && loaded.metadata.is_empty(), "{name}");
        assert_eq!(loaded.tensors.len(), 8);
    }
}

#[test]
fn streams() {
    for name in ["stream", "stream_protocol4"] {
        let loaded = check(name, Format::PthStream);
        assert_eq!(skipped(&loaded), [("1.num_batches_tracked", "holds integers")]);
    }
}

#[test]
fn types_become_single_precision() {
    let counted = ["i16", "i32", "i64", "i8", "u8"].map(|name| (name, "holds integers"));
    let all = [&[("bool", "holds truth values")], &counted[..]].concat();
    for (name, format) in [("types", Format::PthArchive), ("types_stream", Format::PthStream)] {
        assert_eq!(skipped(&check(name, format)), all, "{name}");
    }
    let loaded = load(&files().join("types.safetensors")).unwrap();
    same_bits(&loaded.tensors, &expected("types"), "types.safetensors");
    assert_eq!((skipped(&loaded), loaded.format), (all, Format::Safetensors));
}

#[test]
fn views_are_gathered() {
    assert_eq!(check("views", Format::PthArchive).tensors.len(), 7);
    check("views_stream", Format::PthStream);
}

#[test]
fn tied_tensors_are_each_their_own() {
    for (name, format) in [("tied", Format::PthArchive), ("tied_stream", Format::PthStream)] {
        let tensors = check(name, format).tensors;
        assert_eq!(tensors.get("encoder.weight"), tensors.get("decoder.weight"));
    }
}

#[test]
fn parameters_are_tensors() {
    assert_eq!(check("parameters", Format::PthArchive).tensors.len(), 3);
    check("parameters_stream", Format::PthStream);
}

#[test]
fn attributes_of_tensors_are_passed_over() {
    assert_eq!(check("attributes", Format::PthArchive).tensors.len(), 3);
    check("attributes_stream", Format::PthStream);
}

#[test]
fn tensors_that_are_not_dense_are_left_out() {
    let sparse = "is a sparse tensor: save tensor.to_dense()";
    let complex = "holds complex numbers: save torch.view_as_real(tensor)";
    let quantised = "holds quantised values: save tensor.dequantize()";
    let (float8, bits) = ("holds 8-bit floats: save tensor.float()", "holds bits without a type");
    let expected = [
        ("bits16", bits),
        ("bits8", bits),
        ("bsr", sparse),
        ("complex128", complex),
        ("complex32", complex),
        ("complex64", complex),
        ("conjugate", complex),
        ("coo", sparse),
        ("counter", "is not a tensor"),
        ("csc", sparse),
        ("csr", sparse),
        ("device", "is not a tensor"),
        ("f4", "holds 4-bit floats: save tensor.float()"),
        ("f8_e4m3fn", float8),
        ("f8_e4m3fnuz", float8),
        ("f8_e5m2", float8),
        ("f8_e5m2fnuz", float8),
        ("f8_e8m0fnu", float8),
        ("layout", "is not a tensor"),
        ("meta", "is on the device 'meta', without values"),
        ("nested", "is a nested tensor"),
        ("quantised", quantised),
        ("quantised_32", quantised),
        ("quantised_channels", quantised),
        ("u16", "holds integers"),
        ("u32", "holds integers"),
        ("u64", "holds integers"),
    ];
    for (name, format) in [("kinds", Format::PthArchive), ("kinds_stream", Format::PthStream)] {
        // Of what is read, one is the view of values whose signs are still to be turned.
        assert_eq!(skipped(&check(name, format)), expected, "{name}");
    }
}

#[test]
fn checkpoints_of_training() {
    for (name, format) in
        [("checkpoint", Format::PthArchive), ("checkpoint_stream", Format::PthStream)]
    {
        let loaded = check(name, format);
        assert_eq!(loaded.wrapper, ["state_dict"]);
        let said = [
            ("done", "true"),
            ("epoch", "130"),
            ("meta.epoch", "130"),
            ("meta.time", "Fri Mar 5 2021"),
            ("rate", "0.1"),
        ];
        let said = said.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(loaded.metadata, BTreeMap::from(said), "{name}");
    }
    assert_eq!(check("nested", Format::PthArchive).wrapper, ["model", "state_dict"]);
    let ema = check("ema", Format::PthArchive);
    assert_eq!(ema.wrapper, ["ema", "module"]);
    assert_eq!(ema.metadata.get("step").map(String::as_str), Some("7"));
    assert_eq!(check("parallel", Format::PthArchive).wrapper, ["state_dict"]);
}

#[test]
fn values_that_are_no_tensors_are_skipped() {
    let loaded = check("mixed", Format::PthArchive);
    let no_tensor = ["nested", "none", "note", "version"].map(|name| (name, "is not a tensor"));
    assert_eq!(skipped(&loaded), [&[("5", "its key is not a text")], &no_tensor[..]].concat());
}

#[test]
fn what_is_written_is_read_again() {
    let loaded = load(&files().join("views.pth")).unwrap();
    let metadata = BTreeMap::from([("source".to_owned(), "a test".to_owned())]);
    let bytes = to_safetensors(&loaded.tensors, &metadata).unwrap();
    let again = measured(&bytes).unwrap();
    same_bits(&again.tensors, &loaded.tensors, "written");
    assert_eq!((again.metadata, again.format), (metadata, Format::Safetensors));
    let empty = to_safetensors(&StateDict::new(), &BTreeMap::new()).unwrap();
    assert!(measured(&empty).unwrap().tensors.is_empty());
}

#[test]
fn a_file_that_is_not_there() {
    let error = load(&files().join("none.pth")).unwrap_err();
    assert!(
        matches!(&error, WeightsError::Io { kind: std::io::ErrorKind::NotFound, path, .. }
            if path.ends_with("none.pth")),
        "{error}"
    );
}

/// Every limit of its own: just enough reads, one less is refused by its name.
#[test]
fn limits_are_exact() {
    use involution::error::WeightsLimit as Limit;

    type Field = fn(&mut Limits) -> &mut u64;
    let cases: [(&str, Limit, Field); 12] = [
        ("views.pth", Limit::FileBytes, |limits| &mut limits.file_bytes),
        ("types.safetensors", Limit::HeaderBytes, |limits| &mut limits.header_bytes),
        ("archive.pth", Limit::HeaderBytes, |limits| &mut limits.header_bytes),
        ("archive.pth", Limit::Tensors, |limits| &mut limits.tensors),
        ("types.safetensors", Limit::TensorBytes, |limits| &mut limits.tensor_bytes),
        ("views.pth", Limit::Dimensions, |limits| &mut limits.dimensions),
        ("types.safetensors", Limit::NameBytes, |limits| &mut limits.name_bytes),
        ("archive.pth", Limit::Entries, |limits| &mut limits.entries),
        ("archive.pth", Limit::Opcodes, |limits| &mut limits.opcodes),
        ("stream.pth", Limit::Objects, |limits| &mut limits.objects),
        ("archive.pth", Limit::MemoEntries, |limits| &mut limits.memo_entries),
        ("archive.pth", Limit::StackDepth, |limits| &mut limits.stack_depth),
    ];
    for (name, limit, field) in cases {
        let bytes = file(name);
        let with = |value| {
            let mut limits = Limits::default();
            *field(&mut limits) = value;
            read(&bytes, &limits)
        };
        // The smallest value that is enough.
        let (mut low, mut high) = (0, 1 << 20);
        while low < high {
            let middle = (low + high) / 2;
            if with(middle).is_ok() { high = middle } else { low = middle + 1 }
        }
        assert!(low > 1, "{name}: {limit:?} is not counted");
        match with(low - 1) {
            Err(WeightsError::Limit { limit: named, needed, allowed, .. }) => {
                assert_eq!((named, allowed), (limit, low - 1), "{name}");
                assert!(needed > allowed);
            }
            other => panic!("{name}, {limit:?}: {other:?}"),
        }
    }
}

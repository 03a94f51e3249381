//! Files that are no weights are called what they are.

use involution::WeightsError;
use involution::weights::load;

use super::craft::{Entry, archive, sound, zip};
use super::{measured, refused};

const WEB_PAGE: &str = "it looks like a web page";
const TEXT: &str = "it looks like text";
const INDEX: &str = "it looks like the index of weights in several files (shards)";
const LFS: &str = "it looks like a pointer of Git LFS";
const ONNX: &str = "it looks like an ONNX model";
const NONE: &str = "its first bytes are those of no format";
const NO_SAFETENSORS: &str = "it is no safetensors file";

/// What a file is said to look like begins with this.
#[track_caller]
fn looks_like(bytes: &[u8], expected: &str) {
    match refused(bytes) {
        WeightsError::UnknownFormat { looks_like } => {
            assert!(looks_like.starts_with(expected), "{}: {looks_like}", bytes.escape_ascii());
        }
        other => panic!("{}: {other:?}", bytes.escape_ascii()),
    }
}

#[test]
fn by_their_first_bytes() {
    for (bytes, expected) in [
        (&b""[..], "the file is empty"),
        // Web pages, whatever stands before them.
        (b"<!DOCTYPE html><html>", WEB_PAGE),
        (b"\n\n  <html lang=en>", WEB_PAGE),
        (b"\xef\xbb\xbf<!DOCTYPE html>", WEB_PAGE),
        (b"\xef\xbb\xbf\r\n\t<html>", WEB_PAGE),
        (b"<head><title>Quota exceeded</title></head>", WEB_PAGE),
        (b"<html>", WEB_PAGE),
        (b"\xff\xfe<\0h\0t\0m\0l\0>\0", WEB_PAGE),
        (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", WEB_PAGE),
        (b"HTTP/1.1 404 Not Found\r\n", "it looks like the answer of a web server"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", LFS),
        (b"\nversion https://git-lfs.github.com/spec/v1\r\n", LFS),
        (b"version http://git-media.io/v/2\n", LFS),
        // Texts.
        (b"Entry not found", TEXT),
        (b"Unauthorized\n", TEXT),
        ("Acc\u{e8}s refus\u{e9}".as_bytes(), TEXT),
        (b"{\"error\": \"Repository not found\"}", "it looks like JSON"),
        (b"[{\"a\":1}]", "it looks like JSON"),
        (b"{\n  \"metadata\": {\"total_size\": 12},\n  \"weight_map\": {\"a\": \"b\"}\n}\n", INDEX),
        (b"{\"weight_map\":{\"a\":\"model-00001-of-00002.safetensors\"}}", INDEX),
        // A brace where that of a header of safetensors is.
        (b"{\"meta\":{\"total_size\":12},\"weight_map\":{\"a\":\"b\"}}", INDEX),
        (b"\x08\x07\x12\x07pytorch\x1a\x051.9.0:\x80\x01", ONNX),
        (b"\x08\x03:\x80\x01\n\x10", ONNX),
        (b"\x08\x0a\x3a\x7bxyz{", ONNX),
        (b"\x08\x01\x12\x80\x01\n\x10\0\0", "it looks like a SavedModel of TensorFlow"),
        (b"\x1c\0\0\0TFL3\x14\0", "it looks like a model of TensorFlow Lite"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\0\0", "it looks like gzip, unpack it first"),
        (b"BZh91AY&SY", "it looks like bzip2"),
        (b"\xfd7zXZ\0\0\x04\xe6", "it looks like xz"),
        (b"\x28\xb5\x2f\xfd\0\0\0\0\0", "it looks like Zstandard"),
        (b"\x89HDF\r\n\x1a\n\0", "it looks like HDF5"),
        (b"\x93NUMPY\x01\0v\0{", "it looks like an array of NumPy"),
        (b"GGUF\x03\0\0\0\0", "it looks like GGUF"),
        (b"\x89PNG\r\n\x1a\n\0", "it looks like an image"),
        // A pickle of protocol 0, and bytes.
        (b"cos\nsystem\n(S'id'\ntR.", NONE),
        (b"\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a", NONE),
    ] {
        looks_like(bytes, expected);
    }
    let short = WeightsError::Truncated { what: "the shortest file", needed: 9, present: 3 };
    assert_eq!(refused(b"abc"), short);
}

#[test]
fn headers_that_are_larger_than_the_file() {
    for length in [1u64 << 60, u64::MAX, 1 << 40, (8 << 20) + 1] {
        let bytes = [&length.to_le_bytes()[..], b"{\"a\":1}"].concat();
        looks_like(&bytes, NO_SAFETENSORS);
    }
    assert!(
        !refused(&[&(1u64 << 60).to_le_bytes()[..], b"{}"].concat()).to_string().contains("Limits")
    );
}

#[test]
fn archives_by_their_entries() {
    let with = |names: &[&str], method| {
        let entries = names.iter().map(|name| Entry { method, ..Entry::new(name, sound()) });
        zip(&entries.collect::<Vec<_>>())
    };
    for method in [0, 8] {
        for (names, expected) in [
            (&["x.npy", "y/z.npy"][..], "it looks like arrays of NumPy (npz)"),
            (&["metadata.json", "model.weights.h5"], "it looks like a model of Keras"),
            (&["[Content_Types].xml", "word/document.xml"], "it looks like a document"),
            (&["META-INF/MANIFEST.MF", "a.class"], "it looks like a program"),
            (&["MAR-INF/MANIFEST.json", "model.pth"], "it looks like an archive of TorchServe"),
            (&["model/archive_format", "model/version"], "it looks like a program of torch.export"),
            (&["model/", "model/a.safetensors"], "it looks like a zip archive with weights in it"),
            (&["a.txt", "x.npy"], "it looks like a zip archive that torch.save did not write"),
        ] {
            looks_like(&with(names, method), expected);
        }
    }
    // One of torch.save that somebody packed again is called what is wrong with it.
    let packed = refused(&with(&["top/data.pkl", "top/data/0"], 8));
    assert!(matches!(packed, WeightsError::Compressed { method: 8, .. }), "{packed:?}");
    let empty = refused(&zip(&[]));
    assert!(matches!(empty, WeightsError::Archive { .. }), "{empty:?}");
    assert!(measured(&archive(sound())).is_ok());
}

#[test]
fn tar_archives() {
    let tar = |name: &[u8]| {
        let mut bytes = vec![0; 1024];
        bytes[..name.len()].copy_from_slice(name);
        bytes[257..262].copy_from_slice(b"ustar");
        bytes
    };
    looks_like(&tar(b"model/weights.pth"), "it looks like a tar archive");
    for name in [&b"sys_info"[..], b"storages", b"tensors", b"pickle"] {
        let error = refused(&tar(name));
        let what = "the tar format of PyTorch before 0.1.10";
        assert!(
            matches!(error, WeightsError::Unsupported { what: it, .. } if it == what),
            "{error:?}"
        );
    }
}

/// A folder is named as one, with the weights in it and what it looks like.
#[test]
fn folders() {
    let folder = std::env::temp_dir().join(format!("involution-kinds-{}", std::process::id()));
    let expect = |names: &[&str], files: &[&str], hint: &str| {
        std::fs::create_dir(&folder).unwrap();
        names.iter().for_each(|name| std::fs::write(folder.join(name), b"").unwrap());
        let error = load(&folder).unwrap_err();
        std::fs::remove_dir_all(&folder).unwrap();
        let message = error.to_string();
        let WeightsError::Folder { path, files: found, hint: said } = error else {
            panic!("{error:?}")
        };
        assert_eq!(path, folder.display().to_string());
        assert_eq!(found, files);
        assert!(said.starts_with(hint) && said.is_empty() == hint.is_empty(), "{said}");
        assert!(message.contains("is a folder") && message.contains(said), "{message}");
        files.iter().for_each(|file| assert!(message.contains(file), "{message}"));
    };
    expect(&[], &[], "");
    expect(&["b.pth", "a.safetensors", "config.json"], &["a.safetensors", "b.pth"], "");
    let shards = ["m-1-of-2.safetensors", "m-2-of-2.safetensors", "m.safetensors.index.json"];
    expect(&shards, &shards[..2], "its weights are in several files");
    expect(&["__0_0.distcp", ".metadata"], &[], "it looks like a checkpoint of torch.distributed");
    expect(&["data.pkl", "version"], &["data.pkl"], "it looks like an archive of torch.save");
    expect(&["saved_model.pb"], &[], "it looks like a SavedModel");
}

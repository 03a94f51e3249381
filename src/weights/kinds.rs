//! What files are that are no weights, so that an error can call them what they are.

use std::path::Path;

use crate::error::WeightsError;

/// First bytes, and whose they are.
const MAGIC: [(&[u8], &str); 24] = [
    (b"\x89HDF", "it looks like HDF5"),
    (b"\x1f\x8b", "it looks like gzip, unpack it first"),
    (b"BZh", "it looks like bzip2, unpack it first"),
    (b"\xfd7zXZ\0", "it looks like xz, unpack it first"),
    (b"\x28\xb5\x2f\xfd", "it looks like Zstandard, unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "it looks like 7-Zip, unpack it first"),
    (b"Rar!\x1a\x07", "it looks like RAR, unpack it first"),
    (b"\x93NUMPY", "it looks like an array of NumPy (npy), which has no name"),
    (b"GGUF", "it looks like GGUF"),
    (b"ggml", "it looks like GGML"),
    (b"\x89PNG", "it looks like an image (PNG)"),
    (b"\xff\xd8\xff", "it looks like an image (JPEG)"),
    (b"GIF8", "it looks like an image (GIF)"),
    (b"RIFF", "it looks like an image or sound (RIFF)"),
    (b"%PDF", "it looks like PDF"),
    (b"\x7fELF", "it looks like a program (ELF)"),
    (b"MZ", "it looks like a program (Windows)"),
    (b"#!", "it looks like a script"),
    (b"PAR1", "it looks like Parquet"),
    (b"ARROW1", "it looks like Arrow"),
    (b"SQLite format 3", "it looks like a database (SQLite)"),
    (b"\x08\x01\x12", "it looks like a SavedModel of TensorFlow"),
    (b"\xff\xfe<\0", WEB_PAGE),
    (b"\xfe\xff\0<", WEB_PAGE),
];

/// First bytes of texts, behind a byte order mark and white space, and what the texts are.
const TEXTS: [(&[u8], &str); 4] = [
    (b"<", WEB_PAGE),
    (b"version https://", LFS),
    (b"version http://", LFS),
    (b"HTTP/", "it looks like the answer of a web server, without a file in it"),
];

const WEB_PAGE: &str = "it looks like a web page, perhaps of a download that failed";
const LFS: &str = "it looks like a pointer of Git LFS, fetch the file itself (git lfs pull)";
const INDEX: &str = "it looks like the index of weights in several files (shards), which lists them under weight_map: \
     read the shards themselves, or save them as one file";
const JSON: &str = "it looks like JSON, perhaps the configuration of a network, or the message of a \
                    download that failed";
const TEXT: &str = "it looks like text, perhaps the message of a download that failed";
const ONNX: &str = "it looks like an ONNX model: save model.state_dict() of the network in PyTorch";

/// Bytes of a text that are looked at for what it is.
const TEXT_BYTES: usize = 1 << 16;

/// What a file is, where that can be told from its first bytes.
pub(super) fn of_bytes(bytes: &[u8]) -> Option<&'static str> {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(kind);
    }
    // The version of the format, and then its producer, graph or operators.
    if let [0x08, 2..=31, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..] = bytes {
        return Some(ONNX);
    }
    if bytes.get(4..8) == Some(b"TFL3") {
        return Some("it looks like a model of TensorFlow Lite");
    }
    let start = bytes.get(..TEXT_BYTES).unwrap_or(bytes);
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if let Some((_, kind)) = TEXTS.iter().find(|(begins, _)| text.starts_with(begins)) {
        return Some(kind);
    }
    let printable = |&byte: &u8| byte >= 0x20 || byte.is_ascii_whitespace();
    if !text.iter().all(printable) {
        return None;
    }
    match text.trim_ascii_end() {
        [b'{' | b'[', rest @ ..] if rest.contains(&b'"') => {
            let index = text.windows(10).any(|part| part == b"weight_map");
            Some(if index { INDEX } else { JSON })
        }
        // A word or more; pickles may be printable, too.
        words if words.contains(&b' ') || words.iter().all(u8::is_ascii_alphabetic) => {
            (words.len() >= 9 && std::str::from_utf8(words).is_ok()).then_some(TEXT)
        }
        _ => None,
    }
}

/// What a zip archive is, by the names of its entries, where it is none of `torch.save`.
pub(super) fn of_archive(names: &[&str]) -> Option<&'static str> {
    let any = |test: &dyn Fn(&str) -> bool| names.iter().any(|name| test(name));
    let ends = |end: &str| any(&|name| name.ends_with(end));
    let begins = |begin: &str| any(&|name| name.starts_with(begin));
    if names.is_empty() || ends("data.pkl") {
        return None;
    }
    Some(if names.iter().all(|name| name.ends_with(".npy")) {
        "it looks like arrays of NumPy (npz): save them as safetensors, or with torch.save as a \
         dictionary of tensors"
    } else if ends(".weights.h5") {
        "it looks like a model of Keras"
    } else if begins("word/") || begins("xl/") || begins("ppt/") {
        "it looks like a document of an office program"
    } else if begins("META-INF/") || begins("AndroidManifest.xml") {
        "it looks like a program (JAR or APK)"
    } else if begins("MAR-INF/") || begins("code/MAR-INF/") {
        "it looks like an archive of TorchServe, unpack it first"
    } else if ends("serialized_exported_program.json") || ends("/archive_format") || ends(".pt2") {
        "it looks like a program of torch.export: save model.state_dict() with torch.save"
    } else if WEIGHTS.iter().any(|end| ends(end)) {
        "it looks like a zip archive with weights in it, unpack it first"
    } else {
        "it looks like a zip archive that torch.save did not write"
    })
}

/// How names of files of weights end.
const WEIGHTS: [&str; 7] = [".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".pth.tar", ".pkl"];

/// The error for a folder, which names the files of weights in it.
pub(super) fn folder(path: &Path) -> WeightsError {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten().take(1 << 12);
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let has = |end: &str| names.iter().any(|name| name.ends_with(end));
    let hint = if has(".distcp") {
        "it looks like a checkpoint of torch.distributed: python -m \
         torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE makes a file of it"
    } else if has("saved_model.pb") {
        "it looks like a SavedModel of TensorFlow"
    } else if has("data.pkl") {
        "it looks like an archive of torch.save that was unpacked: zip it again without compression"
    } else if has(".index.json") {
        "its weights are in several files (shards): save them as one"
    } else {
        ""
    };
    names.retain(|name| WEIGHTS.iter().any(|end| name.ends_with(end)));
    WeightsError::Folder { path: path.display().to_string(), files: names, hint }
}

//! A file of weights, by its first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::limits::{Limits, Result, check};
use super::loaded::{Format, Loaded};
use super::{kinds, pth, safetensors};
use crate::error::{WeightsError, WeightsLimit};

/// Reads the weights in a file, within the default [`Limits`].
pub fn load(path: &Path) -> Result<Loaded> {
    let limits = Limits::default();
    let failed = |error: std::io::Error| WeightsError::Io {
        path: path.display().to_string(),
        kind: error.kind(),
        message: error.to_string(),
    };
    if path.is_dir() {
        return Err(kinds::folder(path));
    }
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    check("the file", WeightsLimit::FileBytes, size, limits.file_bytes)?;
    // The size that was just checked counts even where the file grows, or is a pipe without one.
    let mut bytes = Vec::new();
    file.take(limits.file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    read(&bytes, &limits)
}

/// Reads the weights in the bytes of a file.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    check("the file", WeightsLimit::FileBytes, bytes.len() as u64, limits.file_bytes)?;
    match format_of(bytes)? {
        Format::Safetensors => safetensors::read(bytes, limits),
        Format::PthArchive => pth::read_archive(bytes, limits),
        Format::PthStream => pth::read_stream(bytes, limits),
    }
}

/// The format that the first bytes stand for.
fn format_of(bytes: &[u8]) -> Result<Format> {
    let unknown = |looks_like| Err(WeightsError::UnknownFormat { looks_like });
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return Ok(Format::PthArchive);
    }
    if let [0x80, 1..=5, rest @ ..] = bytes
        && !rest.starts_with(&[0; 6])
    {
        return Ok(Format::PthStream);
    }
    // The header of safetensors follows its length in 64 bits; a text may have a brace there, too.
    let kind = kinds::of_bytes(bytes);
    if bytes.get(8) == Some(&b'{') && !(bytes.starts_with(b"{") && kind.is_some()) {
        return Ok(Format::Safetensors);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        let torch = [&b"sys_info"[..], b"storages", b"tensors", b"pickle"];
        if !torch.iter().any(|name| bytes.starts_with(name)) {
            return unknown("it looks like a tar archive, unpack it first");
        }
        return Err(WeightsError::Unsupported {
            what: "the tar format of PyTorch before 0.1.10",
            cure: "load it in PyTorch and save it again with torch.save",
        });
    }
    match (kind, bytes.len()) {
        (_, 0) => unknown("the file is empty"),
        (Some(kind), _) => unknown(kind),
        (None, 9..) => unknown("its first bytes are those of no format"),
        (None, present) => Err(WeightsError::Truncated {
            what: "the shortest file",
            needed: 9,
            present: present as u64,
        }),
    }
}

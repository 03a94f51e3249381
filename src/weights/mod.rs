//! Files of weights: safetensors, and what `torch.save` writes.
//!
//! Which of the formats it is follows from the content, never from the name of the file:
//!
//! * **safetensors**, through the official reader.
//! * **PyTorch archives** (since 1.6): a zip archive of stored entries with a pickle and one entry for
//!   each storage.
//! * **PyTorch streams** (before 1.6): pickles, then the storages.
//!
//! A pickle is a program, so one from a stranger runs the stranger's code where Python reads it. Here it
//! does not: a small machine of this crate's own knows the few names that tensors are rebuilt from, keeps
//! some plain values beside them as values it does not look into, and refuses everything else by its full
//! name. Every number in a file is checked against the bytes that are there, and against [`Limits`],
//! before anything is allocated for it.
//!
//! Tensors come out in single precision: half, bfloat16 and double precision are converted, doubles to
//! the nearest single (infinity where they are larger than any). Integers and truth values, such as
//! `num_batches_tracked`, and tensors that are not dense are left out and listed in [`Loaded::skipped`].

mod collect;
mod element;
mod kinds;
mod limits;
mod names;
mod pth;
mod safetensors;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{WeightsError, WeightsLimit};
use crate::tensor::StateDict;

pub use limits::Limits;
pub use names::strip_wrappers;
pub use safetensors::to_safetensors;

type Result<T> = std::result::Result<T, WeightsError>;

/// How a file of weights is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// safetensors.
    Safetensors,
    /// The zip archive that `torch.save` writes since PyTorch 1.6.
    PthArchive,
    /// The stream of pickles and storages that `torch.save` wrote before.
    PthStream,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Safetensors => "safetensors",
            Format::PthArchive => "PyTorch archive",
            Format::PthStream => "PyTorch stream",
        })
    }
}

/// A named value of a file that is not among the tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name.
    pub name: String,
    /// Why it was left out.
    pub reason: &'static str,
}

/// What a file of weights holds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Loaded {
    /// The tensors under the names that the file has for them; see [`strip_wrappers`].
    pub tensors: StateDict,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
    /// How the file is written.
    pub format: Format,
    /// The keys that led to the tensors, such as `state_dict`; empty where they were at the top.
    pub wrapper: Vec<String>,
    /// The short texts and numbers beside the tensors: the metadata of safetensors, `epoch` and the like
    /// of a checkpoint, and those in its `meta` as `meta.<key>`.
    pub metadata: BTreeMap<String, String>,
}

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
    limits::check("the file", WeightsLimit::FileBytes, size, limits.file_bytes)?;
    // The size that was just checked counts even where the file grows, or is a pipe without one.
    let mut bytes = Vec::new();
    file.take(limits.file_bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    read(&bytes, &limits)
}

/// Reads the weights in the bytes of a file.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<Loaded> {
    limits::check("the file", WeightsLimit::FileBytes, bytes.len() as u64, limits.file_bytes)?;
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

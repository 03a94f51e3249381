//! What can be wrong with a file of weights, or with weights that do not belong to a network.

use std::fmt;

use crate::shape::{Shape, ShapeError};

/// A limit on what a file of weights may ask of the reader; `weights::Limits` holds the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightsLimit {
    /// Bytes of the file.
    FileBytes,
    /// Bytes of a header: that of safetensors, or the directory of an archive.
    HeaderBytes,
    /// Values in the header of safetensors.
    HeaderValues,
    /// Tensors and other named values.
    Tensors,
    /// Bytes of all tensors together, as they are in memory.
    TensorBytes,
    /// Bytes of all tensors for each byte of the file: tensors may share values, but not without end.
    Growth,
    /// Dimensions of one tensor.
    Dimensions,
    /// Bytes of one name.
    NameBytes,
    /// Bytes of one string or number in a pickle.
    StringBytes,
    /// Entries of an archive.
    Entries,
    /// Opcodes of a pickle.
    Opcodes,
    /// Tuples, lists, dictionaries and other objects that a pickle makes.
    Objects,
    /// Remembered values of a pickle.
    MemoEntries,
    /// Values that wait on the stack of a pickle.
    StackDepth,
}

impl fmt::Display for WeightsLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WeightsLimit::FileBytes => "bytes of file",
            WeightsLimit::HeaderBytes => "bytes of header",
            WeightsLimit::HeaderValues => "values in the header",
            WeightsLimit::Tensors => "tensors",
            WeightsLimit::TensorBytes => "bytes of tensors",
            WeightsLimit::Growth => "bytes of tensors (counted against the size of the file)",
            WeightsLimit::Dimensions => "dimensions",
            WeightsLimit::NameBytes => "bytes of name",
            WeightsLimit::StringBytes => "bytes of string",
            WeightsLimit::Entries => "entries in the archive",
            WeightsLimit::Opcodes => "pickle opcodes",
            WeightsLimit::Objects => "pickle objects",
            WeightsLimit::MemoEntries => "pickle memo entries",
            WeightsLimit::StackDepth => "values on the pickle stack",
        })
    }
}

/// What is wrong with the way a tensor looks at its storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadView {
    /// A size, stride or offset is below zero.
    Negative,
    /// There are not as many strides as sizes.
    Rank,
    /// The sizes or strides multiply past what can be counted.
    Overflow,
    /// It reaches past the end of its storage.
    OutOfRange,
    /// Two of its elements are the same value of the storage.
    Overlapping,
    /// The storage holds another number of values than is said of it.
    StorageSize,
    /// The storage is not in the file.
    MissingStorage,
}

impl fmt::Display for BadView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadView::Negative => "it has a negative size, stride or offset",
            BadView::Rank => "it has not as many strides as sizes",
            BadView::Overflow => "its sizes and strides are too large to be counted",
            BadView::OutOfRange => "it reaches past the end of its storage",
            BadView::Overlapping => "its elements overlap, as those of an expanded tensor do",
            BadView::StorageSize => "its storage is not as large as the file says",
            BadView::MissingStorage => "its storage is not in the file",
        })
    }
}

/// Why weights cannot be read or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The tensors are not those that the network takes; everything that differs is listed.
    #[error("{}", mismatch(network, missing, unexpected, misshaped, prefix.as_deref()))]
    Mismatch {
        /// The network or layer.
        network: String,
        /// Names that it takes and the weights lack.
        missing: Vec<String>,
        /// Names that it does not take.
        unexpected: Vec<String>,
        /// Names with the shape that it takes and the shape found.
        misshaped: Vec<(String, Shape, Shape)>,
        /// What all names of the weights begin with, where none is that of the network.
        prefix: Option<Box<str>>,
    },
    /// A tensor's shape and values do not belong together.
    #[error("tensor '{name}': {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: ShapeError,
    },
    /// The file cannot be opened or read.
    #[error("{path} cannot be read: {message}")]
    Io {
        /// The file.
        path: String,
        /// The kind of failure.
        kind: std::io::ErrorKind,
        /// What the operating system says.
        message: String,
    },
    /// The file is none of those that are read.
    #[error(
        "these are not weights in a known format: {looks_like}; known are safetensors and what \
         torch.save writes"
    )]
    UnknownFormat {
        /// What it looks like instead.
        looks_like: &'static str,
    },
    /// The file has a format or a feature that is known but not read.
    #[error("{what} is not read; {cure}")]
    Unsupported {
        /// The format or feature.
        what: &'static str,
        /// What to do about it.
        cure: &'static str,
    },
    /// The file ends too early.
    #[error(
        "the file is cut short: {what} needs {needed} bytes, {present} are left; copy or download \
         it again"
    )]
    Truncated {
        /// What was being read.
        what: &'static str,
        /// How many bytes it takes.
        needed: u64,
        /// How many there are.
        present: u64,
    },
    /// The file asks for more than [`weights::Limits`](crate::weights::Limits) allow; nothing was allocated for it.
    #[error(
        "{what} needs {needed} {limit}, {allowed} are allowed; where the file can be trusted, read \
         it with larger limits"
    )]
    Limit {
        /// What asks for it.
        what: String,
        /// Which limit.
        limit: WeightsLimit,
        /// How much is asked for; where counting stopped, the first number too many.
        needed: u64,
        /// How much is allowed.
        allowed: u64,
    },
    /// A safetensors file is damaged or made up: its header does not describe its bytes.
    #[error("not a sound safetensors file: {message}; write or download it again")]
    Safetensors {
        /// What the safetensors library says.
        message: String,
    },
    /// An archive is damaged or made up.
    #[error("not a sound archive: {entry}: {reason}; write it again with torch.save")]
    Archive {
        /// The entry, or the part of the archive.
        entry: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// An entry of an archive is compressed; torch.save stores its entries as they are.
    #[error(
        "{entry} is compressed (method {method}), which torch.save never does; write the file \
         again with torch.save"
    )]
    Compressed {
        /// The entry.
        entry: String,
        /// The number that the archive gives for the method.
        method: u16,
    },
    /// A pickle is damaged or made up.
    #[error("not a sound pickle: at byte {at}: {reason}; write the file again with torch.save")]
    Pickle {
        /// Where in the pickle.
        at: u64,
        /// What is wrong.
        reason: &'static str,
    },
    /// A pickle names something that is not needed for weights; nothing of it was run.
    #[error(
        "the file refers to {name}, which weights have no need of, and was not read further: \
         where you trust it, load it in PyTorch and save model.float().state_dict() alone"
    )]
    RefusedGlobal {
        /// The full name.
        name: String,
    },
    /// A pickle has an instruction that torch.save does not write.
    #[error(
        "the pickle has the instruction {opcode} at byte {at}, which torch.save does not write; \
         save model.state_dict() with torch.save and its default protocol"
    )]
    RefusedOpcode {
        /// Its name, or its number where it has none.
        opcode: String,
        /// Where in the pickle.
        at: u64,
    },
    /// A tensor does not lie within its storage as it should.
    #[error("tensor '{name}': {problem}; save tensor.contiguous(), or write the file again")]
    View {
        /// The tensor.
        name: String,
        /// What is wrong.
        problem: BadView,
    },
    /// The file was written in an order of bytes that is not read.
    #[error("the byte order is {found}; write the file on a little-endian machine")]
    ByteOrder {
        /// What the file says.
        found: String,
    },
    /// There are no named tensors in the file.
    #[error(
        "the file holds {found} and no state_dict; save model.state_dict(), alone or under the \
         key 'state_dict'"
    )]
    NoStateDict {
        /// What is there instead.
        found: String,
    },
    /// There are several state dicts in the file, under keys that do not say which is meant.
    #[error(
        "the file holds {count} state dicts, under {}{}; save one of them alone: \
         torch.save(torch.load(FILE){}, NEW_FILE)",
        keys.join(", "),
        if keys.len() < *count { " and more" } else { "" },
        keys.first().map_or("", String::as_str)
    )]
    SeveralStateDicts {
        /// The first of the keys that lead to them, as Python writes them, such as `['generator']`.
        keys: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// The path is that of a folder.
    #[error("{path} is a folder, not a file of weights{}", inside(files, hint))]
    Folder {
        /// The folder.
        path: String,
        /// The files in it that may be weights.
        files: Vec<String>,
        /// What the folder looks like, and what to do about it; empty where that is not known.
        hint: &'static str,
    },
    /// Two tensors would have the same name once prefixes such as `module.` are taken away.
    #[error("'{first}' and '{second}' would both be called '{name}'; save only one of them")]
    NameCollision {
        /// The name.
        name: String,
        /// The tensor that has it.
        first: String,
        /// The tensor that would get it too.
        second: String,
    },
    /// Tensors cannot be written.
    #[error("the tensors cannot be written: {message}")]
    Write {
        /// What the safetensors library says.
        message: String,
    },
}

/// Names listed in full before the rest is only counted.
pub(crate) const LISTED: usize = 12;

/// What is in a folder.
fn inside(files: &[String], hint: &str) -> String {
    let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
    let listed = files.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match files.len() {
        0 => hint,
        more if more > LISTED => format!("{hint}; in it are {listed} and {} more", more - LISTED),
        _ => format!("{hint}; in it: {listed}"),
    }
}

fn mismatch(
    network: &str,
    missing: &[String],
    unexpected: &[String],
    misshaped: &[(String, Shape, Shape)],
    prefix: Option<&str>,
) -> String {
    let list = |what: &str, names: Vec<String>| match names.len() {
        0 => String::new(),
        count => {
            let more = count.saturating_sub(LISTED);
            let names = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("; {count} {what}: {names}{rest}")
        }
    };
    let shapes = misshaped
        .iter()
        .map(|(name, expected, found)| format!("{name} {found} where {expected} is taken"));
    format!(
        "the weights are not those of {network}{}{}{}{}",
        list("missing", missing.to_vec()),
        list("unexpected", unexpected.to_vec()),
        list("mis-shaped", shapes.collect()),
        prefix.map_or_else(String::new, |prefix| format!(
            "; all names in the file begin with '{prefix}', which may be one too many"
        ))
    )
}

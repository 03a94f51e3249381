//! What a file may ask of the reader.

use crate::error::{WeightsError, WeightsLimit};

pub(super) type Result<T, E = WeightsError> = std::result::Result<T, E>;

/// What a file may ask of the reader. Each is refused before anything is allocated for it.
///
/// The defaults let any checkpoint of an image network through, and keep what a hostile file can occupy
/// besides its tensors to some tens of megabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the file.
    pub file_bytes: u64,
    /// Bytes of the header of safetensors, or of the directory of an archive.
    pub header_bytes: u64,
    /// Tensors and other named values.
    pub tensors: u64,
    /// Bytes of all tensors together, as they are in memory.
    pub tensor_bytes: u64,
    /// Bytes of tensors for each byte of the file. Half precision grows to twice its size, and tensors
    /// that share their values are each given their own; the first mebibyte is free.
    pub growth: u64,
    /// Dimensions of one tensor.
    pub dimensions: u64,
    /// Bytes of one name.
    pub name_bytes: u64,
    /// Bytes of one string or number in a pickle.
    pub string_bytes: u64,
    /// Entries of an archive.
    pub entries: u64,
    /// Opcodes of a pickle.
    pub opcodes: u64,
    /// Tuples, lists, dictionaries and other objects that a pickle makes.
    pub objects: u64,
    /// Remembered values of a pickle.
    pub memo_entries: u64,
    /// Values that wait on the stack of a pickle.
    pub stack_depth: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_bytes: 4 << 30,
            header_bytes: 8 << 20,
            tensors: 1 << 16,
            tensor_bytes: 4 << 30,
            growth: 8,
            dimensions: 16,
            name_bytes: 512,
            string_bytes: 16 << 20,
            entries: 1 << 16,
            opcodes: 2_000_000,
            objects: 1 << 18,
            memo_entries: 1 << 19,
            stack_depth: 1 << 16,
        }
    }
}

/// Free before [`Limits::growth`] counts: small files are mostly header.
const FREE_GROWTH: u64 = 1 << 20;

impl Limits {
    /// Bytes of tensors that a file of this size may grow to.
    pub(super) fn grown(&self, file_bytes: u64) -> u64 {
        file_bytes.saturating_mul(self.growth).saturating_add(FREE_GROWTH)
    }
}

/// An error that names the limit where `needed` is more than `allowed`.
pub(super) fn check(what: &str, limit: WeightsLimit, needed: u64, allowed: u64) -> Result<()> {
    if needed <= allowed {
        return Ok(());
    }
    Err(WeightsError::Limit { what: clip(what), limit, needed, allowed })
}

/// Characters of a text from a file that go into an error.
const CLIPPED: usize = 200;

/// A text from a file, short enough for a message and without control characters.
pub(super) fn clip(text: &str) -> String {
    let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let more = text.chars().nth(CLIPPED).map(|_| '…');
    text.chars().take(CLIPPED).map(visible).chain(more).collect()
}

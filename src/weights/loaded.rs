//! What reading a file of weights gives.

use std::collections::BTreeMap;
use std::fmt;

use crate::tensor::StateDict;

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
    /// The tensors under the names that the file has for them; see [`strip_wrappers`](super::strip_wrappers).
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

//! Files of tensors: what commands take in and give out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use involution::weights::{self, Limits, Loaded, Skipped};
use involution::{StateDict, Tensor, WeightsError};

use crate::{bad_use, files, output};

/// Tensors that an error lists.
const LISTED: usize = 12;

/// The tensors of a file, in any format that weights come in.
pub fn load(path: &Path) -> Result<Loaded> {
    let loaded = match files::is_stdin(path) {
        true => {
            let limits = Limits::default();
            let bytes = files::read(path, limits.file_bytes);
            weights::read(&bytes.map_err(|error| files::unread(path, &error))?, &limits)
        }
        false => weights::load(path),
    };
    loaded.map_err(|error| match error {
        // Names the file by itself.
        WeightsError::Io { .. } | WeightsError::Folder { .. } => bad_use(error.to_string()),
        _ => bad_use(format!("cannot read {}: {error}", path.display())),
    })
}

/// The tensors of a file by name; one that cannot be used is an error.
pub fn read(path: &Path) -> Result<StateDict> {
    let loaded = load(path)?;
    match loaded.skipped.first() {
        None => Ok(loaded.tensors),
        Some(skipped) => Err(bad_use(format!(
            "cannot read {}: tensor '{}': {}",
            path.display(),
            skipped.name,
            skipped.reason
        ))),
    }
}

/// The error for a tensor that a file lacks, which names those that it has.
pub fn missing(place: &str, name: &str, tensors: &StateDict) -> anyhow::Error {
    let mut names: Vec<String> = tensors.names().take(LISTED).map(|it| format!("'{it}'")).collect();
    if tensors.len() > LISTED {
        names.push(format!("and {} more", tensors.len() - LISTED));
    }
    let names = if names.is_empty() { "no tensors".to_owned() } else { names.join(", ") };
    bad_use(format!("{place}: the tensor '{name}' is missing; the file has {names}"))
}

/// What was left out of a file, in words; empty where it was nothing.
pub fn left_out(skipped: &[Skipped]) -> String {
    let Some(first) = skipped.iter().find(|it| it.reason != "holds integers").or(skipped.first())
    else {
        return String::new();
    };
    let more = skipped.len() - 1;
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("left out: {} ({}){rest}", first.name, first.reason)
}

/// Writes tensors as safetensors.
pub fn write<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
) -> Result<()> {
    let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor.clone()));
    let bytes = weights::to_safetensors(&tensors.collect(), &BTreeMap::new())?;
    output::write(path, &bytes)
}

//! Files of tensors: what commands take in and give out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use involution::weights::{self, Limits, Loaded, Skipped};
use involution::{StateDict, Tensor, WeightsError};

use crate::outcome::bad_use;
use crate::{files, output};

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

/// The weights of a file under the names of a bare network or layer, and what was left out of it.
pub fn load_weights(path: &Path) -> Result<(StateDict, Vec<Skipped>)> {
    let Loaded { tensors, skipped, .. } = load(path)?;
    let weights = weights::strip_wrappers(tensors).with_context(|| path.display().to_string())?;
    Ok((weights, skipped))
}

/// The tensors of a file by name; one that cannot be used is an error.
pub fn read(path: &Path) -> Result<StateDict> {
    let Loaded { tensors, skipped, .. } = load(path)?;
    match skipped.first() {
        None => Ok(tensors),
        Some(Skipped { name, reason }) => {
            Err(bad_use(format!("cannot read {}: tensor '{name}': {reason}", path.display())))
        }
    }
}

/// The tensor `x` of a file.
pub fn read_x(path: &Path) -> Result<Tensor> {
    let tensors = read(path)?;
    let x = tensors.get("x").cloned();
    x.ok_or_else(|| missing(&path.display().to_string(), "x", &tensors))
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

/// What was left out of a file, in words; nothing where all was read.
pub fn left_out(skipped: &[Skipped]) -> Option<String> {
    let other = skipped.iter().find(|it| it.reason != "holds integers");
    let first = other.or(skipped.first())?;
    let rest = match skipped.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!("left out: {} ({}){rest}", first.name, first.reason))
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

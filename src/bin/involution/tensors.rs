//! Files of tensors: what commands take in and give out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use involution::weights::{self, Limits, Loaded};
use involution::{StateDict, Tensor, WeightsError};

use crate::{bad_use, files, output};

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
        WeightsError::Io { .. } => bad_use(error.to_string()),
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

/// Writes tensors as safetensors.
pub fn write<'a>(
    path: &Path,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
) -> Result<()> {
    let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor.clone()));
    let bytes = weights::to_safetensors(&tensors.collect(), &BTreeMap::new())?;
    output::write(path, &bytes)
}

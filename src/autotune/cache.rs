//! The file of measured choices: readable JSON, and nothing that it may contain is an error.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::choices::Choices;
use super::identity::Identity;
use super::key::Key;
use crate::store::{self, Ignored};

/// The layout of the file; one of another number is ignored.
const FORMAT: u32 = 1;

/// Bytes of the largest file that is read. An entry has some 300.
pub const MAX_BYTES: u64 = 8 << 20;

/// What was measured for one call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The call.
    #[serde(flatten)]
    pub key: Key,
    /// The kernel to run, by its name as a candidate.
    pub kernel: String,
    /// The fixed choice. Where it is the same kernel, nothing was found to be better.
    pub fixed: String,
    /// The median time of the kernel, in milliseconds.
    pub ms: f64,
    /// The median time of the fixed choice; nothing where it was not eligible.
    pub fixed_ms: Option<f64>,
}

/// What was measured on one adapter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Cache {
    /// What it holds for.
    pub identity: Identity,
    entries: BTreeMap<Key, Entry>,
}

/// The beginning of a file.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    #[serde(flatten)]
    identity: Identity,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    header: Header,
    entries: Vec<&'a Entry>,
}

#[derive(Deserialize)]
struct Body {
    entries: Vec<Entry>,
}

impl Cache {
    /// Nothing measured yet.
    pub fn new(identity: Identity) -> Self {
        Cache { identity, entries: BTreeMap::new() }
    }

    /// Reads a file that was written for this identity.
    pub fn load(path: &Path, identity: &Identity) -> Result<Self, Ignored> {
        let cache = Cache::parse(&store::read(path, MAX_BYTES)?)?;
        let (found, wanted) = (&cache.identity, identity);
        for (what, found, wanted) in [
            ("version", &found.involution, &wanted.involution),
            ("adapter", &found.adapter, &wanted.adapter),
            ("interface", &found.backend, &wanted.backend),
            ("driver", &found.driver, &wanted.driver),
            ("driver", &found.driver_info, &wanted.driver_info),
        ] {
            if found != wanted {
                let (found, wanted) = (found.clone(), wanted.clone());
                return Err(Ignored::Other { what, found, wanted });
            }
        }
        Ok(cache)
    }

    /// Reads the text of a file. Its depth is bounded by the JSON reader, its size by [`MAX_BYTES`].
    pub fn parse(json: &[u8]) -> Result<Self, Ignored> {
        if json.len() as u64 > MAX_BYTES {
            return Err(Ignored::TooLarge);
        }
        let damaged = |error: serde_json::Error| Ignored::Damaged(error.to_string());
        let Header { format, identity } = serde_json::from_slice(json).map_err(damaged)?;
        if format != FORMAT {
            let (found, wanted) = (format.to_string(), FORMAT.to_string());
            return Err(Ignored::Other { what: "format", found, wanted });
        }
        let Body { entries } = serde_json::from_slice(json).map_err(damaged)?;
        let entries = entries.into_iter().map(|entry| (entry.key.clone(), entry)).collect();
        Ok(Cache { identity, entries })
    }

    /// The text of the file, in the order of the keys.
    pub fn to_json(&self) -> String {
        let header = Header { format: FORMAT, identity: self.identity.clone() };
        let written = Written { header, entries: self.entries.values().collect() };
        // Texts and numbers cannot fail to be written.
        serde_json::to_string_pretty(&written).unwrap_or_default() + "\n"
    }

    /// Adds the entries to a file, in place of its own for the same calls; what it holds of other calls for the same
    /// identity stays, even where other processes write at the same time. Whoever reads it meanwhile finds it whole.
    /// Makes its folder, and leaves a file beside it that serves as the lock.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        let _lock = store::lock(path)?;
        let mut merged = match Cache::load(path, &self.identity) {
            Ok(there) => there,
            // Nothing of what may lie there is worth keeping.
            Err(_) => Cache::new(self.identity.clone()),
        };
        merged.entries.extend(self.entries.clone());
        store::write(path, merged.to_json().as_bytes())
    }

    /// Adds an entry in place of an earlier one for the same call.
    pub fn insert(&mut self, entry: Entry) {
        self.entries.insert(entry.key.clone(), entry);
    }

    /// The entry of a call.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The entries in the order of their keys.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = &Entry> {
        self.entries.values()
    }

    /// The calls whose kernel is not the fixed choice.
    pub fn choices(&self) -> Choices {
        let chosen = self.entries.values().filter(|entry| entry.kernel != entry.fixed);
        chosen.map(|entry| (entry.key.clone(), entry.kernel.clone())).collect()
    }
}

/// The choices of a file, none where it is ignored.
pub(super) fn choices(path: &Path, identity: &Identity) -> Choices {
    let file = path.display();
    match Cache::load(path, identity) {
        Ok(cache) => {
            let choices = cache.choices();
            tracing::info!("{} measured choices from {file}", choices.len());
            choices
        }
        Err(Ignored::Missing) => Choices::default(),
        // What comes with a new driver or version is nothing to worry about.
        Err(why @ Ignored::Other { .. }) => {
            tracing::info!("{file} is ignored: {why}; `involution tune` renews it");
            Choices::default()
        }
        Err(why) => {
            tracing::warn!("{file} is ignored: {why}; `involution tune` renews it");
            Choices::default()
        }
    }
}

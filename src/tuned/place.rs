//! Where the file of measured choices lies, and the variable that does without it.

use std::path::PathBuf;

use super::Identity;

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether `INVOLUTION_TUNE` asks for the fixed choices. So does what it has no meaning for, with a warning:
/// whoever sets the variable most likely wants to be rid of something.
pub(super) fn switched_off() -> bool {
    match variable("INVOLUTION_TUNE").as_deref() {
        None | Some("on" | "1") => false,
        Some("off" | "0") => true,
        Some(other) => {
            tracing::warn!("INVOLUTION_TUNE must be on or off, it is {other:?}: taken as off");
            true
        }
    }
}

/// The folder for such files: `INVOLUTION_CACHE_DIR`, or `involution` in the system's folder for caches
/// (`XDG_CACHE_HOME`; else `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`). Nothing where
/// there is no home.
pub fn folder() -> Option<PathBuf> {
    if let Some(folder) = variable("INVOLUTION_CACHE_DIR") {
        return Some(folder.into());
    }
    // A relative path is invalid there, as the XDG specification has it.
    let given = variable("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = given.or_else(|| match () {
        () if cfg!(windows) => variable("LOCALAPPDATA").map(PathBuf::from),
        () if cfg!(target_os = "macos") => Some(std::env::home_dir()?.join("Library/Caches")),
        () => Some(std::env::home_dir()?.join(".cache")),
    })?;
    Some(caches.join("involution"))
}

/// The file of an adapter with its driver. A new version of the crate writes to the same.
pub fn file(identity: &Identity) -> Option<PathBuf> {
    Some(folder()?.join(file_name(identity)))
}

/// The adapter's name in letters that any file system takes, and a hash that tells drivers apart.
fn file_name(identity: &Identity) -> String {
    let Identity { adapter, backend, driver, driver_info, .. } = identity;
    let mut name = String::new();
    for c in adapter.chars().take(64) {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    // FNV-1a: the same on every machine and in every version of Rust.
    let texts = [adapter, backend, driver, driver_info].into_iter();
    let bytes = texts.flat_map(|text| text.bytes().chain([0]));
    let hash = bytes
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("tuned-{name}-{hash:08x}.json")
}

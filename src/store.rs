//! Files that can be made anew: the folder for them, and how they are read and written. Whatever may lie in their
//! place is no error.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Why a file is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ignored {
    /// There is none.
    #[error("there is no such file")]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It is larger than any such file can be.
    #[error("it is larger than any such file can be")]
    TooLarge,
    /// It is not what this crate writes.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It was written by another version, or for another adapter or driver.
    #[error("it was written by another version, or for another adapter or driver")]
    Foreign,
    /// It was written for something else, and says what.
    #[error("it is for {what} {found:?}, not {wanted:?}")]
    Other {
        /// What differs.
        what: &'static str,
        /// What it is in the file.
        found: String,
        /// What it has to be.
        wanted: String,
    },
}

/// An environment variable that is set to something.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
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

/// The file of one kind for an adapter and what else it depends on: the adapter's name in letters that any file
/// system takes, and a hash that tells the rest apart.
pub fn file(kind: &str, ending: &str, adapter: &str, rest: &[&str]) -> Option<PathBuf> {
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
    let texts = [&adapter].into_iter().chain(rest);
    let bytes = texts.flat_map(|text| text.bytes().chain([0]));
    let hash = bytes
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    Some(folder()?.join(format!("{kind}-{name}-{hash:08x}.{ending}")))
}

/// The bytes of a file that is a file, and not larger than this.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Ignored> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ignored::Missing,
        _ => Ignored::Unreadable(error.to_string()),
    };
    // To open a pipe would wait for whoever writes to it.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(Ignored::Unreadable("it is not a file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > most { Err(Ignored::TooLarge) } else { Ok(bytes) }
}

/// Writes a file beside its place and moves it there when it is complete; makes its folder.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".involution-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

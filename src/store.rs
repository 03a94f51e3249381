//! Files that can be made anew: the folder for them, and how they are read and written. Whatever may lie in their
//! place is no error.

use std::fs::{File, Metadata, Permissions};
use std::io::{Error, ErrorKind, Read, Write};
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
/// there is no home. A relative path counts for nothing in any of them but the first, as the XDG specification has it.
pub fn folder() -> Option<PathBuf> {
    let path = |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    if let Some(folder) = path("INVOLUTION_CACHE_DIR") {
        return Some(folder);
    }
    let absolute = |name: &str| path(name).filter(|path| path.is_absolute());
    let home = || std::env::home_dir().filter(|home| home.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| match () {
        () if cfg!(windows) => absolute("LOCALAPPDATA"),
        () if cfg!(target_os = "macos") => Some(home()?.join("Library/Caches")),
        () => Some(home()?.join(".cache")),
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
    let failed = |error: Error| match error.kind() {
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

/// Locks a file until it is dropped: waits for whoever holds the lock. The lock is on a file beside it, which stays
/// there, as the file itself is replaced. An error where the folder takes no files, or knows no locks.
pub fn lock(path: &Path) -> std::io::Result<File> {
    let target = target(path)?;
    std::fs::create_dir_all(folder_of(&target))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let beside = target.with_file_name(format!(".{name}.lock"));
    let file = File::options().write(true).create(true).truncate(false).open(beside)?;
    file.lock().map_err(|error| {
        let cure = "set INVOLUTION_CACHE_DIR to a folder on a drive that has locks";
        Error::new(error.kind(), format!("it cannot be locked: {error}; {cure}"))
    })?;
    Ok(file)
}

/// Writes a file beside its place and moves it there when it is complete; makes its folder. Otherwise it is as if it had
/// been opened and written: links are followed, what was there keeps its permissions, what is new has those that the
/// umask leaves, and what is a pipe or a device is written to. Where the folder takes no new file, the one that is there
/// is overwritten.
pub fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let target = target(path)?;
    let there = match target.metadata() {
        Ok(there) => Some(there),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if there.is_some() {
        // Whoever may not write to it may not replace it either.
        let mut file = File::options().write(true).open(&target)?;
        if !file.metadata()?.is_file() {
            return file.write_all(bytes);
        }
    }
    match replace(&target, bytes, there.as_ref().map(Metadata::permissions)) {
        Err(error) if there.is_some() && fixed(&error) => std::fs::write(&target, bytes),
        done => done,
    }
}

/// An error where a file can be neither made nor written to, found out before there is something to write. Leaves all as
/// it was.
pub fn writable(path: &Path) -> std::io::Result<()> {
    let target = target(path)?;
    match target.metadata() {
        Ok(there) if !there.is_file() => Ok(()),
        Ok(_) => File::options().write(true).open(&target).map(drop),
        Err(_) => tempfile::tempfile_in(folder_of(&target)).map(drop),
    }
}

fn replace(target: &Path, bytes: &[u8], kept: Option<Permissions>) -> std::io::Result<()> {
    let folder = folder_of(target);
    std::fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".involution-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    // Not through the file's own writer, whose errors name a path that nobody gave.
    file.as_file_mut().write_all(bytes)?;
    if let Some(kept) = kept {
        file.as_file().set_permissions(kept)?;
    }
    file.as_file().sync_all()?;
    file.persist(target).map(drop).map_err(|error| error.error)
}

/// Whether a folder takes no new file in the place of an old one: it is read-only, or the file is mounted there.
fn fixed(error: &Error) -> bool {
    use ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

/// Where a path leads when its links are followed, also to what is not there yet.
pub fn target(path: &Path) -> std::io::Result<PathBuf> {
    let mut target = path.to_owned();
    // As many as Linux follows.
    for _ in 0..40 {
        match target.read_link() {
            Ok(next) => target = folder_of(&target).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(Error::other("too many links lead on from it"))
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

//! Files that are read, and what stands for stdin and stdout among them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use involution::store::folder_of;

use crate::outcome::bad_use;

/// Bytes of the largest text that is read.
const MOST_TEXT: u64 = 256 << 20;

/// Set when stdin is read: what it holds can be had by one file alone.
static STDIN_READ: AtomicBool = AtomicBool::new(false);

/// Whether a file that is read is stdin: `-`, `/dev/stdin` or a link to it.
pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-") || descriptor(path) == Some(0)
}

/// Whether a file that is written is stdout: `-`, `/dev/stdout` or a link to it.
pub fn is_stdout(path: &Path) -> bool {
    path == Path::new("-") || descriptor(path) == Some(1)
}

/// The number of the open file that a path stands for, perhaps by links.
pub fn descriptor(path: &Path) -> Option<u32> {
    let mut hop = path.to_owned();
    for _ in 0..40 {
        let number = match hop.to_str()? {
            "/dev/stdin" => return Some(0),
            "/dev/stdout" => return Some(1),
            "/dev/stderr" => return Some(2),
            text => text.strip_prefix("/dev/fd/").or_else(|| text.strip_prefix("/proc/self/fd/")),
        };
        if let Some(number) = number {
            return number.parse().ok();
        }
        hop = folder_of(&hop).join(hop.read_link().ok()?);
    }
    None
}

/// The bytes of a file or of stdin: all of them, or one more than `most`.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = most.saturating_add(1);
    match is_stdin(path) {
        true if STDIN_READ.swap(true, Ordering::Relaxed) => {
            return Err(io::Error::other("stdin is another input already: name a file"));
        }
        true => io::stdin().lock().take(most).read_to_end(&mut bytes)?,
        false => File::open(path)?.take(most).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// The text of a file or of stdin.
pub fn text(path: &Path) -> Result<String> {
    let read = read(path, MOST_TEXT).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| io::Error::other("it is not text in UTF-8"))
    });
    read.map_err(|error| unread(path, &error))
}

/// The error for a file that cannot be read.
pub fn unread(path: &Path, error: &io::Error) -> anyhow::Error {
    bad_use(format!("{} cannot be read: {error}", path.display()))
}

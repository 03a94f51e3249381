//! Files that are read, and what stands for stdin and stdout among them.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use involution::store::folder_of;

use crate::bad_use;

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
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = most.saturating_add(1);
    let read = match is_stdin(path) {
        true if STDIN_READ.swap(true, Ordering::Relaxed) => {
            let path = path.display();
            return Err(bad_use(format!(
                "{path} cannot be read: stdin was given before, for another file"
            )));
        }
        true => std::io::stdin().lock().take(most).read_to_end(&mut bytes),
        false => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
    };
    read.map_err(|error| bad_use(format!("{} cannot be read: {error}", path.display())))?;
    Ok(bytes)
}

/// The text of a file or of stdin.
pub fn text(path: &Path) -> Result<String> {
    let bytes = read(path, MOST_TEXT)?;
    if bytes.len() as u64 > MOST_TEXT {
        return Err(bad_use(format!(
            "{} cannot be read: it is too large for a text",
            path.display()
        )));
    }
    String::from_utf8(bytes)
        .map_err(|_| bad_use(format!("{} cannot be read: it is not text in UTF-8", path.display())))
}

//! Where results go: stdout, JSON, tables, and files that are whole or not there.

use std::fmt;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table,
    TableStyle,
};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;

use crate::bad_use;

/// Columns of a table where stdout is not a terminal.
const WIDTH: u16 = 100;

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('-').junction('-'))
    .content_lines(ContentLineStyle::none());

/// Writes text to stdout. A reader that has left, as `head` does, is no error.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("stdout"),
        _ => Ok(()),
    }
}

/// Text of a result as JSON, with a line break at its end.
pub fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("JSON")? + "\n")
}

/// A table with this header; the columns from `first_number` on are aligned to the right.
pub fn table(header: &[&str], first_number: usize) -> Table {
    let mut table = Table::new();
    table.load_style(STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().copied());
    if !std::io::stdout().is_terminal() {
        table.set_width(WIDTH);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 0));
        if index >= first_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
        // Kernels have the longest names, just before the numbers: they give way where it is narrow.
        if index + 1 != first_number {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table
}

/// The table as text, with a line break at its end.
pub fn render(table: &Table) -> String {
    table.trim_fmt() + "\n"
}

/// A progress bar on stderr with the time that is left, where that is a terminal.
pub fn progress(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len}{left} {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    // Before the first is done nobody knows.
    let style = style.with_key("left", |state: &ProgressState, text: &mut dyn fmt::Write| {
        if state.pos() > 0 {
            let _ = write!(text, ", {:#} left", HumanDuration(state.eta()));
        }
    });
    // Not drawn until it has a length: without one it would be full.
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    bar.with_style(style).with_prefix(what.to_owned())
}

/// An error where the folder of a file to be written does not exist: found out before the work is done.
pub fn check_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    match folder.is_dir() {
        true if path.is_dir() => Err(bad_use(format!("{} is a folder", path.display()))),
        true => Ok(()),
        false => Err(bad_use(format!(
            "cannot write {}: there is no folder {}",
            path.display(),
            folder.display()
        ))),
    }
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Writes a file beside its place and moves it there when it is complete.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let wrong = || format!("cannot write {}", path.display());
    // A pipe or a device is written to, not replaced.
    if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
        return std::fs::write(path, bytes).with_context(wrong);
    }
    // A link stays one: what it points to is replaced.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".involution-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder_of(&target)).with_context(wrong)?;
    file.write_all(bytes).with_context(wrong)?;
    file.as_file().sync_all().with_context(wrong)?;
    file.persist(&target).map(drop).map_err(|error| error.error).with_context(wrong)
}

/// So many of what this word names: `1 row`, `2 rows`.
pub fn count(number: usize, word: &str) -> String {
    let ending = match word {
        _ if number == 1 => "",
        _ if word.ends_with("ch") || word.ends_with('s') => "es",
        _ => "s",
    };
    format!("{number} {word}{ending}")
}

/// Words with commas between them, in lines of 80 columns that begin with this many spaces.
pub fn list<S: AsRef<str>>(words: &[S], indent: usize) -> String {
    let mut lines = vec![String::new()];
    for (word, place) in words.iter().zip(1..) {
        let word = format!("{}{}", word.as_ref(), if place < words.len() { "," } else { "" });
        match lines.last_mut() {
            Some(line) if line.is_empty() => *line = word,
            Some(line) if indent + line.len() + 1 + word.len() <= 80 => {
                *line += &format!(" {word}")
            }
            _ => lines.push(word),
        }
    }
    lines.join(&format!("\n{:indent$}", ""))
}

/// Bytes as MiB.
pub fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

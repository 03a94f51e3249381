//! Where results go: stdout, JSON, tables, and files that are whole or not there.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::path::Path;

use anyhow::{Context, Result};
use comfy_table::{
    CellAlignment, ColumnConstraint, ContentArrangement, ContentLineStyle, LineStyle, Table,
    TableStyle,
};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
pub use involution::error::count;
use involution::store;
use serde::Serialize;

use crate::files;
use crate::outcome::bad_use;

/// Columns of a table where stdout is not a terminal.
const WIDTH: u16 = 100;

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none())
    .header_separator(LineStyle::none().fill('-').junction('-'))
    .content_lines(ContentLineStyle::none());

/// Writes text to stdout. A reader that has left, as `head` does, is no error.
pub fn print(text: &str) -> Result<()> {
    to_stdout(text.as_bytes()).context("stdout")
}

fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Writes a line to stderr. Where that fails there is nobody left to be told.
pub fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text of a result as JSON, with a line break at its end.
pub fn json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(value).context("JSON")? + "\n")
}

/// Prints a result, as JSON or in words.
pub fn result(as_json: bool, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<()> {
    print(&if as_json { json(value)? } else { text() })
}

/// Prints what is to be said of a file that was written: to stderr where stdout is that file.
pub fn report(
    file: &Path,
    as_json: bool,
    value: &impl Serialize,
    text: impl FnOnce() -> String,
) -> Result<()> {
    if !files::is_stdout(file) {
        return result(as_json, value, text);
    }
    say(if as_json { json(value)? } else { text() }.trim_end());
    Ok(())
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

/// A progress bar on stderr with the time that is left, where that is a terminal. Without a length, 0, it is not drawn.
pub fn progress(what: &str, length: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len}{left} {wide_msg}");
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> ");
    // Before the first is done nobody knows.
    let style = style.with_key("left", |state: &ProgressState, text: &mut dyn fmt::Write| {
        if state.pos() > 0 {
            let _ = write!(text, ", {:#} left", HumanDuration(state.eta()));
        }
    });
    let bar = ProgressBar::with_draw_target(Some(length as u64), ProgressDrawTarget::stderr());
    bar.with_style(style).with_prefix(what.to_owned())
}

/// An error where a file cannot be written: found out before the work is done.
pub fn check(path: &Path) -> Result<()> {
    match files::descriptor(path) {
        _ if files::is_stdout(path) => return Ok(()),
        Some(2) => return Ok(()),
        Some(_) => return open(path).map(drop).with_context(|| wrong(path)),
        None => {}
    }
    let target = store::target(path).with_context(|| wrong(path))?;
    let folder = store::folder_of(&target);
    match folder.is_dir() {
        true if target.is_dir() => Err(bad_use(format!("{} is a folder", path.display()))),
        true => store::writable(&target).with_context(|| wrong(path)),
        false => Err(bad_use(format!("{}: there is no folder {}", wrong(path), folder.display()))),
    }
}

/// A file that somebody else has open, and may have written to: what it holds stays.
fn open(path: &Path) -> io::Result<File> {
    File::options().append(true).open(path)
}

fn wrong(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// Writes a file that is whole or not there, or to a file that is open already.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let written = match files::descriptor(path) {
        _ if files::is_stdout(path) => to_stdout(bytes),
        Some(2) => io::stderr().write_all(bytes),
        Some(_) => open(path).and_then(|mut file| file.write_all(bytes)),
        None => store::write(path, bytes),
    };
    written.with_context(|| wrong(path))
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

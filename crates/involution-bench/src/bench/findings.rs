//! What every suite says of itself: on what it ran, whether all was right, and its rows as text and JSON.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;
use involution::gpu;
use serde::Serialize;

use super::limits::Limits;
use super::row::Row;
use super::{Args, sampling};
use crate::adapter::Runner;
use crate::output;

/// What a suite found out.
pub trait Findings {
    /// Whether all that was to be measured was, and was right.
    fn passed(&self) -> bool;

    /// The rows as a table, and what to make of them.
    fn text(&self) -> String;

    /// The same as JSON.
    fn json(&self) -> Result<String>;
}

/// What ran, in the JSON of every suite.
#[derive(Debug, Serialize)]
pub struct Header {
    pub involution: &'static str,
    pub suite: &'static str,
    pub adapter: String,
    pub backend: Option<String>,
    pub driver: Option<String>,
    /// Whether it is the processor that computes.
    pub software: bool,
    pub quick: bool,
    /// Whether Ctrl-C ended the run before its last row.
    pub interrupted: bool,
    pub seconds: f64,
    /// Of a device alone.
    pub limits: Option<Limits>,
}

impl Header {
    /// The header of a run that began then and ends now.
    pub fn new(runner: &Runner, limits: Option<&gpu::Limits>, args: &Args, start: Instant) -> Self {
        Header {
            involution: env!("CARGO_PKG_VERSION"),
            suite: args.suite.name(),
            adapter: runner.name().to_owned(),
            backend: runner.backend().map(str::to_owned),
            driver: runner.driver(),
            software: runner.gpu().is_none_or(|gpu| gpu.adapter().software),
            quick: args.quick,
            interrupted: sampling::interrupted(),
            seconds: start.elapsed().as_secs_f64(),
            limits: limits.map(Limits::from),
        }
    }
}

/// Whether all rows are right, in a line: `one` and `all` are what is said of a single row and of several.
pub fn verdict(rows: usize, failures: usize, one: &str, all: &str) -> String {
    match (failures, rows) {
        (0, 0) => "No row was measured.\n".to_owned(),
        (0, 1) => format!("The one row {one}.\n"),
        (0, _) => format!("All {rows} rows {all}.\n"),
        _ => format!("{failures} of {} FAILED.\n", output::count(rows, "row")),
    }
}

/// A number with so many digits, a dash for none.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.digits$}", value + 0.0))
}

/// A rate: two digits of what is small.
pub fn rate(value: Option<f64>) -> String {
    number(value, if value.is_some_and(|value| value < 9.95) { 2 } else { 1 })
}

/// The line that says where Ctrl-C cut the rows short.
pub fn interruption(header: &Header) -> &'static str {
    if header.interrupted { "Interrupted: the rest was not measured.\n" } else { "" }
}

/// The clocks that the times on the device are from.
pub fn timers<'a>(rows: impl IntoIterator<Item = &'a Row>) -> String {
    let timers: BTreeSet<&str> =
        rows.into_iter().filter_map(|row| row.times.timer.as_deref()).collect();
    timers.into_iter().collect::<Vec<_>>().join(" or ")
}

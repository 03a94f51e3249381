//! A run as a table for people, and what to make of it.

use std::collections::BTreeSet;
use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::record::{Answers, Run};
use super::row::Row;
use super::stats::Stats;
use super::{limits, machine};
use crate::output::{self, mib};

impl Run {
    pub fn text(&self) -> String {
        self.told(output::table)
    }

    /// The table that `make` makes, and what to make of it.
    fn told(&self, make: fn(&[&str], usize) -> Table) -> String {
        let columns = self.columns();
        let names = columns.iter().filter(|name| NAMES.contains(name)).count();
        let mut table = make(columns, names);
        let mut group = "";
        for row in &self.rows {
            if self.suite == "ops" && row.group != group {
                group = &row.group;
                table.add_row([format!("{group}:")]);
            }
            table.add_row(columns.iter().map(|column| self.cell(column, row)));
        }
        let mut text = output::render(&table) + "\n";
        for row in &self.rows {
            if let Some(reason) = &row.refused {
                let _ = writeln!(text, "left out {}: {reason}", row.case);
            }
        }
        for row in self.failures() {
            let note = row.note.as_deref().unwrap_or_default();
            let _ = writeln!(text, "FAILED {} by {}: {note}", row.case, row.kernel());
        }
        text += &self.verdict();
        if let Some(limits) = self.limits.filter(|_| self.suite == "ops") {
            let _ = writeln!(
                text,
                "The adapter {limits}.\n`floor` is the least time these allow, as a part of the median."
            );
        }
        text += &limits::beyond(self.rows.iter().map(|row| row.of_floor));
        text += &machine::unsafe_rows(self.rows.iter().map(|row| &row.noise));
        if self.interrupted {
            text += "Interrupted: the rest was not measured.\n";
        }
        let _ = writeln!(text, "{}; {:.1} s in all.", self.legend(), self.seconds);
        text
    }

    fn columns(&self) -> &'static [&'static str] {
        match self.suite.as_str() {
            "ops" => &["call", "kernel", "median", "min", "GFLOP/s", "GB/s", "floor", "first"],
            "transfer" | "compile" => &["call", "kernel", "median", "min", "p95", "GB/s"],
            "sweep" => {
                &["batch", "size", "median", "min", "device", "ns/pixel", "ratio", "GFLOP/s", "MiB"]
            }
            _ => &["call", "kernel", "median", "min", "p95", "device", "GFLOP/s", "first"],
        }
    }

    /// The times that a row is known by.
    fn times<'a>(&self, row: &'a Row) -> Option<&'a Stats> {
        if self.suite == "ops" { row.device() } else { row.wall_ms.as_ref() }
    }

    /// What a table says of a row in this column.
    pub fn cell(&self, column: &str, row: &Row) -> String {
        let ms = |of: fn(&Stats) -> f64| number(self.times(row).map(of), 3);
        match column {
            "call" => row.case.clone(),
            "kernel" => row.kernel(),
            "median" => match row.failure() {
                Some(failure) => failure.to_owned(),
                None => ms(|times| times.median) + row.noise.mark(),
            },
            "min" => ms(|times| times.min),
            "p95" => ms(|times| times.p95),
            "device" => number(row.device().map(|times| times.median), 3),
            "GFLOP/s" => rate(row.gflops.filter(|&rate| rate > 0.0)),
            "GB/s" => rate(row.gbps),
            "floor" => limits::percent(row.of_floor),
            "first" => number(row.compile_ms, 1),
            "batch" => row.batch.unwrap_or_default().to_string(),
            "size" => row.size.unwrap_or_default().to_string(),
            "ns/pixel" => number(row.ns_per_pixel, 1),
            "ratio" => number(row.ratio, 2),
            "bound" => row.bound.clone().unwrap_or_else(|| "-".to_owned()),
            "samples" => row.samples.to_string(),
            "MiB" => number(row.memory.map(mib), 0),
            _ => String::new(),
        }
    }

    /// Whether all rows are right.
    fn verdict(&self) -> String {
        let run = self.rows.iter().filter(|row| row.refused.is_none()).count();
        if let Some(Answers { cases, failures }) = self.known_answers {
            return match failures {
                0 => format!(
                    "The reference gives all answers known by hand, {cases}; {}.\n",
                    output::count(run, "row")
                ),
                _ => format!("FAILED: the reference misses {failures} of {cases} known answers.\n"),
            };
        }
        match (self.failures().count(), run) {
            (0, 0) => "No row was measured.\n".to_owned(),
            (0, 1) => "The one row is right.\n".to_owned(),
            (0, _) => format!("All {run} rows are right.\n"),
            (failures, _) => format!("{failures} of {} FAILED.\n", output::count(run, "row")),
        }
    }

    /// What the times are of.
    pub fn legend(&self) -> String {
        let timers: BTreeSet<&str> =
            self.rows.iter().filter_map(|row| row.timer.as_deref()).collect();
        let timers = timers.into_iter().collect::<Vec<_>>().join(" or ");
        let device = format!("`device`, GFLOP/s: on tensors of the device, by {timers}");
        match self.suite.as_str() {
            "ops" => format!("Times in ms by {timers}, `first` with compiling"),
            "transfer" | "compile" => format!("{}\nTimes in ms", self.legend),
            "sweep" => format!(
                "Times in ms from host to host, ns/pixel by their median, `ratio` to that of the first row;\n{device}"
            ),
            _ => format!("Times in ms from host to host; {device};\n`first` with compiling"),
        }
    }
}

/// Runs as tables of Markdown.
pub fn markdown(runs: &[Run]) -> String {
    let make = |header: &[&str], first_number: usize| {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header(header.iter().copied());
        for column in table.column_iter_mut().skip(first_number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    };
    let runs = runs
        .iter()
        .map(|run| format!("{}, suite `{}`:\n\n{}", run.adapter, run.suite, run.told(make)));
    runs.collect::<Vec<_>>().join("\n")
}

/// Columns of words; all others are numbers.
const NAMES: [&str; 2] = ["call", "kernel"];

/// A number with so many digits, a dash for none.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.digits$}", value + 0.0))
}

/// A rate: two digits of what is small.
pub fn rate(value: Option<f64>) -> String {
    number(value, if value.is_some_and(|value| value < 9.95) { 2 } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::super::record::sample::run;
    use super::*;

    #[test]
    fn every_suite_has_its_columns_and_a_row_without_times_is_said_to_have_failed() {
        for suite in ["ops", "nets", "transfer", "sweep"] {
            let run = Run { suite: suite.to_owned(), ..run() };
            let text = run.text();
            for part in ["FAILED bad by -: wrong", "1 of 4 rows FAILED", "~ 1 unsafe"] {
                assert!(text.contains(part), "{part}: {text}");
            }
            assert!(run.columns().iter().all(|column| !run.cell(column, &run.rows[0]).is_empty()));
        }
    }

    #[test]
    fn what_has_no_room_is_left_out_and_is_no_failure() {
        let mut run = run();
        run.rows.truncate(1);
        run.rows.push(Row { refused: Some("no room".to_owned()), ..Row::default() });
        let text = run.text();
        assert!(text.contains("left out : no room") && text.contains("one row is right"), "{text}");
    }
}

//! A run as a table for people, and what to make of it.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::output::{self, count, mib};
use crate::row::{Row, SPREAD};
use crate::run::{Answers, Run};
use crate::stats::Stats;

impl Run {
    /// The table, and what to make of it.
    pub fn text(&self) -> String {
        let columns: &[&str] = match self.suite.as_str() {
            "ops" => &["call", "kernel", "median", "min", "GFLOP/s", "GB/s", "floor", "first"],
            "transfer" | "compile" => &["call", "kernel", "median", "min", "p95", "GB/s"],
            "sweep" => {
                &["batch", "size", "median", "min", "device", "ns/pixel", "ratio", "GFLOP/s", "MiB"]
            }
            _ => &["call", "kernel", "median", "min", "p95", "device", "GFLOP/s", "first"],
        };
        let ops = self.suite == "ops";
        let mut table = output::table(columns, if self.suite == "sweep" { 0 } else { 2 });
        for rows in self.rows.chunk_by(|a, b| !ops || a.group == b.group) {
            if ops {
                table.add_row([format!("{}:", rows[0].group)]);
            }
            for row in rows {
                table.add_row(columns.iter().map(|column| self.cell(column, row)));
            }
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
        if let Some(limits) = self.limits.filter(|_| ops) {
            let _ = writeln!(
                text,
                "The adapter {limits}.\n`floor` is the least time these allow, as a part of the median."
            );
        }
        for remark in self.remarks() {
            let _ = writeln!(text, "{remark}");
        }
        let _ = writeln!(text, "{}; {:.1} s in all.", self.legend(), self.seconds);
        text
    }

    /// What a table says of a row in this column.
    pub fn cell(&self, column: &str, row: &Row) -> String {
        // The times that a row is known by.
        let times = if self.suite == "ops" { row.device() } else { row.wall_ms.as_ref() };
        let ms = |of: fn(&Stats) -> f64| number(times.map(of), 3);
        match column {
            "call" => row.case.clone(),
            "kernel" => row.kernel(),
            "median" => match row.failure() {
                Some(failure) => failure.to_owned(),
                None => ms(|times| times.median) + row.mark(),
            },
            "min" => ms(|times| times.min),
            "p95" => ms(|times| times.p95),
            "device" => number(row.device().map(|times| times.median), 3),
            "GFLOP/s" => rate(row.gflops.filter(|&rate| rate > 0.0)),
            "GB/s" => rate(row.gbps),
            "floor" => percent(row.of_floor),
            "first" => number(row.compile_ms, 1),
            "batch" => row.batch.unwrap_or_default().to_string(),
            "size" => row.size.unwrap_or_default().to_string(),
            "ns/pixel" => number(row.ns_per_pixel, 1),
            "ratio" => number(row.ratio, 2),
            "bound" => row.bound.clone().unwrap_or_else(|| "-".to_owned()),
            "MiB" => number(row.memory.map(mib), 0),
            _ => row.samples.to_string(),
        }
    }

    /// Whether all rows are right, and what speaks against their times.
    pub fn remarks(&self) -> Vec<String> {
        let those = |what: fn(&Row) -> bool| self.rows.iter().filter(|row| what(row)).count();
        let run = those(|row| row.refused.is_none());
        let rows = count(run, "row");
        let verdict = match (self.known_answers, self.failures().count(), run) {
            (Some(Answers { cases, failures: 0 }), ..) => {
                format!("The reference gives all answers known by hand, {cases}; {rows}.")
            }
            (Some(Answers { cases, failures }), ..) => {
                format!("FAILED: the reference misses {failures} of {cases} known answers.")
            }
            (_, 0, 0) => "No row was measured.".to_owned(),
            (_, 0, 1) => "The one row is right.".to_owned(),
            (_, 0, _) => format!("All {run} rows are right."),
            (_, failures, _) => format!("{failures} of {rows} FAILED."),
        };
        let mut remarks = vec![verdict];
        let beyond = those(|row| row.of_floor.is_some_and(|part| part > 1.0));
        if beyond > 0 {
            let rows = count(beyond, "row");
            remarks.push(format!(
                ">100 %: {rows} faster than the floor. The limits were measured too low, on a busy machine or from a \
                 slower memory: floors are unsafe."
            ));
        }
        let doubtful = those(|row| row.warning.is_some());
        if doubtful > 0 {
            let (rows, part) = (count(doubtful, "unsafe row"), 100.0 * SPREAD);
            remarks.push(format!(
                "~ {rows}: a spread above {part:.0} %, or clocks that disagree. JSON says which."
            ));
        }
        if self.interrupted {
            remarks.push("Interrupted: the rest was not measured.".to_owned());
        }
        remarks
    }

    /// What the times are of.
    pub fn legend(&self) -> String {
        let timers = self.rows.iter().filter_map(|row| row.timer.as_deref());
        let timers = timers.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" or ");
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

/// A number with so many digits, a dash for none.
pub fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.digits$}", value + 0.0))
}

/// A rate: two digits of what is small.
fn rate(value: Option<f64>) -> String {
    number(value, if value.is_some_and(|value| value < 9.95) { 2 } else { 1 })
}

/// A part of the floor. More than all of it says that the limits are measured too low.
pub fn percent(part: Option<f64>) -> String {
    match part {
        None => "-".to_owned(),
        Some(part) if part > 1.0 => ">100 %".to_owned(),
        Some(part) => format!("{:.0} %", 100.0 * part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::sample::run;

    #[test]
    fn a_row_without_times_is_said_to_have_failed_in_every_suite() {
        for suite in ["ops", "nets", "transfer", "sweep"] {
            let run = Run { suite: suite.to_owned(), ..run() };
            let text = run.text();
            for part in ["FAILED bad by -: wrong", "1 of 4 rows FAILED", "~ 1 unsafe"] {
                assert!(text.contains(part), "{part}: {text}");
            }
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

    #[test]
    fn what_is_faster_than_its_floor_makes_floors_unsafe() {
        assert_eq!([None, Some(0.5), Some(1.0)].map(percent), ["-", "50 %", "100 %"]);
        assert_eq!(percent(Some(1.25)), ">100 %");
        let mut run = run();
        assert!(!run.text().contains(">100 %"));
        run.rows[0].of_floor = Some(1.25);
        assert!(run.text().contains("1 row faster"));
    }
}

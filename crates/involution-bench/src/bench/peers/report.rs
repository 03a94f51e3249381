//! What the suite `peers` found, as a table.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::super::clocks;
use super::super::findings::{Findings, Header, interruption, number, timers, verdict};
use super::super::limits::Limits;
use super::super::machine;
use super::super::row::Row;
use super::ratios::{ERROR, MEANING, Ratios};
use crate::output;

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub header: Header,
    /// The limits of the adapter after the last row, where others were timed beside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits_after: Option<Limits>,
    pub rows: Vec<Row>,
}

impl Report {
    fn failures(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.checked)
    }

    /// The ratios to other libraries; nothing where there are none.
    fn against_peers(&self) -> String {
        let beside = self
            .rows
            .iter()
            .map(|row| (row.workload.as_str(), row.times.wall_ms.as_ref(), row.peers.as_slice()));
        let Some(ratios) = Ratios::of(beside) else { return String::new() };
        let header: Vec<&str> = ratios.header.iter().map(String::as_str).collect();
        let mut table = output::table(&header, 1);
        for line in ratios.lines {
            table.add_row(line);
        }
        let mut text = format!("\n{}\n{MEANING}\n{ERROR}\n", output::render(&table));
        for note in ratios.notes {
            let _ = writeln!(text, "{note}");
        }
        if let Some((before, after)) = self.header.limits.zip(self.limits_after) {
            let _ = writeln!(
                text,
                "The machine before and after: {:.0} and {:.0} GFLOP/s, copies {:.1} and {:.1} GB/s.",
                before.multiply_add_gflops,
                after.multiply_add_gflops,
                before.copy_gbps,
                after.copy_gbps
            );
        }
        text
    }
}

impl Findings for Report {
    fn passed(&self) -> bool {
        !self.header.interrupted && self.failures().count() == 0
    }

    fn text(&self) -> String {
        let header = ["workload", "kernel", "median", "min", "p95", "device", "GFLOP/s", "first"];
        let mut table = output::table(&header, 2);
        for row in &self.rows {
            let [median, min, p95, device] = row.times();
            let first = number(row.times.compile_ms, 1);
            let name = row.workload.clone();
            table.add_row([name, row.kernel(), median, min, p95, device, row.rate(), first]);
        }
        let mut text = output::render(&table) + "\n";
        for row in self.failures() {
            let note = row.note.as_deref().unwrap_or_default();
            let _ = writeln!(text, "FAILED {}: {note}", row.workload);
        }
        let (rows, failures) = (self.rows.len(), self.failures().count());
        text += &verdict(rows, failures, "agrees with the reference", "agree with the reference");
        text += &machine::unsafe_rows(self.rows.iter().map(|row| &row.times.noise));
        text += &clocks::disagreements(self.rows.iter().map(|row| &row.times.clocks));
        text += &clocks::totals(self.rows.iter().map(|row| row.times.totals()));
        text += interruption(&self.header);
        let _ = writeln!(
            text,
            "Times in ms from host to host; `device`, GFLOP/s: on tensors of the device, by {};\n`first` \
             with compiling; {:.1} s in all.",
            timers(&self.rows),
            self.header.seconds
        );
        text + &self.against_peers()
    }

    fn json(&self) -> Result<String> {
        output::json(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::stats::Stats;
    use super::super::super::subject::Times;
    use super::super::catalogue;
    use super::*;

    /// A row that was timed, whose first sample and whose others are so far off.
    fn judged(first: f64, others: f64) -> Option<Row> {
        let workload = catalogue::all().ok()?.into_iter().next()?;
        let wall_ms = Stats::of_durations([Duration::from_millis(2)]);
        let times = Times { wall_ms: wall_ms.clone(), resident_ms: wall_ms, ..Times::default() };
        let mut row = Row::new(&workload).timed(times).apart(others);
        row.judge(first);
        Some(row)
    }

    #[test]
    fn a_wrong_sample_takes_the_times_away_and_fails_the_run() {
        let report = |row: Option<Row>| {
            let header = Header {
                involution: "0",
                suite: "peers",
                adapter: "test".into(),
                backend: None,
                driver: None,
                software: true,
                quick: false,
                interrupted: false,
                seconds: 0.0,
                limits: None,
            };
            Report { header, limits_after: None, rows: row.into_iter().collect() }
        };
        let right = report(judged(0.5, 0.9));
        assert!(right.passed() && right.text().contains("2.000"), "{}", right.text());
        assert!(right.rows.iter().all(|row| row.gflops.is_some()));
        for (first, others) in [(1.5, 0.0), (0.0, 1.5), (f64::MAX, 0.5)] {
            let wrong = report(judged(first, others));
            assert!(!wrong.passed() && wrong.text().contains("FAILED"), "{first} {others}");
            assert!(!wrong.text().contains("2.000"), "{}", wrong.text());
            assert!(wrong.rows.iter().all(|row| row.note.is_some() && row.gflops.is_none()));
        }
        let interrupted = Header { interrupted: true, ..report(None).header };
        assert!(!Report { header: interrupted, limits_after: None, rows: Vec::new() }.passed());
    }
}

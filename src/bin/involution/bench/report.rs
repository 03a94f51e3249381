//! What the benchmark found: its rows, as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use involution::gpu::{Timer, Timing};
use involution::ops::Op;
use serde::Serialize;

use crate::output;
use crate::workloads::{self, Workload};

/// The least and the median of some times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stats {
    pub min: f64,
    pub median: f64,
}

impl Stats {
    fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let (&min, middle) = (times.first()?, times.len() / 2);
        let median = match times.len() % 2 {
            0 => (times[middle - 1] + times[middle]) / 2.0,
            _ => times[middle],
        };
        Some(Stats { min, median })
    }
}

/// A kernel's times on a call.
#[derive(Debug, Serialize)]
pub struct Row {
    pub op: &'static str,
    pub group: &'static str,
    pub case: String,
    pub kernel: String,
    pub checked: bool,
    /// Why it is not checked.
    pub note: Option<String>,
    pub gpu_ms: Option<Stats>,
    pub wall_ms: Option<Stats>,
    pub compile_ms: Option<f64>,
    /// Pipelines that `compile_ms` compiled: 0 where an earlier row had done so.
    pub compiled: u64,
    pub samples: usize,
    pub flops: u64,
    pub bytes: u64,
    pub gflops: Option<f64>,
    pub gbps: Option<f64>,
    pub timer: Option<String>,
    pub worst_over_bound: Option<f64>,
    pub shapes: BTreeMap<&'static str, Vec<usize>>,
    pub attributes: BTreeMap<&'static str, String>,
}

impl Row {
    /// A row without its times.
    pub fn new(workload: &Workload, kernel: &str) -> Self {
        let op = &workload.case.operator;
        let dims = workload.case.shapes.iter().map(|shape| shape.dims().to_vec());
        let (flops, bytes) = workloads::cost(workload);
        Row {
            op: op.name(),
            group: workload.group,
            case: workload.name.clone(),
            kernel: kernel.to_owned(),
            checked: false,
            note: None,
            gpu_ms: None,
            wall_ms: None,
            compile_ms: None,
            compiled: 0,
            samples: 0,
            flops,
            bytes,
            gflops: None,
            gbps: None,
            timer: None,
            worst_over_bound: None,
            shapes: op.inputs().into_iter().zip(dims).collect(),
            attributes: op.to_attributes().into_iter().collect(),
        }
    }

    /// The row with the times of its samples: by the device's clock where every sample has it.
    pub fn timed(mut self, samples: &[Timing]) -> Self {
        let gpu: Option<Vec<f64>> = samples.iter().map(|s| s.gpu().map(milliseconds)).collect();
        self.gpu_ms = gpu.and_then(Stats::of);
        self.wall_ms = Stats::of(samples.iter().map(|s| milliseconds(s.wall)).collect());
        self.samples = samples.len();
        let timer = if self.gpu_ms.is_some() { Timer::Timestamps } else { Timer::Wall };
        self.timer = Some(timer.to_string());
        // Billions a second are millions a millisecond.
        let rate = |count: u64, ms: f64| (ms > 0.0).then(|| count as f64 / ms / 1e6);
        let median = self.times().map(|times| times.median);
        self.gflops = median.and_then(|ms| rate(self.flops, ms));
        self.gbps = median.and_then(|ms| rate(self.bytes, ms));
        self
    }

    /// The times of the better clock.
    fn times(&self) -> Option<Stats> {
        self.gpu_ms.or(self.wall_ms)
    }

    /// Takes the times away: what was timed is wrong.
    pub fn reject(&mut self, note: String) {
        self.note = Some(note);
        (self.gpu_ms, self.wall_ms, self.compile_ms) = (None, None, None);
        (self.gflops, self.gbps, self.timer) = (None, None, None);
    }
}

/// A time as results give it.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// How the reference fared with calls whose results are known by hand.
#[derive(Debug, Serialize)]
pub struct Answers {
    pub cases: usize,
    pub failures: usize,
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    pub involution: &'static str,
    pub adapter: String,
    pub backend: Option<String>,
    pub driver: Option<String>,
    pub quick: bool,
    /// Whether Ctrl-C ended the run before its last row.
    pub interrupted: bool,
    pub seconds: f64,
    /// On the reference alone.
    pub known_answers: Option<Answers>,
    pub rows: Vec<Row>,
}

impl Report {
    fn is_reference(&self) -> bool {
        self.known_answers.is_some()
    }

    /// Rows that were not checked although they should have been.
    fn failures(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.checked && !self.is_reference())
    }

    /// Whether all that was to be measured was, and was right.
    pub fn passed(&self) -> bool {
        let wrong = self.known_answers.as_ref().map_or(0, |answers| answers.failures);
        wrong == 0 && !self.interrupted && self.failures().count() == 0
    }

    /// The rows as a table, and what to make of them.
    pub fn text(&self) -> String {
        let header = ["call", "kernel", "median", "min", "GFLOP/s", "GB/s", "first"];
        let mut table = output::table(&header, 2);
        let mut group = "";
        for row in &self.rows {
            if row.group != group {
                group = row.group;
                table.add_row([format!("{group}:")]);
            }
            table.add_row(self.cells(row));
        }
        let mut text = output::render(&table) + "\n";
        for row in self.failures() {
            let note = row.note.as_deref().unwrap_or_default();
            let _ = writeln!(text, "FAILED {} by {}: {note}", row.case, row.kernel);
        }
        let (rows, failures) = (self.rows.len(), self.failures().count());
        let _ = match (&self.known_answers, failures) {
            (Some(Answers { cases, failures: 0 }), _) => {
                writeln!(
                    text,
                    "The reference gives all {cases} answers known by hand; {rows} rows."
                )
            }
            (Some(Answers { cases, failures }), _) => {
                writeln!(text, "FAILED: the reference misses {failures} of {cases} known answers.")
            }
            (None, 0) => writeln!(text, "All {rows} rows agree with the reference."),
            (None, _) => writeln!(text, "{failures} of {rows} rows FAILED."),
        };
        if self.interrupted {
            text += "Interrupted: the rest was not measured.\n";
        }
        let _ = writeln!(
            text,
            "Times in ms by {}, `first` with compiling; {:.1} s in all.",
            self.clock(),
            self.seconds
        );
        text
    }

    /// Which clock the times are from.
    fn clock(&self) -> String {
        let timed = || self.rows.iter().filter(|row| row.wall_ms.is_some());
        let by_wall = timed().filter(|row| row.gpu_ms.is_none()).count();
        match (by_wall, timed().count()) {
            (0, _) => Timer::Timestamps.to_string(),
            (some, all) if some == all => Timer::Wall.to_string(),
            _ => format!("{}, those with * by {}", Timer::Timestamps, Timer::Wall),
        }
    }

    fn cells(&self, row: &Row) -> Vec<String> {
        let mixed = self.rows.iter().any(|row| row.gpu_ms.is_some());
        let star = if mixed && row.gpu_ms.is_none() { "*" } else { "" };
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        // Two digits of what is small.
        let rate = |value: Option<f64>| {
            number(value, if value.is_some_and(|value| value < 9.95) { 2 } else { 1 })
        };
        let (median, min) = match row.times() {
            Some(times) => (format!("{:.3}{star}", times.median), format!("{:.3}", times.min)),
            None => ("FAILED".to_owned(), "-".to_owned()),
        };
        vec![
            row.case.clone(),
            row.kernel.clone(),
            median,
            min,
            rate(row.gflops.filter(|&rate| rate > 0.0)),
            rate(row.gbps),
            number(row.compile_ms, 1),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(Stats::of(vec![3.0, 1.0, 2.0]), Some(Stats { min: 1.0, median: 2.0 }));
        assert_eq!(Stats::of(vec![4.0, 1.0, 2.0, 3.0]), Some(Stats { min: 1.0, median: 2.5 }));
        assert_eq!(Stats::of(vec![]), None);
    }
}

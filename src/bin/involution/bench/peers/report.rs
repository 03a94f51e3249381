//! What the suite `peers` found: its rows, as JSON and as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use anyhow::Result;
use involution::ops::Op;
use serde::Serialize;

use super::super::findings::{Findings, Header, interruption, number, rate};
use super::super::stats;
use super::super::subject::Times;
use super::catalogue::{Work, Workload};
use crate::output;

/// One workload and its times.
#[derive(Debug, Serialize)]
pub struct Row {
    pub workload: String,
    pub group: String,
    pub batch: u64,
    /// Each once, in the order in which they run first.
    pub kernels: Vec<String>,
    pub dispatches: usize,
    pub checked: bool,
    /// Why it is not checked.
    pub note: Option<String>,
    #[serde(flatten)]
    pub times: Times,
    pub flops: u64,
    /// Of inputs, output and parameters.
    pub bytes: u64,
    pub gflops: Option<f64>,
    pub gbps: Option<f64>,
    pub worst_over_bound: Option<f64>,
    pub shapes: BTreeMap<String, Vec<usize>>,
}

impl Row {
    /// A row without its times.
    pub fn new(workload: &Workload) -> Self {
        let dims = |index: usize| workload.shapes[index].dims().to_vec();
        let names: Vec<&str> = match &workload.work {
            Work::Operator(op) => op.inputs().to_vec(),
            Work::Layer(_) => vec!["x"],
        };
        let (flops, bytes) = cost(workload).unwrap_or_default();
        Row {
            workload: workload.name.clone(),
            group: workload.family().to_owned(),
            batch: dims(0)[0] as u64,
            kernels: Vec::new(),
            dispatches: 0,
            checked: false,
            note: None,
            times: Times::default(),
            flops,
            bytes,
            gflops: None,
            gbps: None,
            worst_over_bound: None,
            shapes: (0..workload.shapes.len()).map(|at| (names[at].to_owned(), dims(at))).collect(),
        }
    }

    /// The row with its times.
    pub fn timed(self, times: Times) -> Self {
        let rate = |count| times.device().and_then(|device| stats::rate(count, device.median));
        let (gflops, gbps) = (rate(self.flops), rate(self.bytes));
        Row { times, gflops, gbps, ..self }
    }

    /// The row, with the largest distance of a sample that was seen so far, in multiples of what is allowed.
    pub fn apart(self, worst_over_bound: f64) -> Self {
        Row { worst_over_bound: Some(worst_over_bound), ..self }
    }

    /// Whether the row is right: by the distance of its first sample, and those that were seen before.
    pub fn judge(&mut self, first: f64) {
        let others = self.worst_over_bound.unwrap_or_default();
        self.worst_over_bound = Some(first.max(others));
        self.checked = first <= 1.0 && others <= 1.0;
        if first > 1.0 {
            self.reject(format!("{first:.3e} times as far from the reference as is allowed"));
        } else if others > 1.0 {
            self.reject(format!(
                "a sample of the batch is {others:.3e} times as far as is allowed from what it gives by itself"
            ));
        }
    }

    /// Takes the times away: what was timed is wrong.
    pub fn reject(&mut self, note: String) {
        self.note = Some(note);
        self.times = Times { samples: self.times.samples, ..Times::default() };
        (self.gflops, self.gbps) = (None, None);
    }

    /// The one kernel, or how many dispatches there are of several.
    fn kernel(&self) -> String {
        match self.kernels.as_slice() {
            [one] => one.clone(),
            _ => format!("{} dispatches", self.dispatches),
        }
    }

    fn cells(&self) -> Vec<String> {
        let device = self.times.device();
        let wall = |of: fn(stats::Stats) -> f64| number(self.times.wall_ms.map(of), 3);
        vec![
            self.workload.clone(),
            self.kernel(),
            if self.checked { wall(|wall| wall.median) } else { "FAILED".to_owned() },
            wall(|wall| wall.min),
            wall(|wall| wall.p95),
            number(device.map(|device| device.median), 3),
            rate(self.gflops.filter(|&rate| rate > 0.0)),
            number(self.times.compile_ms, 1),
        ]
    }
}

/// Floating-point operations, and bytes of inputs, output and parameters.
fn cost(workload: &Workload) -> involution::Result<(u64, u64)> {
    let elements = |shape: &involution::Shape| shape.dims().iter().product::<usize>() as u64;
    let shapes: Vec<&involution::Shape> = workload.shapes.iter().collect();
    match &workload.work {
        Work::Operator(op) => {
            let cost = op.cost(&shapes).map_err(involution::Error::at(op.name()))?;
            Ok((cost.flops, cost.bytes))
        }
        Work::Layer(layer) => {
            let plan = layer.plan(shapes[0])?.keep(&[layer.output()])?;
            let output = elements(&layer.output_shape(shapes[0])?);
            let values = elements(shapes[0]) + output + plan.parameters();
            Ok((2 * plan.macs()?, 4 * values))
        }
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub header: Header,
    pub rows: Vec<Row>,
}

impl Report {
    fn failures(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.checked)
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
            table.add_row(row.cells());
        }
        let mut text = output::render(&table) + "\n";
        for row in self.failures() {
            let note = row.note.as_deref().unwrap_or_default();
            let _ = writeln!(text, "FAILED {}: {note}", row.workload);
        }
        let (rows, failures) = (self.rows.len(), self.failures().count());
        let _ = match failures {
            0 => writeln!(text, "All {rows} rows agree with the reference."),
            _ => writeln!(text, "{failures} of {rows} rows FAILED."),
        };
        text += interruption(&self.header);
        let timers: BTreeSet<&str> =
            self.rows.iter().filter_map(|row| row.times.timer.as_deref()).collect();
        let timer = timers.into_iter().collect::<Vec<_>>().join(" or ");
        let _ = writeln!(
            text,
            "Times in ms from host to host; `device`, GFLOP/s: on tensors of the device, by {timer};\n`first` \
             with compiling; {:.1} s in all.",
            self.header.seconds
        );
        text
    }

    fn json(&self) -> Result<String> {
        output::json(self)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::catalogue;
    use super::*;

    /// A row that was timed, whose first sample and whose others are so far off.
    fn judged(first: f64, others: f64) -> Option<Row> {
        let workload = catalogue::all().ok()?.into_iter().next()?;
        let wall_ms = stats::Stats::of_durations([Duration::from_millis(2)]);
        let times = Times { wall_ms, resident_ms: wall_ms, ..Times::default() };
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
                quick: false,
                interrupted: false,
                seconds: 0.0,
            };
            Report { header, rows: row.into_iter().collect() }
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
        assert!(!Report { header: interrupted, rows: Vec::new() }.passed());
    }
}

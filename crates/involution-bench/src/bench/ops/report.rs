//! What the benchmark found: its rows, as JSON and as a table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use involution::gpu::{self, Timer, Timing};
use involution::ops::{Cost, Op};
use serde::Serialize;

use super::super::clocks::{self, Clocks};
use super::super::findings::{Findings, Header, interruption, number, rate, verdict};
use super::super::limits::{self, Floor};
use super::super::machine::{self, Noise};
use super::super::rounds::Probed;
use super::super::sampling::Sampled;
use super::super::stats::{self, Stats};
use crate::output;
use crate::workloads::{self, Workload};

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
    #[serde(flatten)]
    pub clocks: Clocks,
    /// Processor time of all threads.
    pub cpu_ms: Option<Stats>,
    /// What a probe took beside each sample.
    pub probe_ms: Option<Probed>,
    pub compile_ms: Option<f64>,
    /// Pipelines that `compile_ms` compiled: 0 where an earlier row had done so.
    pub compiled: u64,
    pub samples: usize,
    pub flops: u64,
    pub bytes: u64,
    pub gflops: Option<f64>,
    pub gbps: Option<f64>,
    #[serde(flatten)]
    pub floor: Floor,
    #[serde(flatten)]
    pub noise: Noise,
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
            clocks: Clocks::default(),
            cpu_ms: None,
            probe_ms: None,
            compile_ms: None,
            compiled: 0,
            samples: 0,
            flops,
            bytes,
            gflops: None,
            gbps: None,
            floor: Floor::default(),
            noise: Noise::default(),
            timer: None,
            worst_over_bound: None,
            shapes: op.inputs().into_iter().zip(dims).collect(),
            attributes: op.to_attributes().into_iter().collect(),
        }
    }

    /// The row with the times of its samples: by the device's clock where every sample has it.
    pub fn timed(mut self, samples: &Sampled<Timing>) -> Self {
        let gpu: Option<Vec<Duration>> = samples.runs.iter().map(Timing::gpu).collect();
        self.gpu_ms = gpu.and_then(Stats::of_durations);
        self.wall_ms = Stats::of_durations(samples.runs.iter().map(|sample| sample.wall));
        self.clocks = Clocks::of(&samples.runs);
        self.cpu_ms = samples.cpu_ms.clone();
        self.probe_ms = samples.probe.clone();
        self.samples = samples.runs.len();
        let timer = if self.gpu_ms.is_some() { Timer::Timestamps } else { Timer::Wall };
        self.timer = Some(timer.to_string());
        let median = self.times().map(|times| times.median);
        self.gflops = median.and_then(|ms| stats::rate(self.flops, ms));
        self.gbps = median.and_then(|ms| stats::rate(self.bytes, ms));
        self.noise = Noise::of(self.times(), samples.waited);
        self
    }

    /// The row with the floor that these limits put under it.
    pub fn above(mut self, limits: &gpu::Limits) -> Self {
        let median = self.times().map(|times| times.median);
        self.clocks = self.clocks.against(limits);
        self.floor = Floor::of(limits, Cost { flops: self.flops, bytes: self.bytes }, median);
        self
    }

    /// The times of the better clock.
    pub fn times(&self) -> Option<&Stats> {
        self.gpu_ms.as_ref().or(self.wall_ms.as_ref())
    }

    /// Takes the times away: what was timed is wrong.
    pub fn reject(&mut self, note: String) {
        self.note = Some(note);
        (self.gpu_ms, self.wall_ms, self.cpu_ms, self.compile_ms) = (None, None, None, None);
        (self.gflops, self.gbps, self.timer) = (None, None, None);
        (self.clocks, self.probe_ms) = (Clocks::default(), None);
        (self.floor.of_floor, self.noise) = (None, Noise::default());
    }
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
    #[serde(flatten)]
    pub header: Header,
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
        let (median, min) = match row.times() {
            Some(times) => {
                let mark = row.noise.mark();
                (format!("{:.3}{star}{mark}", times.median), format!("{:.3}", times.min))
            }
            None => ("FAILED".to_owned(), "-".to_owned()),
        };
        vec![
            row.case.clone(),
            row.kernel.clone(),
            median,
            min,
            rate(row.gflops.filter(|&rate| rate > 0.0)),
            rate(row.gbps),
            row.floor.part(),
            number(row.compile_ms, 1),
        ]
    }
}

impl Findings for Report {
    fn passed(&self) -> bool {
        let wrong = self.known_answers.as_ref().map_or(0, |answers| answers.failures);
        wrong == 0 && !self.header.interrupted && self.failures().count() == 0
    }

    fn text(&self) -> String {
        let header = ["call", "kernel", "median", "min", "GFLOP/s", "GB/s", "floor", "first"];
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
        text += &match &self.known_answers {
            Some(Answers { cases, failures: 0 }) => format!(
                "The reference gives all answers known by hand, {cases}; {}.\n",
                output::count(rows, "row")
            ),
            Some(Answers { cases, failures }) => {
                format!("FAILED: the reference misses {failures} of {cases} known answers.\n")
            }
            None => {
                verdict(rows, failures, "agrees with the reference", "agree with the reference")
            }
        };
        if let Some(limits) = &self.header.limits {
            let _ = writeln!(
                text,
                "The adapter copies {:.1} GB/s and does {:.1} GFLOP/s of multiply-adds; a dispatch takes \
                 {:.0} us,\na submission {:.0} us. `floor` is the least time these allow, as a part of the median.",
                limits.copy_gbps,
                limits.multiply_add_gflops,
                limits.dispatch_us,
                limits.submission_us
            );
        }
        text += &limits::beyond(self.rows.iter().map(|row| row.floor.of_floor));
        text += &machine::unsafe_rows(self.rows.iter().map(|row| &row.noise));
        text += &clocks::disagreements(self.rows.iter().map(|row| &row.clocks));
        text += interruption(&self.header);
        let _ = writeln!(
            text,
            "Times in ms by {}, `first` with compiling; {:.1} s in all.",
            self.clock(),
            self.header.seconds
        );
        text
    }

    fn json(&self) -> Result<String> {
        output::json(self)
    }
}

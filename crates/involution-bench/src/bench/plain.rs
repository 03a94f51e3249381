//! Rows of the host's clock alone: what takes how long, and how many bytes it moves.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use super::findings::{Findings, Header, interruption, number, rate, verdict};
use super::machine::{self, Noise};
use super::sampling::Sampled;
use super::stats::{self, Stats};
use crate::output;

/// Something and its times.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    pub case: String,
    pub group: String,
    pub kernel: Option<String>,
    pub checked: bool,
    /// Why it is not checked.
    pub note: Option<String>,
    pub wall_ms: Option<Stats>,
    pub cpu_ms: Option<Stats>,
    pub samples: usize,
    pub bytes: u64,
    pub gbps: Option<f64>,
    #[serde(flatten)]
    pub noise: Noise,
}

impl Row {
    /// A row with the times of its samples, if what they gave is right.
    pub fn timed(self, samples: Sampled<Duration>, right: Result<(), String>) -> Self {
        let count = samples.runs.len();
        let row = Row { samples: count, ..self };
        match right {
            Ok(()) => {
                let wall_ms = Stats::of_durations(samples.runs);
                let gbps = wall_ms.as_ref().and_then(|wall| stats::rate(row.bytes, wall.median));
                let noise = Noise::of(wall_ms.as_ref(), samples.waited);
                let gbps = gbps.filter(|_| row.bytes > 0);
                Row { checked: true, cpu_ms: samples.cpu_ms, gbps, noise, wall_ms, ..row }
            }
            Err(note) => Row { note: Some(note), ..row },
        }
    }

    fn cells(&self) -> [String; 6] {
        let wall = |of: fn(&Stats) -> f64| number(self.wall_ms.as_ref().map(of), 3);
        let median = match self.checked {
            true => wall(|wall| wall.median) + self.noise.mark(),
            false => "FAILED".to_owned(),
        };
        let kernel = self.kernel.clone().unwrap_or_default();
        let times = [wall(|wall| wall.min), wall(|wall| wall.p95)];
        let [min, p95] = times;
        [self.case.clone(), kernel, median, min, p95, rate(self.gbps)]
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    #[serde(flatten)]
    pub header: Header,
    pub rows: Vec<Row>,
    /// What the times are of, for people.
    #[serde(skip)]
    pub legend: String,
}

impl Findings for Report {
    fn passed(&self) -> bool {
        !self.header.interrupted && self.rows.iter().all(|row| row.checked)
    }

    fn text(&self) -> String {
        let mut table = output::table(&["what", "kernel", "median", "min", "p95", "GB/s"], 2);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        let mut text = output::render(&table) + "\n";
        for row in self.rows.iter().filter(|row| !row.checked) {
            let _ =
                writeln!(text, "FAILED {}: {}", row.case, row.note.as_deref().unwrap_or_default());
        }
        let (rows, right) = (self.rows.len(), self.rows.iter().filter(|row| row.checked).count());
        text += &verdict(rows, rows - right, "is right", "are right");
        text += &machine::unsafe_rows(self.rows.iter().map(|row| &row.noise));
        text += interruption(&self.header);
        let _ =
            writeln!(text, "{}\nTimes in ms; {:.1} s in all.", self.legend, self.header.seconds);
        text
    }

    fn json(&self) -> Result<String> {
        output::json(self)
    }
}

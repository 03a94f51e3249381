//! A run as its JSON tells it, whatever suite it is of: what other forms are made from, and what is compared.

#[cfg(test)]
pub mod sample;

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::findings::{number, rate};
use super::limits::{self, Limits};
use super::peers::{Against, Compared};
use super::rounds::Probed;
use super::stats::Stats;
use super::subject::Step;
use crate::{bad_use, files, output};

/// A file of `--json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Run {
    pub involution: String,
    pub suite: String,
    pub adapter: String,
    pub backend: Option<String>,
    pub driver: Option<String>,
    #[serde(default)]
    pub software: bool,
    #[serde(default)]
    pub quick: bool,
    #[serde(default)]
    pub interrupted: bool,
    pub limits: Option<Limits>,
    /// The same after the last row, where others were timed beside.
    pub limits_after: Option<Limits>,
    pub rows: Vec<Row>,
}

/// What was timed, with the keys of all suites.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    #[serde(alias = "workload")]
    pub case: String,
    pub group: String,
    /// Of the suite `kernels`; the others have a list.
    pub kernel: Option<String>,
    pub kernels: Vec<String>,
    pub dispatches: usize,
    pub checked: bool,
    pub note: Option<String>,
    pub refused: Option<String>,
    pub gpu_ms: Option<Stats>,
    pub resident_ms: Option<Stats>,
    pub wall_ms: Option<Stats>,
    pub cpu_ms: Option<Stats>,
    pub probe_ms: Option<Probed>,
    pub compile_ms: Option<f64>,
    pub samples: usize,
    pub flops: u64,
    pub bytes: u64,
    pub gflops: Option<f64>,
    pub gbps: Option<f64>,
    pub floor_ms: Option<f64>,
    pub bound: Option<String>,
    pub of_floor: Option<f64>,
    pub waited: Option<f64>,
    pub warning: Option<String>,
    pub batch: Option<u64>,
    /// Of layers and networks.
    pub fused: Option<bool>,
    pub size: Option<u64>,
    pub ns_per_pixel: Option<f64>,
    pub steps: Vec<Step>,
    pub peers: Vec<Against>,
}

/// A file of `--json` with several adapters.
#[derive(Deserialize)]
struct Several {
    runs: Vec<Run>,
}

impl Run {
    /// The run that this JSON tells of.
    pub fn parse(json: &str) -> Result<Self> {
        if let Ok(Several { runs }) = serde_json::from_str(json) {
            let adapters: Vec<String> = runs.into_iter().map(|run| run.adapter).collect();
            bail!("has runs of several adapters: {}", adapters.join("; "));
        }
        serde_json::from_str(json).context("not the JSON of a benchmark")
    }

    /// The run that a file tells of.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |error: anyhow::Error| bad_use(format!("{}: {error:#}", path.display()));
        Run::parse(&files::text(path)?).map_err(wrong)
    }
}

impl Row {
    /// What a table says of it: case, kernel, median, least, 95th percentile, GFLOP/s, GB/s, part of the floor and what
    /// that is bound by.
    pub fn cells(&self) -> [String; 9] {
        let times = self.device();
        let mark = if self.warning.is_some() { "~" } else { "" };
        let median = match self.failure() {
            Some(failure) => failure.to_owned(),
            None => number(times.map(|times| times.median), 3) + mark,
        };
        [
            self.case.clone(),
            self.kernel(),
            median,
            number(times.map(|times| times.min), 3),
            number(times.map(|times| times.p95), 3),
            rate(self.gflops.filter(|&rate| rate > 0.0)),
            rate(self.gbps),
            limits::percent(self.of_floor),
            self.bound.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    }

    /// The one kernel, or how many dispatches there are of several.
    pub fn kernel(&self) -> String {
        match (&self.kernel, self.kernels.as_slice()) {
            (Some(one), _) => one.clone(),
            (None, [one]) => one.clone(),
            (None, []) => "-".to_owned(),
            (None, _) => output::count(self.dispatches, "dispatch"),
        }
    }

    /// The time on the device by the best clock there is.
    pub fn device(&self) -> Option<&Stats> {
        self.gpu_ms.as_ref().or(self.resident_ms.as_ref()).or(self.wall_ms.as_ref())
    }

    /// What a table of ratios is made from.
    pub fn compared(&self) -> Compared<'_> {
        (&self.case, self.wall_ms.as_ref(), &self.peers)
    }

    /// What is said of it in the place of a time.
    pub fn failure(&self) -> Option<&'static str> {
        match (&self.refused, self.device()) {
            (Some(_), _) => Some("left out"),
            (None, None) => Some("FAILED"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_every_suite_have_a_name_and_a_time() {
        let header =
            r#""involution": "0", "suite": "s", "adapter": "a", "backend": null, "driver": null"#;
        let times = r#"{"min": 1.0, "median": 2.0, "p95": 3.0}"#;
        let json = format!(
            r#"{{{header}, "limits": null, "new": 1, "rows": [
                {{"case": "x", "kernel": "k", "gpu_ms": null, "wall_ms": {times}}},
                {{"workload": "y", "kernels": ["k"], "resident_ms": {times}, "wall_ms": null}},
                {{"workload": "z", "kernels": ["k", "l"], "dispatches": 7}}]}}"#
        );
        let Ok(run) = Run::parse(&json) else { return assert!(Run::parse(&json).is_ok()) };
        let seen: Vec<(&str, String, Option<f64>)> = run
            .rows
            .iter()
            .map(|row| (&*row.case, row.kernel(), row.device().map(|times| times.median)))
            .collect();
        let expected = [("x", "k", Some(2.0)), ("y", "k", Some(2.0)), ("z", "7 dispatches", None)];
        assert_eq!(seen, expected.map(|(case, kernel, time)| (case, kernel.to_owned(), time)));
        assert_eq!(run.rows[2].failure(), Some("FAILED"));
        // Files of before keep no samples.
        assert!(run.rows[0].device().is_some_and(|times| times.times.is_empty()));
        assert!(Run::parse("{}").is_err() && Run::parse("rows").is_err());
    }
}

//! A run: what is written as JSON, and read again for the page and for a comparison.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use involution::gpu;
use serde::{Deserialize, Serialize};

use crate::adapter::Runner;
use crate::request::Request;
use crate::row::Row;
use crate::{bad_use, files, sampling};

/// What ran, on what, and its rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    pub involution: String,
    pub suite: String,
    pub adapter: String,
    pub backend: Option<String>,
    pub driver: Option<String>,
    /// How the device stored tensors: `f32` or `f16`.
    #[serde(default)]
    pub precision: Option<String>,
    /// Whether it is the processor that computes.
    #[serde(default)]
    pub software: bool,
    #[serde(default)]
    pub quick: bool,
    /// Whether Ctrl-C ended the run before its last row.
    #[serde(default)]
    pub interrupted: bool,
    /// The whole run, checks included.
    #[serde(default)]
    pub seconds: f64,
    /// Of a device alone.
    pub limits: Option<Limits>,
    /// The limits after the last row, where others were timed beside.
    pub limits_after: Option<Limits>,
    /// Of the reference alone.
    pub known_answers: Option<Answers>,
    pub rows: Vec<Row>,
    /// What the times are of, for people.
    #[serde(skip)]
    pub legend: String,
}

/// How the reference fared with calls whose results are known by hand.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Answers {
    pub cases: usize,
    pub failures: usize,
}

/// What the adapter can do at most, as it was measured before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub copy_gbps: f64,
    pub multiply_add_gflops: f64,
    pub dispatch_us: f64,
    pub submission_us: f64,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { copy_gbps, multiply_add_gflops, dispatch_us, submission_us } = self;
        write!(
            f,
            "copies {copy_gbps:.1} GB/s, does {multiply_add_gflops:.1} GFLOP/s of multiply-adds; \
             a dispatch {dispatch_us:.0} us, a submission {submission_us:.0} us"
        )
    }
}

impl Run {
    /// A run that ends now.
    pub fn new(
        runner: &Runner,
        limits: Option<&gpu::Limits>,
        args: &Request,
        rows: Vec<Row>,
    ) -> Self {
        Run {
            involution: env!("CARGO_PKG_VERSION").to_owned(),
            suite: args.suite.name(),
            adapter: runner.name().to_owned(),
            backend: runner.backend().map(str::to_owned),
            driver: runner.driver(),
            precision: runner.precision().map(str::to_owned),
            software: runner.gpu().is_none_or(|gpu| gpu.adapter().software),
            quick: args.quick,
            interrupted: sampling::interrupted(),
            limits: limits.map(|limits| Limits {
                copy_gbps: limits.copy / 1e9,
                multiply_add_gflops: limits.multiply_add / 1e9,
                dispatch_us: limits.dispatch.as_secs_f64() * 1e6,
                submission_us: limits.submission.as_secs_f64() * 1e6,
            }),
            rows,
            ..Run::default()
        }
    }

    /// Reads a file of `--json`.
    pub fn read(path: &Path) -> Result<Self> {
        serde_json::from_str(&files::text(path)?).map_err(|error| {
            bad_use(format!("{}: not the JSON of a benchmark: {error}", path.display()))
        })
    }

    /// Rows that were run and were not found to be right. Nothing can be held against the reference.
    pub fn failures(&self) -> impl Iterator<Item = &Row> {
        let judged = self.known_answers.is_none();
        self.rows.iter().filter(move |row| judged && row.refused.is_none() && !row.checked)
    }

    /// Whether all that was to be measured was, and was right.
    pub fn passed(&self) -> bool {
        let wrong = self.known_answers.map_or(0, |answers| answers.failures);
        wrong == 0 && !self.interrupted && self.failures().count() == 0
    }

    /// The row that is the same as one of another run: by the call, and by the kernel too where a call has several.
    pub fn find(&self, row: &Row, of: &Run) -> Option<&Row> {
        let alone = |run: &Run| run.rows.iter().filter(|any| any.case == row.case).count() == 1;
        let by_case = alone(self) && alone(of);
        let same = |other: &&Row| other.case == row.case && (by_case || other.kernel == row.kernel);
        self.rows.iter().find(same)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output;

    fn parse(json: &str) -> Result<Run> {
        Ok(serde_json::from_str(json)?)
    }

    #[test]
    fn rows_are_read_as_they_were_written_and_keys_may_lack() -> Result<()> {
        let times = r#"{"min": 1.0, "median": 2.0, "p95": 3.0}"#;
        let text = format!(
            r#"{{"involution": "0", "suite": "s", "adapter": "a", "new": 1, "rows": [
                {{"case": "x", "kernel": "k", "gpu_ms": null, "wall_ms": {times}}},
                {{"case": "y", "kernel": "k", "resident_ms": {times}, "wall_ms": null}},
                {{"case": "z", "kernel": "7 dispatches", "dispatches": 7}}]}}"#
        );
        for run in [parse(&text)?, parse(&output::json(&parse(&text)?)?)?] {
            let seen = run.rows.iter().map(|row| {
                (&*row.case, row.kernel(), row.device().map(|times| times.median), row.failure())
            });
            let expected = [
                ("x", "k".to_owned(), Some(2.0), None),
                ("y", "k".to_owned(), Some(2.0), None),
                ("z", "7 dispatches".to_owned(), None, Some("FAILED")),
            ];
            assert_eq!(seen.collect::<Vec<_>>(), expected);
            assert!(run.rows[0].device().is_some_and(|times| times.times.is_empty()));
        }
        assert!(parse("{}").is_err() && parse("rows").is_err());
        Ok(())
    }

    #[test]
    fn a_row_that_is_wrong_fails_the_run_and_one_that_is_left_out_does_not() {
        let row = |checked, refused: Option<&str>| Row {
            checked,
            refused: refused.map(str::to_owned),
            ..Row::default()
        };
        let run = |rows| Run { rows, ..Run::default() };
        assert!(run(vec![row(true, None), row(false, Some("no room"))]).passed());
        assert!(!run(vec![row(true, None), row(false, None)]).passed());
        assert!(!Run { interrupted: true, ..run(Vec::new()) }.passed());
        let known = |failures| Some(Answers { cases: 9, failures });
        assert!(Run { known_answers: known(0), ..run(vec![row(false, None)]) }.passed());
        assert!(!Run { known_answers: known(1), ..run(Vec::new()) }.passed());
    }
}

//! What a comparison found, as a table and as JSON.

use std::fmt::Write;

use anyhow::Result;
use serde::Serialize;

use super::super::findings::number;
use super::super::record::{Row, Run};
use super::judge::{Doubt, Judged, Verdict};
use super::{Clock, Comparison, Matched, same};
use crate::output;

/// A row of both sides.
#[derive(Debug, Serialize)]
struct Line {
    case: String,
    kernel: String,
    /// Where it was another one.
    kernel_before: Option<String>,
    /// Lower quartiles of the samples; or their trimmed means without what probes tell of the machine.
    before_ms: Option<f64>,
    after_ms: Option<f64>,
    /// After by before, what happened to all rows taken out, and the interval that it lies in.
    ratio: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    verdict: &'static str,
    /// Why nothing can be told.
    reason: Option<&'static str>,
}

/// A comparison.
#[derive(Debug, Serialize)]
pub struct Report {
    suite: String,
    clock: Clock,
    /// Whether what probes tell of the machine is taken out of the samples.
    probed: bool,
    threshold: f64,
    /// By what all rows moved; `None` where they are too few to know.
    drift: Option<f64>,
    scatter: Option<f64>,
    /// By what the adapter's own limits moved, as times: a machine that is slower has more.
    limits: Option<f64>,
    /// What is not the same on both sides beside the rows.
    differences: Vec<String>,
    rows: Vec<Line>,
    only_before: Vec<String>,
    only_after: Vec<String>,
}

impl Report {
    pub fn new(
        before: &Run,
        after: &Run,
        rows: &[Matched<'_>],
        Comparison { clock, probed, judgement, threshold }: Comparison,
    ) -> Self {
        let known = judgement.scatter.is_finite();
        let lines = rows.iter().zip(&judgement.rows).map(|(row, judged)| Line::new(row, judged));
        Report {
            suite: before.suite.clone(),
            clock,
            probed,
            threshold,
            drift: known.then_some(judgement.drift),
            scatter: known.then_some(judgement.scatter),
            limits: limits(before, after),
            differences: differences(before, after),
            rows: lines.collect(),
            only_before: missing(before, after),
            only_after: missing(after, before),
        }
    }

    fn count(&self, verdict: &str) -> usize {
        self.rows.iter().filter(|line| line.verdict == verdict).count()
    }

    /// Whether no row is slower or wrong.
    pub fn passed(&self) -> bool {
        self.count(SLOWER) == 0 && self.count(FAILED) == 0
    }

    /// The comparison in a line.
    pub fn verdict(&self) -> String {
        let wrong = match self.count(FAILED) {
            0 => String::new(),
            wrong => format!("{wrong} wrong now, "),
        };
        format!(
            "{wrong}{} slower, {} faster, {} the same within {:.0} %, {} of which nobody can tell.",
            self.count(SLOWER),
            self.count(FASTER),
            self.count(SAME),
            100.0 * self.threshold,
            self.count(CANNOT_TELL)
        )
    }

    pub fn json(&self) -> Result<String> {
        output::json(self)
    }

    pub fn text(&self) -> String {
        let mut table = output::table(
            &["call", "kernel", "before", "after", "ratio", "from", "to", "verdict"],
            2,
        );
        for line in &self.rows {
            let times = [
                (line.before_ms, 3),
                (line.after_ms, 3),
                (line.ratio, 2),
                (line.low, 2),
                (line.high, 2),
            ];
            let numbers = times.map(|(value, digits)| number(value, digits));
            let names = [line.case.clone(), line.kernel.clone()];
            table.add_row(names.into_iter().chain(numbers).chain([line.verdict.to_owned()]));
        }
        let mut text = output::render(&table) + "\n";
        for difference in &self.differences {
            let _ = writeln!(text, "different {difference}");
        }
        for (side, names) in [("before", &self.only_before), ("after", &self.only_after)] {
            if !names.is_empty() {
                let _ = writeln!(text, "only {side}: {}", names.join(", "));
            }
        }
        for line in &self.rows {
            if let Some(kernel) = &line.kernel_before {
                let _ = writeln!(text, "{}: was {kernel}, is {}", line.case, line.kernel);
            }
            if line.verdict == FAILED {
                let _ = writeln!(text, "FAILED {}: was right, and has no time now", line.case);
            }
        }
        self.doubts(&mut text);
        self.machine(&mut text);
        text + &self.verdict() + "\n"
    }

    /// Why there are rows without a verdict.
    fn doubts(&self, text: &mut String) {
        let mut reasons: Vec<&str> = self.rows.iter().filter_map(|line| line.reason).collect();
        reasons.sort_unstable();
        for same in reasons.chunk_by(|a, b| a == b) {
            let _ =
                writeln!(text, "cannot tell, {}: {}", same[0], output::count(same.len(), "row"));
        }
    }

    /// What all rows did.
    fn machine(&self, text: &mut String) {
        let clock = match self.probed {
            true => format!("{}, without what probes tell of the machine", self.clock.name()),
            false => format!("{}, lower quartiles", self.clock.name()),
        };
        let (Some(drift), Some(scatter)) = (self.drift, self.scatter) else {
            let _ = writeln!(text, "Times in ms by {clock}.");
            return;
        };
        // Nothing is never below zero.
        let percent =
            |ratio: f64| format!("{:+.1} %", (1000.0 * (ratio - 1.0)).round() / 10.0 + 0.0);
        if !(1.0 / (1.0 + self.threshold)..=1.0 + self.threshold).contains(&drift) {
            let limits = self.limits.map_or_else(String::new, |limits| {
                format!(" (what the adapter needs to copy and multiply: {})", percent(limits))
            });
            let _ = writeln!(
                text,
                "Everything moved by {}{limits}: cannot tell the build from the machine.",
                percent(drift)
            );
        }
        let _ = writeln!(
            text,
            "Times in ms by {clock};\n`ratio` is what is left when {} is taken from all rows, which scatter by {:.1} % \
             around that.",
            percent(drift),
            100.0 * scatter
        );
    }
}

const SLOWER: &str = "slower";
const FASTER: &str = "faster";
const SAME: &str = "same";
const CANNOT_TELL: &str = "cannot tell";
const FAILED: &str = "FAILED";

impl Line {
    fn new(row: &Matched<'_>, judged: &Judged) -> Self {
        let (before, after) = (row.before[0], row.after[0]);
        let finite = |value: f64| value.is_finite().then_some(value);
        let (verdict, reason) = match judged.verdict {
            _ if before.failure().is_none()
                && row.after.iter().any(|row| row.failure() == Some("FAILED")) =>
            {
                (FAILED, None)
            }
            Verdict::Slower => (SLOWER, None),
            Verdict::Faster => (FASTER, None),
            Verdict::Same => (SAME, None),
            Verdict::CannotTell(doubt) => (CANNOT_TELL, Some(reason(doubt))),
        };
        let time = |value: f64| (value > 0.0).then_some(value);
        Line {
            case: before.case.clone(),
            kernel: after.kernel(),
            kernel_before: Some(before.kernel()).filter(|kernel| *kernel != after.kernel()),
            before_ms: time(judged.before),
            after_ms: time(judged.after),
            ratio: finite(judged.ratio),
            // Where too few rows tell what the machine does, the interval has no end.
            low: finite(judged.low).filter(|&low| low > 0.0),
            high: finite(judged.high),
            verdict,
            reason,
        }
    }
}

fn reason(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Noise => "the runs differ by as much anyway",
        Doubt::Busy => "the machine was busy",
        Doubt::FewSamples => "too few samples",
        Doubt::FewRows => "too few rows to know what the machine did to all of them",
    }
}

/// The names of rows that the other run does not have.
fn missing(run: &Run, other: &Run) -> Vec<String> {
    let known = |row: &&Row| !other.rows.iter().any(|any| same(row, &run.rows, any, &other.rows));
    run.rows.iter().filter(known).map(|row| row.case.clone()).collect()
}

/// What is different between the runs as a whole.
fn differences(before: &Run, after: &Run) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
    [
        ("version", before.involution.clone(), after.involution.clone()),
        ("adapter", before.adapter.clone(), after.adapter.clone()),
        ("backend", text(&before.backend), text(&after.backend)),
        ("driver", text(&before.driver), text(&after.driver)),
    ]
    .into_iter()
    .filter(|(_, before, after)| before != after)
    .map(|(what, before, after)| format!("{what}: {before}, then {after}"))
    .collect()
}

/// The geometric mean of what copying and multiplying take longer.
fn limits(before: &Run, after: &Run) -> Option<f64> {
    let (before, after) = (before.limits?, after.limits?);
    let ratio = (before.copy_gbps / after.copy_gbps)
        * (before.multiply_add_gflops / after.multiply_add_gflops);
    Some(ratio.sqrt()).filter(|ratio| ratio.is_finite())
}

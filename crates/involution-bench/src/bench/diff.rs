//! `involution bench diff`: whether a build is slower than another, by the files of their runs.

mod adjust;
mod judge;
mod report;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use super::record::{Row, Run};
use super::rounds::Beside;
use super::stats::{Stats, median};
use crate::{Outcome, bad_use, output};
use adjust::{Series, adjusted};
use judge::{Judgement, Pair, Place, judge};
use report::Report;

/// A row whose threads waited for a processor for longer than this part of their time tells nothing: its times are those
/// of other programs, and its processor time is too short, since threads that wait in turn do not slow each other down.
const BUSY: f64 = 0.2;

/// The processor time of a software adapter is preferred where it scatters less than this part of what times do.
const CLEARER: f64 = 0.7;

/// By what part dispatching may take more or less in another run.
const LAUNCH: f64 = 0.25;

const EXAMPLES: &str = "\
Examples:
  involution bench --json before.json
  involution bench --json after.json              with the other build
  involution bench diff before.json after.json
  involution bench diff before.json after.json --fail-over 10%
  involution bench diff a1.json,a2.json b1.json,b2.json
                                                  the calmest run of each row

Exit code 1 where a row is slower by more than --fail-over, or was right and no longer is.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Runs of the build before: files of `involution bench --json`
    #[arg(value_name = "BEFORE.json", num_args = 1, value_delimiter = ',', required = true)]
    before: Vec<PathBuf>,
    /// Runs of the build after, as many
    #[arg(value_name = "AFTER.json", num_args = 1, value_delimiter = ',', required = true)]
    after: Vec<PathBuf>,
    /// Changes that are smaller do not count
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    fail_over: f64,
    /// What to compare [default: gpu where there is one, or cpu on a software adapter where that is clearer]
    #[arg(long, value_enum)]
    clock: Option<Clock>,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

/// Which times are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Clock {
    /// The device's clock
    Gpu,
    /// The host's clock: from host to host in the suites of networks
    Wall,
    /// Processor time of all threads
    Cpu,
}

impl Clock {
    fn of(self, row: &Row) -> Option<&Stats> {
        match self {
            Clock::Gpu => row.gpu_ms.as_ref(),
            Clock::Wall => row.wall_ms.as_ref(),
            Clock::Cpu => row.cpu_ms.as_ref(),
        }
    }

    /// What each probe took beside the samples of a row, by its name; nothing where that is not known of all of them.
    fn probes(self, row: &Row) -> Option<Vec<(&str, &[f64])>> {
        let count = self.of(row)?.times.len();
        let whole = |times: &[f64]| times.len() == count && times.iter().all(|&time| time > 0.0);
        let probes = row.probe_ms.as_ref()?.iter();
        let probes = probes.map(|(name, beside)| (name.as_str(), self.beside(beside)));
        probes.map(|probe| whole(probe.1).then_some(probe)).collect()
    }

    fn beside(self, beside: &Beside) -> &[f64] {
        match self {
            Clock::Gpu => &beside.gpu,
            Clock::Wall => &beside.wall,
            Clock::Cpu => &beside.cpu,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Clock::Gpu => "GPU timestamps",
            Clock::Wall => "wall clock",
            Clock::Cpu => "processor time",
        }
    }
}

/// A part that is given in percent.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>();
    match number {
        Ok(percent) if percent > 0.0 && percent <= 1000.0 => Ok(percent / 100.0),
        _ => Err("a number of percent above 0, such as 5%".to_owned()),
    }
}

pub fn run(args: &Args, json: bool) -> Result<Outcome> {
    if args.before.len() != args.after.len() {
        return Err(bad_use(
            "as many files before as after, or the side with more is the calmer one",
        ));
    }
    let read =
        |files: &[PathBuf]| files.iter().map(|file| Run::read(file)).collect::<Result<Vec<_>>>();
    let report = compare(&read(&args.before)?, &read(&args.after)?, args.fail_over, args.clock)?;
    output::print(&if json || args.json { report.json()? } else { report.text() })?;
    if !report.passed() {
        output::say(format!("error: {}", report.verdict()));
    }
    Ok(Outcome::of(report.passed()))
}

/// Judges the rows that both sides have.
fn compare(before: &[Run], after: &[Run], threshold: f64, clock: Option<Clock>) -> Result<Report> {
    let (first, last) = (&before[0], &after[0]);
    if before.iter().chain(after).any(|run| run.suite != first.suite) {
        return Err(bad_use("the files are of different suites"));
    }
    let known =
        |row: &&Row| last.rows.iter().any(|other| same(row, &first.rows, other, &last.rows));
    let limits = before.iter().chain(after).filter_map(|run| run.limits);
    let dispatch = limits.map(|limits| limits.dispatch_us / 1e3).fold(0.0, f64::max);
    let rows: Vec<Matched<'_>> = first
        .rows
        .iter()
        .filter(known)
        .map(|row| Matched {
            before: find(row, &first.rows, before),
            after: find(row, &first.rows, after),
            dispatch,
        })
        .collect();
    let (clock, judgement) = match clock {
        Some(clock) => (clock, by(clock, &rows, threshold)),
        None => clearest(&rows, first.software && last.software, threshold),
    };
    let probed = is_probed(clock, &rows);
    Ok(Report::new(first, last, &rows, Comparison { clock, probed, judgement, threshold }))
}

/// How rows were compared, and what came of it.
struct Comparison {
    clock: Clock,
    /// Whether what probes tell of the machine is taken out of the times.
    probed: bool,
    judgement: Judgement,
    threshold: f64,
}

/// One row in the files of both sides that have it.
struct Matched<'a> {
    before: Vec<&'a Row>,
    after: Vec<&'a Row>,
    /// What a dispatch takes at the least, in milliseconds; 0 where that was not measured.
    dispatch: f64,
}

impl Matched<'_> {
    /// The part of the time of a call that is that of dispatching it.
    fn launch(&self) -> f64 {
        let rows = self.before.iter().chain(&self.after);
        let parts = rows.filter_map(|row| Some(self.dispatch / row.device()?.median));
        parts.fold(0.0, f64::max)
    }
}

/// Whether rows of two runs are the same: by the call, and by the kernel too where a call has several.
pub fn same(row: &Row, of: &[Row], other: &Row, others: &[Row]) -> bool {
    let alone = |rows: &[Row]| rows.iter().filter(|any| any.case == row.case).count() == 1;
    row.case == other.case && ((alone(of) && alone(others)) || row.kernel == other.kernel)
}

fn find<'a>(row: &Row, of: &[Row], runs: &'a [Run]) -> Vec<&'a Row> {
    let found = |run: &'a Run| run.rows.iter().find(|other| same(row, of, other, &run.rows));
    runs.iter().filter_map(found).collect()
}

fn by(clock: Clock, rows: &[Matched<'_>], threshold: f64) -> Judgement {
    let usual = usual_probes(clock, rows);
    // Of processor time beside a probe's, other programs have the same part.
    let busy = |row: &&Row| {
        let judged = clock == Clock::Cpu && !usual.is_empty();
        row.waited.is_some_and(|waited| waited > BUSY) && !judged
    };
    let calm = |rows: &[&Row]| rows.iter().any(|row| !busy(row));
    let pairs: Vec<Pair> = rows
        .iter()
        .map(|row| {
            let any_is_busy = !calm(&row.before) || !calm(&row.after);
            let wanted = |row: &&&Row| (any_is_busy || !busy(row)) && clock.of(row).is_some();
            let before = row.before.iter().filter(wanted);
            let count = before.clone().count();
            let files: Vec<&Row> = before.chain(row.after.iter().filter(wanted)).copied().collect();
            let mut before = samples(clock, &files, &usual);
            let after = before.split_off(count);
            Pair { before, after, busy: any_is_busy, off: LAUNCH * row.launch() }
        })
        .collect();
    let place = if usual.is_empty() { Place::LowerQuartile } else { Place::TrimmedMean };
    judge(&pairs, place, threshold)
}

/// The samples of a row in some files, without what probes beside them tell of the machine.
fn samples(clock: Clock, files: &[&Row], usual: &[f64]) -> Vec<Vec<f64>> {
    let mut series = Vec::new();
    for &row in files {
        let times = clock.of(row).map_or(&[][..], |stats| &stats.times);
        let probes = clock.probes(row).unwrap_or_default();
        series.push(Series { times, probes: probes.into_iter().map(|(_, times)| times).collect() });
    }
    match usual {
        [] => series.iter().map(|file| file.times.to_vec()).collect(),
        usual => adjusted(&series, usual),
    }
}

/// The median of what each probe took in all runs of both sides. None where not all rows that have times by this clock have
/// the same probes beside them.
fn usual_probes(clock: Clock, rows: &[Matched<'_>]) -> Vec<f64> {
    let files = rows.iter().flat_map(|row| row.before.iter().chain(&row.after));
    let mut all: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut names: Option<Vec<&str>> = None;
    for row in files.filter(|row| clock.of(row).is_some()) {
        let probes = clock.probes(row).unwrap_or_default();
        let here: Vec<&str> = probes.iter().map(|&(name, _)| name).collect();
        if *names.get_or_insert_with(|| here.clone()) != here {
            return Vec::new();
        }
        for (name, times) in probes {
            all.entry(name).or_default().extend(times);
        }
    }
    all.into_values().map(median).collect()
}

fn is_probed(clock: Clock, rows: &[Matched<'_>]) -> bool {
    !usual_probes(clock, rows).is_empty()
}

/// The clock of the device or else the host's; on a software adapter processor time beside a probe's, or where that is
/// the clearer one: other programs make a software adapter wait, not work.
fn clearest(rows: &[Matched<'_>], software: bool, threshold: f64) -> (Clock, Judgement) {
    let has = |clock: Clock| {
        rows.iter()
            .any(|row| row.before.iter().chain(&row.after).any(|row| clock.of(row).is_some()))
    };
    let usual = if has(Clock::Gpu) { Clock::Gpu } else { Clock::Wall };
    if software && is_probed(Clock::Cpu, rows) {
        return (Clock::Cpu, by(Clock::Cpu, rows, threshold));
    }
    let judgement = by(usual, rows, threshold);
    if software && has(Clock::Cpu) {
        let other = by(Clock::Cpu, rows, threshold);
        if other.scatter < CLEARER * judgement.scatter {
            return (Clock::Cpu, other);
        }
    }
    (usual, judgement)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of calls that take 1, 2, 3, ... ms, noise of a hundredth, and the same of processor time.
    fn run(rows: usize, seed: u64) -> Run {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rows = (1..=rows).map(|at| {
            let times = (0..15).map(|_| at as f64 * (1.0 + 0.02 * rng.f64())).collect();
            let times = Stats::of(times);
            Row {
                case: format!("call {at}"),
                kernel: Some("general".to_owned()),
                checked: true,
                gpu_ms: times.clone(),
                cpu_ms: times,
                waited: Some(0.01),
                ..Row::default()
            }
        });
        Run {
            involution: "0.1.0".into(),
            suite: "kernels".into(),
            adapter: "test".into(),
            backend: None,
            driver: None,
            software: true,
            quick: false,
            interrupted: false,
            limits_after: None,
            limits: None,
            rows: rows.collect(),
        }
    }

    fn slow(stats: &mut Option<Stats>, factor: f64) {
        let times = stats.take().map(|stats| stats.times).unwrap_or_default();
        *stats = Stats::of(times.into_iter().map(|time| time * factor).collect());
    }

    fn compared(before: &[Run], after: &[Run]) -> Result<Report> {
        compare(before, after, 0.05, None)
    }

    #[test]
    fn a_slower_kernel_fails_and_is_named_alone() -> Result<()> {
        let (before, mut after) = (run(12, 1), run(12, 2));
        assert!(compared(std::slice::from_ref(&before), std::slice::from_ref(&after))?.passed());
        slow(&mut after.rows[3].gpu_ms, 1.2);
        let (before, after) = ([before], [after]);
        let report = compared(&before, &after)?;
        assert!(!report.passed());
        assert!(
            report.text().contains("1 slower") && report.text().contains("call 4"),
            "{}",
            report.text()
        );
        // The same by processor time is another clock's word.
        let report = compare(&before, &after, 0.05, Some(Clock::Cpu))?;
        assert!(report.passed() && report.text().contains("processor time"), "{}", report.text());
        Ok(())
    }

    #[test]
    fn rows_of_one_file_and_other_machines_are_told() -> Result<()> {
        let (mut before, mut after) = (run(8, 1), run(9, 2));
        before.rows.remove(0);
        after.adapter = "another".into();
        after.involution = "0.2.0".into();
        after.rows[1].kernel = Some("special".into());
        let text = compared(&[before], &[after])?.text();
        for part in [
            "only before: ",
            "only after: call 1, call 9",
            "adapter: test, then another",
            "0.2.0",
            "special",
        ] {
            assert_eq!(text.contains(part), part != "only before: ", "'{part}': {text}");
        }
        Ok(())
    }

    #[test]
    fn a_row_that_is_wrong_now_fails_and_one_that_was_does_not() -> Result<()> {
        let (right, mut wrong) = (run(8, 1), run(8, 2));
        wrong.rows[2].checked = false;
        (wrong.rows[2].gpu_ms, wrong.rows[2].cpu_ms) = (None, None);
        let (right, wrong) = ([right], [wrong]);
        let report = compared(&right, &wrong)?;
        assert!(!report.passed() && report.text().contains("FAILED call 3"), "{}", report.text());
        assert!(compared(&wrong, &right)?.passed());
        Ok(())
    }

    #[test]
    fn a_change_of_all_rows_is_told_but_is_no_regression() -> Result<()> {
        let (before, mut after) = (run(8, 1), run(8, 2));
        after.rows.iter_mut().for_each(|row| slow(&mut row.gpu_ms, 1.3));
        let report = compare(&[before], &[after], 0.05, Some(Clock::Gpu))?;
        assert!(
            report.passed() && report.text().contains("cannot tell the build from the machine")
        );
        Ok(())
    }

    #[test]
    fn a_calm_run_stands_for_a_busy_one() -> Result<()> {
        let (before, after) = ([run(8, 1), run(8, 2)], [run(8, 3), run(8, 4)]);
        let mut busy = after.clone();
        for row in &mut busy[1].rows {
            slow(&mut row.gpu_ms, 3.0);
            row.waited = Some(0.6);
        }
        let verdicts = |report: Report| report.json();
        assert_eq!(verdicts(compared(&before, &busy[..1])?)?, verdicts(compared(&before, &busy)?)?);
        let told = compared(&before[..1], &busy[1..])?;
        assert!(told.passed() && told.text().contains("machine was busy"), "{}", told.text());
        Ok(())
    }

    #[test]
    fn thresholds_are_percent() {
        assert_eq!(percent("5%"), Ok(0.05));
        assert_eq!(percent("12.5"), Ok(0.125));
        assert!(["0", "-5%", "x", "%", "nan"].iter().all(|text| percent(text).is_err()));
    }
}

//! `involution bench diff`: whether a build is slower than another, by the files of their runs. The samples of a row are
//! compared by a Mann-Whitney rank test within each pair of files, and a change counts where it is larger than a
//! threshold and than what the rows differ by anyway.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

use crate::findings::number;
use crate::row::Row;
use crate::run::Run;
use crate::stats::{Stats, median};
use crate::{Outcome, bad_use, output};

/// The normal quantile of 1 %: how sure a verdict is in either direction.
const SURE: f64 = 2.326;

/// So many median deviations from the median row are more than rows differ by anyway: four standard deviations of a
/// normal distribution.
const OUTLIER: f64 = 4.0 * 1.4826;

/// Fewer rows do not tell what the machine did to all of them.
const LEAST_ROWS: usize = 5;

const EXAMPLES: &str = "\
Examples:
  involution bench --json before.json
  involution bench --json after.json              with the other build
  involution bench diff before.json after.json
  involution bench diff before.json after.json --fail-over 10%
  involution bench diff a1.json,a2.json b1.json,b2.json
                                                  of builds that ran in turns

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
    /// What to compare [default: cpu on a software adapter, else gpu where there is one]
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
        return Err(bad_use("as many files before as after: each is compared with one"));
    }
    let read =
        |files: &[PathBuf]| files.iter().map(|file| Run::read(file)).collect::<Result<Vec<_>>>();
    let report = compare(&read(&args.before)?, &read(&args.after)?, args.fail_over, args.clock)?;
    output::print(&if json || args.json { output::json(&report)? } else { report.text() })?;
    if !report.passed() {
        output::say(format!("error: {}", report.summary()));
    }
    Ok(Outcome::of(report.passed()))
}

const SLOWER: &str = "slower";
const FASTER: &str = "faster";
const SAME: &str = "same";
const CANNOT_TELL: &str = "cannot tell";
const FAILED: &str = "FAILED";

/// A row of both sides.
#[derive(Debug, Serialize)]
struct Line {
    case: String,
    kernel: String,
    /// Where it was another one.
    kernel_before: Option<String>,
    /// Medians of the samples of all files.
    before_ms: Option<f64>,
    after_ms: Option<f64>,
    /// After by before, without the drift.
    ratio: Option<f64>,
    verdict: &'static str,
    /// Why nothing can be told.
    reason: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Report {
    suite: String,
    clock: Clock,
    threshold: f64,
    /// The median of all ratios, and their median deviation from it as a part; `None` where the rows are too few.
    drift: Option<f64>,
    scatter: Option<f64>,
    /// What is not the same on both sides beside the rows.
    differences: Vec<String>,
    rows: Vec<Line>,
    only_before: Vec<String>,
    only_after: Vec<String>,
}

/// The samples of a row in a file before and in the one after.
type Pair<'a> = (&'a [f64], &'a [f64]);

/// By how many standard deviations more samples are larger after than by chance: the statistic of Mann and Whitney,
/// summed over the pairs, where the samples after are divided by `scale`.
fn rank_test(pairs: &[Pair<'_>], scale: f64) -> f64 {
    let (mut above, mut variance) = (0.0, 0.0);
    for (before, after) in pairs {
        let count =
            |b: f64| before.iter().map(|a| f64::from(b.total_cmp(a) as i8) / 2.0).sum::<f64>();
        above += after.iter().map(|b| count(b / scale)).sum::<f64>();
        let (n, m) = (before.len() as f64, after.len() as f64);
        variance += n * m * (n + m + 1.0) / 12.0;
    }
    // A count of pairs goes in steps of one.
    let above = above.signum() * (above.abs() - 0.5).max(0.0);
    if variance > 0.0 { above / variance.sqrt() } else { 0.0 }
}

/// Judges the rows that both sides have.
fn compare(before: &[Run], after: &[Run], threshold: f64, clock: Option<Clock>) -> Result<Report> {
    let (first, last) = (&before[0], &after[0]);
    if before.iter().chain(after).any(|run| run.suite != first.suite) {
        return Err(bad_use("the files are of different suites"));
    }
    let has = |run: &Run, clock: Clock| run.rows.iter().any(|row| clock.of(row).is_some());
    let usual = || {
        let both = |clock: &Clock| has(first, *clock) && has(last, *clock);
        // Other programs make a software adapter wait, not work.
        let software = Some(Clock::Cpu).filter(|_| first.software && last.software);
        software.into_iter().chain([Clock::Gpu]).find(both).unwrap_or(Clock::Wall)
    };
    let clock = clock.unwrap_or_else(usual);
    let files = || before.iter().zip(after);
    let times = |row| clock.of(row).map(|it| it.times.as_slice()).filter(|it| !it.is_empty());
    let mut lines = Vec::new();
    for row in &first.rows {
        let both = files().filter_map(|(a, b)| Some((a.find(row, first)?, b.find(row, first)?)));
        let rows: Vec<(&Row, &Row)> = both.collect();
        let Some((was, is)) = rows.first() else { continue };
        let pairs = rows.iter().filter_map(|(a, b)| Some((times(a)?, times(b)?)));
        let pairs: Vec<Pair<'_>> = pairs.collect();
        // The median over the pairs of what the median sample takes longer.
        let longer = |(a, b): &Pair<'_>| median(b.to_vec()) / median(a.to_vec());
        let all = |side: fn(&Pair<'_>) -> Vec<f64>| median(pairs.iter().flat_map(side).collect());
        let known = !pairs.is_empty();
        let failed = was.failure().is_none()
            && rows.iter().any(|(_, after)| after.failure() == Some("FAILED"));
        let line = Line {
            case: was.case.clone(),
            kernel: is.kernel(),
            kernel_before: Some(was.kernel()).filter(|kernel| *kernel != is.kernel()),
            before_ms: known.then(|| all(|pair| pair.0.to_vec())),
            after_ms: known.then(|| all(|pair| pair.1.to_vec())),
            ratio: known.then(|| median(pairs.iter().map(longer).collect())),
            verdict: if failed { FAILED } else { CANNOT_TELL },
            reason: None,
        };
        lines.push((line, pairs));
    }
    let ratios: Vec<f64> = lines.iter().filter_map(|(line, _)| line.ratio).collect();
    let drift = (ratios.len() >= LEAST_ROWS).then(|| median(ratios.clone()));
    let apart = |drift: f64| ratios.iter().map(|ratio| (ratio / drift - 1.0).abs()).collect();
    let scatter = drift.map(|drift| median(apart(drift)));
    let judged = lines.into_iter().map(|(mut line, pairs)| {
        let by = drift.unwrap_or(1.0);
        line.ratio = line.ratio.map(|ratio| ratio / by);
        if line.verdict != FAILED {
            let above = |part: f64| rank_test(&pairs, by * part);
            (line.verdict, line.reason) =
                verdict(line.ratio, above, scatter.unwrap_or(0.0), threshold);
        }
        line
    });
    let missing = |run: &Run, other: &Run| {
        let rows = run.rows.iter().filter(|row| other.find(row, run).is_none());
        rows.map(|row| row.case.clone()).collect()
    };
    Ok(Report {
        suite: first.suite.clone(),
        clock,
        threshold,
        drift,
        scatter,
        differences: differences(first, last),
        rows: judged.collect(),
        only_before: missing(first, last),
        only_after: missing(last, first),
    })
}

/// What a ratio and the rank test for changes by a part tell of a row, and why nothing if that is so.
fn verdict(
    ratio: Option<f64>,
    above: impl Fn(f64) -> f64,
    scatter: f64,
    threshold: f64,
) -> (&'static str, Option<&'static str>) {
    let Some(ratio) = ratio else {
        return (CANNOT_TELL, Some("one of the two has no times by this clock"));
    };
    if above(1.0 + threshold) < -SURE && above(1.0 / (1.0 + threshold)) > SURE {
        return (SAME, None);
    }
    let changed = ratio.max(1.0 / ratio) > 1.0 + threshold && above(1.0).abs() > SURE;
    match (changed, ratio.ln().abs() > OUTLIER * scatter) {
        (true, true) => (if ratio > 1.0 { SLOWER } else { FASTER }, None),
        (true, false) => (CANNOT_TELL, Some("the rows differ by as much anyway")),
        _ => (CANNOT_TELL, Some("the samples are too few, or scatter too much")),
    }
}

/// What is different between the runs as a whole.
fn differences(before: &Run, after: &Run) -> Vec<String> {
    let about = |run: &Run| {
        let [backend, driver, precision] =
            [&run.backend, &run.driver, &run.precision].map(|it| it.clone().unwrap_or_default());
        [run.involution.clone(), run.adapter.clone(), backend, driver, precision]
    };
    let names = ["version", "adapter", "backend", "driver", "precision"].into_iter();
    let both = names.zip(about(before).into_iter().zip(about(after)));
    let differ = both.filter(|(_, (before, after))| before != after);
    differ.map(|(what, (before, after))| format!("{what}: {before}, then {after}")).collect()
}

impl Report {
    fn count(&self, verdict: &str) -> usize {
        self.rows.iter().filter(|line| line.verdict == verdict).count()
    }

    /// Whether no row is slower or wrong.
    fn passed(&self) -> bool {
        self.count(SLOWER) == 0 && self.count(FAILED) == 0
    }

    fn summary(&self) -> String {
        let [wrong, slower, faster, same, unknown] =
            [FAILED, SLOWER, FASTER, SAME, CANNOT_TELL].map(|verdict| self.count(verdict));
        format!(
            "{wrong} wrong now, {slower} slower, {faster} faster, {same} the same within {:.0} %, \
             {unknown} of which nobody can tell.",
            100.0 * self.threshold
        )
    }

    fn text(&self) -> String {
        let mut table =
            output::table(&["call", "kernel", "before", "after", "ratio", "verdict"], 2);
        let mut notes = String::new();
        for difference in &self.differences {
            let _ = writeln!(notes, "different {difference}");
        }
        for (side, names) in [("before", &self.only_before), ("after", &self.only_after)] {
            if !names.is_empty() {
                let _ = writeln!(notes, "only {side}: {}", names.join(", "));
            }
        }
        for line in &self.rows {
            let Line { case, kernel, verdict, .. } = line;
            let [before, after] = [line.before_ms, line.after_ms].map(|ms| number(ms, 3));
            table.add_row([case, kernel, &before, &after, &number(line.ratio, 2), *verdict]);
            if let Some(was) = &line.kernel_before {
                let _ = writeln!(notes, "{case}: was {was}, is {kernel}");
            }
            if *verdict == FAILED {
                let _ = writeln!(notes, "FAILED {case}: was right, and has no time now");
            }
            if let Some(reason) = line.reason {
                let _ = writeln!(notes, "cannot tell {case}: {reason}");
            }
        }
        let clock = format!("{:?}", self.clock).to_lowercase();
        let _ = write!(notes, "Medians in ms by the clock `{clock}`");
        if let Some((drift, scatter)) = self.drift.zip(self.scatter) {
            let _ = write!(
                notes,
                "; `ratio` is without the {:+.1} % of the median row, from which half of the rows\n\
                 differ by more than {:.1} %",
                100.0 * (drift - 1.0),
                100.0 * scatter
            );
            if drift.max(1.0 / drift) > 1.0 + self.threshold {
                notes += ".\nEverything moved: cannot tell the build from the machine";
            }
        }
        format!("{}\n{notes}.\n{}\n", output::render(&table), self.summary())
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    #[test]
    fn the_statistic_is_that_of_tables() {
        // U = 23.5 of 5 by 5, expected 12.5: (11 - 0.5) / sqrt(25 * 11 / 12).
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0], [4.5, 5.0, 6.0, 7.0, 8.0]);
        let z = 10.5 / (25.0f64 * 11.0 / 12.0).sqrt();
        assert!((rank_test(&[(&a, &b)], 1.0) - z).abs() < 1e-9);
        assert!((rank_test(&[(&b, &a)], 1.0) + z).abs() < 1e-9);
        assert_eq!((rank_test(&[(&a, &a)], 1.0), rank_test(&[], 1.0)), (0.0, 0.0));
        // Two pairs that say the same are surer than one; what lies between pairs does not count.
        let far = a.map(|value| value * 100.0);
        let far_after = b.map(|value| value * 100.0);
        assert!(rank_test(&[(&a, &b), (&far, &far_after)], 1.0) > 1.3 * z);
        assert!(rank_test(&[(&a, &b)], 3.0) < 0.0);
    }

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
                ..Row::default()
            }
        });
        let rows = rows.collect();
        Run { suite: "ops".into(), adapter: "test".into(), software: true, rows, ..Run::default() }
    }

    fn slow(stats: &mut Option<Stats>, factor: f64) {
        let times = stats.take().map(|stats| stats.times).unwrap_or_default();
        *stats = Stats::of(times.into_iter().map(|time| time * factor).collect());
    }

    fn compared(before: &[Run], after: &[Run]) -> Result<Report> {
        compare(before, after, 0.05, None)
    }

    #[test]
    fn a_slower_kernel_is_named_alone_and_two_runs_of_one_build_are_the_same() -> Result<()> {
        for seed in 0..20 {
            let (before, mut after) = ([run(12, 2 * seed)], [run(12, 2 * seed + 1)]);
            let report = compared(&before, &after)?;
            assert_eq!(report.count(SAME), 12, "{}", report.text());
            for (factor, verdict) in [(1.2, SLOWER), (1.0 / 1.44, FASTER)] {
                slow(&mut after[0].rows[3].cpu_ms, factor);
                let report = compared(&before, &after)?;
                assert_eq!(report.passed(), verdict != SLOWER);
                assert_eq!((report.count(verdict), report.count(SAME)), (1, 11));
                assert_eq!(report.rows[3].verdict, verdict, "{}", report.text());
            }
            // The device's own clock says nothing of it.
            assert!(compare(&before, &after, 0.05, Some(Clock::Gpu))?.passed());
        }
        Ok(())
    }

    #[test]
    fn nobody_can_tell_from_few_samples_or_from_rows_that_differ() -> Result<()> {
        let reasons = |before: &Run, after: &Run, clock| -> Result<Vec<_>> {
            let report = compare(from_ref(before), from_ref(after), 0.05, Some(clock))?;
            Ok(report.rows.iter().map(|line| line.reason.unwrap_or_default()).collect())
        };
        let (before, mut after) = (run(6, 1), run(6, 2));
        slow(&mut after.rows[0].cpu_ms, 1.2);
        let mut few = after.clone();
        if let Some(cpu) = &mut few.rows[0].cpu_ms {
            cpu.times.truncate(1);
        }
        assert!(reasons(&before, &few, Clock::Cpu)?[0].contains("too few"));
        let mut wild = after.clone();
        let by = [1.2, 0.85, 1.1, 1.0, 0.9, 1.15];
        wild.rows.iter_mut().zip(by).for_each(|(row, by)| slow(&mut row.cpu_ms, by));
        assert!(
            reasons(&before, &wild, Clock::Cpu)?.contains(&"the rows differ by as much anyway")
        );
        assert_eq!(reasons(&before, &after, Clock::Cpu)?[0], "");
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
        for part in
            ["only after: call 1, call 9", "adapter: test, then another", "0.2.0", "special"]
        {
            assert!(text.contains(part), "'{part}': {text}");
        }
        assert!(!text.contains("only before: "), "{text}");
        Ok(())
    }

    #[test]
    fn a_row_that_is_wrong_now_fails_and_one_that_was_does_not() -> Result<()> {
        let (right, mut wrong) = ([run(8, 1)], [run(8, 2)]);
        wrong[0].rows[2].reject("wrong".to_owned());
        let report = compared(&right, &wrong)?;
        assert!(!report.passed() && report.text().contains("FAILED call 3"), "{}", report.text());
        assert!(compared(&wrong, &right)?.passed());
        Ok(())
    }

    #[test]
    fn a_change_of_all_rows_is_told_but_is_no_regression() -> Result<()> {
        let (before, mut after) = (run(8, 1), run(8, 2));
        after.rows.iter_mut().for_each(|row| slow(&mut row.cpu_ms, 1.3));
        let report = compared(&[before], &[after])?;
        assert!(
            report.passed() && report.text().contains("cannot tell the build from the machine")
        );
        Ok(())
    }
}

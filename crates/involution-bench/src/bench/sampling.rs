//! How often something is run, and what ends it early: enough time, or Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Args;
use super::machine::{Watch, cpu_time};
use super::rounds::Probed;
use super::stats::Stats;
use crate::output;

/// Samples of a row, and of one of a quick run.
const SAMPLES: usize = 15;
const QUICK_SAMPLES: usize = 5;

/// How many samples are asked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Amount {
    /// Samples of each row [default: 15, 5 if --quick, fewer where they take too long]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    /// Sample each row for so long at least, and as often as without this
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    min_time: Option<Duration>,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "must be seconds, such as 0.5".to_owned())
}

/// Set by Ctrl-C; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Set where Ctrl-C is listened to: a suite may run several times.
static LISTENING: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C ends the timing, and keeps what was measured.
pub fn listen() -> Result<()> {
    if LISTENING.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        output::say("interrupted: checking what was measured; once more gives up");
    })
    .context("Ctrl-C")
}

/// What each run gave, and what the process had of the machine meanwhile.
#[derive(Debug)]
pub struct Sampled<T> {
    pub runs: Vec<T>,
    /// Processor time of each run, of all threads; `None` where the system does not tell it.
    pub cpu_ms: Option<Stats>,
    /// The part of the time for which threads waited for a processor.
    pub waited: Option<f64>,
    /// How fast the machine was beside each run; `None` where there was nothing to tell it.
    pub probe: Option<Probed>,
}

/// How many samples are taken.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    most: usize,
    /// So many will do after `enough`.
    least: usize,
    enough: Duration,
    /// Nothing will do before.
    min_time: Duration,
}

impl Effort {
    /// As many as the arguments ask for; where they do not say how many, `least` will do after `enough`.
    pub fn new(args: &Args, least: usize, enough: Duration) -> Self {
        let usual = if args.quick { QUICK_SAMPLES } else { SAMPLES };
        let Amount { repeat, min_time } = args.sampling;
        let most = repeat.map_or(usual, |count| count as usize);
        let least = if repeat.is_some() { most } else { least };
        Effort { most, least, enough, min_time: min_time.unwrap_or_default() }
    }

    /// Whether so many samples will do that took so long.
    pub fn is_enough(&self, count: usize, time: Duration) -> bool {
        let count = count >= self.most || (count >= self.least && time >= self.enough);
        count && time >= self.min_time
    }

    /// Runs until there are samples enough; nothing where it was interrupted.
    pub fn sample<T>(
        &self,
        run: impl FnMut() -> involution::Result<T>,
    ) -> involution::Result<Option<Sampled<T>>> {
        self.sample_in_turns(run, || {})
    }

    /// The same in turns with others, whose time is not counted.
    pub fn sample_in_turns<T>(
        &self,
        mut run: impl FnMut() -> involution::Result<T>,
        mut others: impl FnMut(),
    ) -> involution::Result<Option<Sampled<T>>> {
        let (mut spent, watch) = (Duration::ZERO, Watch::start());
        let (mut runs, mut cpu) = (Vec::new(), Vec::new());
        while !self.is_enough(runs.len(), spent) {
            if interrupted() {
                return Ok(None);
            }
            let (start, before) = (Instant::now(), cpu_time());
            runs.push(run()?);
            cpu.extend(cpu_time().zip(before).map(|(after, before)| after.saturating_sub(before)));
            spent += start.elapsed();
            others();
        }
        let waited = watch.and_then(Watch::since).and_then(Watch::waited);
        Ok(Some(Sampled { runs, cpu_ms: Stats::of_durations(cpu), waited, probe: None }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_enough_by_their_number_or_their_time_but_never_before_the_least_time() {
        let effort = |repeat, min_time: u64| {
            let min_time = Some(Duration::from_secs(min_time));
            let sampling = Amount { repeat, min_time };
            let args = Args { sampling, ..Args::default() };
            Effort::new(&args, 3, Duration::from_secs(6))
        };
        let enough =
            |effort: Effort, count, time| effort.is_enough(count, Duration::from_secs(time));
        assert!(enough(effort(None, 0), 15, 0) && !enough(effort(None, 0), 14, 5));
        assert!(enough(effort(None, 0), 3, 6) && !enough(effort(None, 0), 2, 60));
        assert!(enough(effort(Some(20), 0), 20, 0) && !enough(effort(Some(20), 0), 19, 60));
        assert!(enough(effort(Some(2), 9), 2, 9) && !enough(effort(Some(2), 9), 1000, 8));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert!(seconds("-1").is_err() && seconds("soon").is_err());
    }
}

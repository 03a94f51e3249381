//! How often something is run, and what ends it early: enough time, or Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Args;
use super::machine::{Watch, cpu_time};
use super::stats::Stats;

/// Samples of a row, and of one of a quick run.
const SAMPLES: usize = 15;
const QUICK_SAMPLES: usize = 5;

/// Set by Ctrl-C; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C ends the timing, and keeps what was measured.
pub fn listen() -> Result<()> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("interrupted: checking what was measured; once more gives up");
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
}

/// How many samples are taken.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    most: usize,
    /// So many will do after `enough`.
    least: usize,
    enough: Duration,
}

impl Effort {
    /// As many as the arguments ask for; where they do not say how many, `least` will do after `enough`.
    pub fn new(args: &Args, least: usize, enough: Duration) -> Self {
        let usual = if args.quick { QUICK_SAMPLES } else { SAMPLES };
        let most = args.repeat.map_or(usual, |count| count as usize);
        let least = if args.repeat.is_some() { most } else { least };
        Effort { most, least, enough }
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
        while runs.len() < self.most {
            if runs.len() >= self.least && spent >= self.enough {
                break;
            }
            if interrupted() {
                return Ok(None);
            }
            let (start, before) = (Instant::now(), cpu_time());
            runs.push(run()?);
            cpu.extend(cpu_time().zip(before).map(|(after, before)| after.saturating_sub(before)));
            spent += start.elapsed();
            others();
        }
        let (cpu_ms, waited) = (Stats::of_durations(cpu), watch.and_then(Watch::waited));
        Ok(Some(Sampled { runs, cpu_ms, waited }))
    }
}

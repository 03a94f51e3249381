//! Samples of several calls in rounds, one of each call in turn, with probes between any two: what the machine does for
//! some seconds it does to all calls, and what it does for less the probes tell. A call also finds the caches as others
//! left them.

use std::collections::BTreeMap;
use std::time::Duration;

use involution::gpu::{Probe, Timing};
use involution::{Error, Result};
use serde::{Deserialize, Serialize};

use super::machine::{Watch, cpu_time};
use super::sampling::{Effort, Sampled, interrupted};
use super::stats::{Stats, milliseconds};

/// Runs a call once.
pub type Run<'a> = Box<dyn FnMut() -> Result<Timing> + 'a>;

/// What each probe took beside each sample of a call, by its name.
pub type Probed = BTreeMap<String, Beside>;

/// What a probe took beside each sample of a call, in milliseconds: the mean of before and after. Nothing by a clock
/// that there is not.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Beside {
    pub gpu: Vec<f64>,
    pub wall: Vec<f64>,
    pub cpu: Vec<f64>,
}

/// A run with the processor time that it took.
#[derive(Debug, Clone)]
pub struct Clocked {
    pub timing: Timing,
    /// Of all threads; `None` where the system does not tell it.
    pub cpu: Option<Duration>,
}

/// Runs something and takes its processor time.
pub fn clocked(run: impl FnOnce() -> Result<Timing>) -> Result<Clocked> {
    let before = cpu_time();
    let timing = run()?;
    let cpu = cpu_time().zip(before).map(|(after, before)| after.saturating_sub(before));
    Ok(Clocked { timing, cpu })
}

/// The samples of a call so far.
struct Series<'a> {
    run: Run<'a>,
    samples: Vec<Clocked>,
    beside: Probed,
    watched: Option<Watch>,
    spent: Duration,
    failure: Option<Error>,
}

/// Samples of these calls until each has enough or Ctrl-C ends it: a call may have few then, or none. A call that fails
/// has no more.
pub fn sample(
    probes: &[Probe],
    runs: Vec<Run<'_>>,
    effort: Effort,
) -> Result<Vec<Result<Sampled<Timing>>>> {
    let series = |run| Series {
        run,
        samples: Vec::new(),
        beside: Probed::default(),
        watched: None,
        spent: Duration::ZERO,
        failure: None,
    };
    let mut all: Vec<Series<'_>> = runs.into_iter().map(series).collect();
    let wanting =
        |of: &Series<'_>| of.failure.is_none() && !effort.is_enough(of.samples.len(), of.spent);
    'rounds: while all.iter().any(wanting) {
        let mut before = timed(probes)?;
        for series in all.iter_mut().filter(|series| wanting(series)) {
            if interrupted() {
                break 'rounds;
            }
            series.sample();
            let after = timed(probes)?;
            if series.failure.is_none() {
                for ((probe, before), after) in probes.iter().zip(&before).zip(&after) {
                    series.beside.entry(probe.name().to_owned()).or_default().push(before, after);
                }
            }
            before = after;
        }
    }
    Ok(all.into_iter().map(Series::finish).collect())
}

/// Runs each probe.
fn timed(probes: &[Probe]) -> Result<Vec<Clocked>> {
    probes.iter().map(|probe| clocked(|| probe.time())).collect()
}

impl Beside {
    fn push(&mut self, before: &Clocked, after: &Clocked) {
        let mean = |a: Duration, b: Duration| milliseconds((a + b) / 2);
        self.wall.push(mean(before.timing.wall, after.timing.wall));
        self.gpu.extend(before.timing.gpu().zip(after.timing.gpu()).map(|(a, b)| mean(a, b)));
        self.cpu.extend(before.cpu.zip(after.cpu).map(|(a, b)| mean(a, b)));
    }
}

impl Series<'_> {
    fn sample(&mut self) {
        let watch = Watch::start();
        match clocked(&mut self.run) {
            Ok(sample) => {
                self.spent += sample.timing.wall;
                self.samples.push(sample);
            }
            Err(error) => self.failure = Some(error),
        }
        let watched = watch.and_then(Watch::since);
        self.watched = match (self.watched, watched) {
            (Some(before), Some(now)) => Some(before + now),
            (before, now) => before.or(now),
        };
    }

    fn finish(self) -> Result<Sampled<Timing>> {
        if let Some(error) = self.failure {
            return Err(error);
        }
        let cpu: Option<Vec<Duration>> = self.samples.iter().map(|sample| sample.cpu).collect();
        Ok(Sampled {
            runs: self.samples.into_iter().map(|sample| sample.timing).collect(),
            cpu_ms: cpu.and_then(Stats::of_durations),
            waited: self.watched.and_then(Watch::waited),
            probe: Some(self.beside),
        })
    }
}

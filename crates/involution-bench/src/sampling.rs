//! Samples of several runs in turns: how many are taken, and what ends them early, enough time or a signal.

use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use involution::gpu::Timing;

use crate::output;
use crate::request::Request;
use crate::stats::milliseconds;

/// Samples of a row, and of one of a quick run.
const SAMPLES: usize = 15;
const QUICK_SAMPLES: usize = 5;

/// Set by Ctrl-C or SIGTERM; the second one ends the process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Whether the run is to end and to keep what was measured.
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C and SIGTERM end the timing, and what was measured is kept.
pub fn listen() -> Result<()> {
    static LISTENING: Once = Once::new();
    let mut listening = Ok(());
    LISTENING.call_once(|| {
        listening = ctrlc::set_handler(|| {
            if INTERRUPTED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
            output::say("interrupted: keeping what was measured; once more gives up");
        });
    });
    listening.context("Ctrl-C")
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
    pub fn new(args: &Request, least: usize, enough: Duration) -> Self {
        let usual = if args.quick { QUICK_SAMPLES } else { SAMPLES };
        let most = args.repeat.map_or(usual, |count| count as usize);
        Effort { most, least: if args.repeat.is_some() { most } else { least }, enough }
    }

    pub fn is_enough(&self, count: usize, time: Duration) -> bool {
        count >= self.most || (count >= self.least && time >= self.enough)
    }
}

/// Runs something once.
pub type Run<'a> = Box<dyn FnMut() -> involution::Result<Timing> + 'a>;

/// What the runs of one gave so far.
#[derive(Debug, Default)]
pub struct Sampled {
    pub runs: Vec<Timing>,
    /// Processor time of each run, of all threads; none where the system does not tell it.
    pub cpu_ms: Vec<f64>,
    spent: Duration,
}

impl Sampled {
    fn sample(mut self, run: &mut Run<'_>) -> involution::Result<Self> {
        let (before, start) = (cpu_time(), Instant::now());
        self.runs.push(run()?);
        self.spent += start.elapsed();
        let cpu = cpu_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        self.cpu_ms.extend(cpu.map(milliseconds));
        Ok(self)
    }
}

/// The processor time of all threads so far, where the system tells it. That of a software adapter is its work: other
/// programs make it wait, not work.
fn cpu_time() -> Option<Duration> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    None
}

/// One sample of each in turn until each has enough: what the machine does for some seconds it does to all, and each
/// finds the caches as the others left them. After a signal each has what it has by then; one that fails has no more.
pub fn in_turns(runs: &mut [Run<'_>], effort: Effort) -> Vec<involution::Result<Sampled>> {
    let mut all: Vec<_> = runs.iter().map(|_| Ok(Sampled::default())).collect();
    let enough = |of: &Sampled| effort.is_enough(of.runs.len(), of.spent);
    let wants = |of: &involution::Result<Sampled>| of.as_ref().is_ok_and(|of| !enough(of));
    while !interrupted() && all.iter().any(wants) {
        for (samples, run) in all.iter_mut().zip(&mut *runs) {
            if wants(samples) && !interrupted() {
                let before = std::mem::replace(samples, Ok(Sampled::default()));
                *samples = before.and_then(|before| before.sample(run));
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn samples_are_enough_by_their_number_or_their_time() {
        let effort = |repeat| {
            let args = Request { repeat, ..Request::default() };
            Effort::new(&args, 3, Duration::from_secs(6))
        };
        let enough =
            |effort: Effort, count, time| effort.is_enough(count, Duration::from_secs(time));
        assert!(enough(effort(None), 15, 0) && !enough(effort(None), 14, 5));
        assert!(enough(effort(None), 3, 6) && !enough(effort(None), 2, 60));
        assert!(enough(effort(Some(20)), 20, 0) && !enough(effort(Some(20)), 19, 60));
    }

    #[test]
    fn each_has_its_turn_and_one_that_fails_leaves_the_others_alone() {
        let order = RefCell::new(String::new());
        let run = |name: char, fails: bool| -> Run<'_> {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(name);
                let wall = Duration::from_millis(1);
                match fails {
                    true => {
                        Err(involution::Error::at("test")(involution::ShapeError::InputCount {
                            expected: Vec::new(),
                            found: 0,
                        }))
                    }
                    false => Ok(Timing { dispatches: None, span: None, wall }),
                }
            })
        };
        let args = Request { repeat: Some(3), ..Request::default() };
        let mut runs = [run('a', false), run('b', true), run('c', false)];
        let samples = in_turns(&mut runs, Effort::new(&args, 1, Duration::ZERO));
        let counts: Vec<Option<usize>> =
            samples.iter().map(|samples| samples.as_ref().ok().map(|of| of.runs.len())).collect();
        assert_eq!(counts, [Some(3), None, Some(3)]);
        drop(runs);
        assert_eq!(order.into_inner(), "abcacac");
    }
}

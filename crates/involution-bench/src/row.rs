//! A row: what ran, how long it took, and whether it was right. One struct is written as JSON and read again, so the
//! rows of every suite have the same keys. What a suite does not measure is `null`, 0 or empty.

use std::collections::BTreeMap;
use std::time::Duration;

use involution::gpu::{self, Bound, Timer, Timing};
use involution::ops::Cost;
use serde::{Deserialize, Serialize};

use crate::sampling::Sampled;
use crate::stats::{self, Stats, milliseconds};

/// Timestamps and the host's clock that are further apart than this part disagree.
const APART: f64 = 0.15;

/// A row whose middle half is longer than this part of its median is unsafe.
pub const SPREAD: f64 = 0.10;

/// A workload by a kernel, or a network by all of its kernels. `docs/cli.md` describes the keys.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// The operator, layer or network.
    pub op: String,
    pub group: String,
    /// The name; unique but for several kernels of one call.
    pub case: String,
    /// The one kernel, or how many dispatches there are of several.
    pub kernel: Option<String>,
    /// Of a network: each once, in the order in which they run first.
    pub kernels: Vec<String>,
    pub dispatches: usize,
    pub batch: Option<u64>,
    /// Whether the plan of a layer or network was fused.
    pub fused: Option<bool>,
    pub checked: bool,
    /// Why it is not checked.
    pub note: Option<String>,
    /// Why it was not run: there is no room for it.
    pub refused: Option<String>,
    /// On tensors of the device by its own clock, where it has one: the sum of the dispatches.
    pub gpu_ms: Option<Stats>,
    /// By the host's clock: a call from its submission until the host knows of its end, all else from tensors of the
    /// host to a tensor of the host.
    pub wall_ms: Option<Stats>,
    /// What is timed from host to host, on tensors of the device: from submission until the host knows of the end.
    pub resident_ms: Option<Stats>,
    /// By the device's clock from the beginning of the first dispatch to the end of the last.
    pub span_ms: Option<Stats>,
    /// Processor time of all threads, during the runs on tensors of the device where there are any.
    pub cpu_ms: Option<Stats>,
    /// The first run, with preparing and compiling.
    pub compile_ms: Option<f64>,
    /// Pipelines that `compile_ms` compiled: 0 where an earlier row had done so.
    pub compiled: u64,
    /// Of `wall_ms`.
    pub samples: usize,
    pub flops: u64,
    pub bytes: u64,
    pub gflops: Option<f64>,
    pub gbps: Option<f64>,
    /// The least time that the adapter's limits allow, which of them that is, and it as a part of the median.
    pub floor_ms: Option<f64>,
    pub bound: Option<String>,
    pub of_floor: Option<f64>,
    /// Why the times are unsafe.
    pub warning: Option<String>,
    /// Which clock is behind the rates.
    pub timer: Option<String>,
    /// The largest error as a multiple of what is allowed.
    pub worst_over_bound: Option<f64>,
    pub shapes: BTreeMap<String, Vec<usize>>,
    pub attributes: BTreeMap<String, String>,
    /// The dispatches of a network, in the order in which they run, where the device times each of them.
    pub steps: Vec<Step>,
    /// Of a sweep: height and width of the images.
    pub size: Option<u64>,
    /// Bytes on the device by the plan.
    pub memory: Option<u64>,
    /// Of a sweep: the median from host to host by the pixels of all images, and that as a multiple of the first row's.
    pub ns_per_pixel: Option<f64>,
    pub ratio: Option<f64>,
    /// Other libraries that were timed in turns with it.
    pub peers: Vec<Peer>,
}

/// A dispatch of a network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Step {
    /// The step of the plan that it is for.
    pub step: String,
    pub kernel: String,
    /// The shape of the step's result.
    pub shape: Vec<usize>,
    /// The median of its times on the device, in milliseconds.
    pub ms: f64,
}

/// What another library made of a row, as `benches/peers/run.py` measures it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Peer {
    pub peer: String,
    /// The library, as it names itself.
    pub version: Option<String>,
    /// From host to host.
    pub wall_ms: Option<Stats>,
    /// From the file of its model to its first answer.
    pub first_ms: Option<f64>,
    /// Our median over its median; nothing where one of the two has no right answer.
    pub ratio: Option<f64>,
    /// The largest distance from our answer as a multiple of what is allowed.
    pub error_over_bound: Option<f64>,
    /// Why it has no times, or no ratio.
    pub note: Option<String>,
}

impl Row {
    /// Adds the times of samples on the device: by its clock where every sample has it. Rates are by the better clock.
    pub fn timed(mut self, samples: Sampled) -> Self {
        let all = |time: fn(&Timing) -> Option<Duration>| {
            let times: Option<Vec<Duration>> = samples.runs.iter().map(time).collect();
            times.and_then(Stats::of_durations)
        };
        self.gpu_ms = all(Timing::gpu);
        self.span_ms = all(|sample| sample.span);
        self.wall_ms = all(|sample| Some(sample.wall));
        self.samples = samples.runs.len();
        let timer = if self.gpu_ms.is_some() { Timer::Timestamps } else { Timer::Wall };
        self.timer = Some(timer.to_string());
        let rate = |count| stats::rate(count, self.device()?.median);
        (self.gflops, self.gbps) = (rate(self.flops), rate(self.bytes));
        self.cpu_ms = Stats::of(samples.cpu_ms);
        self.spread_of(|row| row.device())
    }

    /// Adds times by the host's clock alone, if what was timed is right.
    pub fn timed_by_host(mut self, times: Vec<f64>, right: Result<(), String>) -> Self {
        self.samples = times.len();
        self.checked = right.is_ok();
        self.note = right.err();
        if self.checked {
            self.wall_ms = Stats::of(times);
            let rate = self.wall_ms.as_ref().and_then(|wall| stats::rate(self.bytes, wall.median));
            self.gbps = rate.filter(|_| self.bytes > 0);
        }
        self.spread_of(|row| row.wall_ms.as_ref())
    }

    /// Warns of these times if they spread too much.
    pub fn spread_of(mut self, times: impl Fn(&Self) -> Option<&Stats>) -> Self {
        let spread = times(&self).map(|times| times.spread).filter(|&spread| spread > SPREAD);
        let text =
            |part| format!("the middle half of the samples spreads over {:.0} %", 100.0 * part);
        self.warning = spread.map(text);
        self
    }

    /// Stands behind a time that is unsafe.
    pub fn mark(&self) -> &'static str {
        if self.warning.is_some() { "~" } else { "" }
    }

    /// Adds the floor that these limits put under the time, and holds the clocks against each other.
    pub fn above(mut self, limits: &gpu::Limits) -> Self {
        let (floor, bound) = limits.floor(Cost { flops: self.flops, bytes: self.bytes });
        let bound = match bound {
            Bound::Arithmetic => "arithmetic",
            Bound::Memory => "memory",
        };
        let floor = milliseconds(floor);
        (self.floor_ms, self.bound) = (Some(floor), Some(bound.to_owned()));
        self.of_floor = self.device().map(|times| floor / times.median);
        // Of what is no longer than a submission the clocks show nothing.
        let submission = milliseconds(limits.submission);
        let wall = self.resident_ms.as_ref().or(self.wall_ms.as_ref());
        if let (Some(span), Some(wall)) = (&self.span_ms, wall) {
            let ratio = span.median / (wall.median - submission);
            if wall.median > 2.0 * submission && (ratio - 1.0).abs() > APART {
                let text =
                    format!("timestamps tell {:.0} % of what the host waited", 100.0 * ratio);
                self.warning =
                    Some(self.warning.map_or(text.clone(), |it| format!("{it}; {text}")));
            }
        }
        self
    }

    /// Takes the times away: what was timed is wrong.
    pub fn reject(&mut self, note: String) {
        self.note = Some(note);
        self.checked = false;
        (self.gpu_ms, self.wall_ms, self.resident_ms, self.span_ms, self.cpu_ms) =
            Default::default();
        (self.compile_ms, self.compiled, self.timer, self.warning) = Default::default();
        (self.gflops, self.gbps, self.of_floor) = Default::default();
        self.steps.clear();
    }

    /// The time on the device by the best clock there is.
    pub fn device(&self) -> Option<&Stats> {
        self.gpu_ms.as_ref().or(self.resident_ms.as_ref()).or(self.wall_ms.as_ref())
    }

    /// What is said of it in the place of a time.
    pub fn failure(&self) -> Option<&'static str> {
        match (&self.refused, self.device()) {
            (Some(_), _) => Some("left out"),
            (None, None) => Some("FAILED"),
            _ => None,
        }
    }

    /// The kernel, or how many dispatches there are of several.
    pub fn kernel(&self) -> String {
        self.kernel.clone().unwrap_or_else(|| "-".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_agree_until_they_are_further_apart_than_a_submission_explains() {
        let warned = |span, wall, submission| {
            let limits = gpu::Limits {
                copy: 1e9,
                multiply_add: 1e9,
                dispatch: Duration::from_micros(10),
                submission: Duration::from_millis(submission),
            };
            let [span_ms, wall_ms] = [span, wall].map(|ms| Stats::of(vec![ms]));
            Row { span_ms, wall_ms, ..Row::default() }.above(&limits).warning
        };
        assert_eq!(warned(11.0, 13.0, 2), None);
        assert!(warned(5.0, 12.0, 2).is_some_and(|text| text.contains("50 %")));
        assert_eq!(warned(5.0, 12.0, 6), None);
    }

    #[test]
    fn a_wide_spread_makes_a_time_unsafe() {
        let mark = |times: &[f64]| {
            let row = Row { wall_ms: Stats::of(times.to_vec()), ..Row::default() };
            row.spread_of(|row| row.wall_ms.as_ref()).mark()
        };
        assert_eq!((mark(&[1.0, 1.01, 1.02, 1.03]), mark(&[1.0, 1.5, 2.0, 2.5])), ("", "~"));
    }
}

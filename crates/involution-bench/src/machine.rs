//! What this process had of the machine while a row was timed, and whether others had it, too.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::stats::Stats;
use crate::output;

/// A row whose middle half is longer than this part of its median is unsafe, and one whose threads waited for a
/// processor for longer than this part of their time.
const SPREAD: f64 = 0.10;
const WAITED: f64 = 0.20;

/// The processor time of all threads so far, where the system tells it. That of a software adapter is its work: other
/// programs make it wait, not work.
pub fn cpu_time() -> Option<Duration> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::time::{ClockId, clock_gettime};
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Some(Duration::new(time.tv_sec.try_into().ok()?, time.tv_nsec.try_into().ok()?))
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    None
}

/// Nanoseconds that the threads of this process had a processor, and that they waited for one.
#[derive(Debug, Clone, Copy)]
pub struct Watch {
    ran: u64,
    waited: u64,
}

impl Watch {
    /// From now on; nothing where the system does not count how long threads wait.
    pub fn start() -> Option<Self> {
        let tasks = fs::read_dir("/proc/self/task").ok()?;
        let mut sum = Watch { ran: 0, waited: 0 };
        for task in tasks.flatten() {
            // A thread may have ended since.
            let Ok(text) = fs::read_to_string(task.path().join("schedstat")) else { continue };
            sum = sum + counters(&text)?;
        }
        (sum.ran > 0).then_some(sum)
    }

    /// What they had since then; nothing where threads that ended took their counts with them.
    pub fn since(self) -> Option<Self> {
        let now = Watch::start()?;
        let (ran, waited) = (now.ran.checked_sub(self.ran)?, now.waited.checked_sub(self.waited)?);
        Some(Watch { ran, waited })
    }

    /// The part of the time that threads were ready to run and had no processor. A software adapter runs on the
    /// processors itself: there it is what other programs took away.
    pub fn waited(self) -> Option<f64> {
        let all = self.ran + self.waited;
        (all > 0).then(|| self.waited as f64 / all as f64)
    }
}

impl std::ops::Add for Watch {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Watch { ran: self.ran + other.ran, waited: self.waited + other.waited }
    }
}

/// What a file `schedstat` counts.
fn counters(text: &str) -> Option<Watch> {
    let mut fields = text.split_ascii_whitespace().map(|field| field.parse().ok());
    Some(Watch { ran: fields.next()??, waited: fields.next()?? })
}

/// What speaks against the times of a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Noise {
    /// The part of the time in which threads of this process were ready to run and had no processor; `None` where
    /// the system does not count it.
    pub waited: Option<f64>,
    /// Why the times are unsafe.
    pub warning: Option<String>,
}

impl Noise {
    /// Of these times, during which the process waited for such a part.
    pub fn of(times: Option<&Stats>, waited: Option<f64>) -> Self {
        let mut noise = Noise { waited, warning: None };
        let spread = times.map_or(0.0, |times| times.spread);
        let beyond = |noise: &mut Noise, part: f64, most: f64, text: &str| {
            if part > most {
                noise.warn(format!("{text} {:.0} %", 100.0 * part));
            }
        };
        beyond(&mut noise, spread, SPREAD, "the middle half of the samples spreads over");
        let part = waited.unwrap_or_default();
        beyond(&mut noise, part, WAITED, "the part of the time without a processor was");
        noise
    }

    /// Adds a reason why the times are unsafe.
    pub fn warn(&mut self, reason: String) {
        let before = self.warning.take();
        self.warning = Some(before.map_or(reason.clone(), |before| format!("{before}; {reason}")));
    }

    /// Stands behind a time that is unsafe.
    pub fn mark(&self) -> &'static str {
        if self.warning.is_some() { "~" } else { "" }
    }
}

/// What a table says of the rows whose times are unsafe; nothing where there are none.
pub fn unsafe_rows<'a>(rows: impl Iterator<Item = &'a Noise>) -> String {
    match rows.filter(|noise| noise.warning.is_some()).count() {
        0 => String::new(),
        rows => format!(
            "~ {}: a spread above {:.0} %, a busy machine or clocks that disagree. JSON says which.\n",
            output::count(rows, "unsafe row"),
            100.0 * SPREAD
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_spread_and_a_busy_machine_make_a_time_unsafe() {
        let calm = Stats::of(vec![1.0, 1.01, 1.02, 1.03]);
        let wild = Stats::of(vec![1.0, 1.5, 2.0, 2.5]);
        let of = |times: &Option<Stats>, waited| Noise::of(times.as_ref(), waited);
        assert_eq!((of(&calm, Some(0.01)).mark(), of(&calm, None).warning), ("", None));
        let text = |times, waited| of(times, waited).warning.unwrap_or_default();
        assert!(text(&wild, None).contains("middle half"));
        assert!(text(&calm, Some(0.5)).contains("processor was 50 %"));
        assert!(text(&wild, Some(0.5)).contains("; the part"));
        assert_eq!(of(&wild, None).mark(), "~");
    }

    #[test]
    fn counters_are_read_and_nonsense_is_not() {
        let read = |text| counters(text).map(|watch| (watch.ran, watch.waited));
        assert_eq!(read("12 34 5\n"), Some((12, 34)));
        assert_eq!(read("12\n"), None);
        assert_eq!(read("x y z"), None);
    }
}

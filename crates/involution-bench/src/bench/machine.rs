//! What this process had of the machine while a row was timed, and whether others had it, too.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::stats::Stats;

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

/// What the threads of this process had of the processors, up to some moment.
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
            let (ran, waited) = counters(&text)?;
            sum = Watch { ran: sum.ran + ran, waited: sum.waited + waited };
        }
        (sum.ran > 0).then_some(sum)
    }

    /// What they had since then.
    pub fn since(self) -> Option<Self> {
        let now = Watch::start()?;
        // Threads that ended in between take their counts with them.
        let ran = now.ran.checked_sub(self.ran)?;
        let waited = now.waited.checked_sub(self.waited)?;
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

/// Nanoseconds on a processor and waiting for one, from a file `schedstat`.
fn counters(text: &str) -> Option<(u64, u64)> {
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
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
        Noise { waited, warning: warning(times, waited) }
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
            "~ {rows} unsafe: the samples spread over more than {:.0} %, or the machine was busy. JSON says which.\n",
            100.0 * SPREAD
        ),
    }
}

/// Why a time is unsafe; nothing where it is not.
fn warning(times: Option<&Stats>, waited: Option<f64>) -> Option<String> {
    let percent = |part: f64| format!("{:.0} %", 100.0 * part);
    let spread = times.map(|times| times.spread).filter(|&spread| spread > SPREAD);
    let waited = waited.filter(|&waited| waited > WAITED);
    let reasons = [
        spread.map(|spread| {
            format!("the middle half of the samples spreads over {}", percent(spread))
        }),
        waited.map(|waited| {
            format!("other programs had the processors for {} of the time", percent(waited))
        }),
    ];
    let reasons: Vec<String> = reasons.into_iter().flatten().collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_spread_and_a_busy_machine_make_a_time_unsafe() {
        let calm = Stats::of(vec![1.0, 1.01, 1.02, 1.03]);
        let wild = Stats::of(vec![1.0, 1.5, 2.0, 2.5]);
        assert_eq!(warning(calm.as_ref(), Some(0.01)), None);
        assert_eq!(warning(calm.as_ref(), None), None);
        let text =
            |times: &Option<Stats>, waited| warning(times.as_ref(), waited).unwrap_or_default();
        assert!(text(&wild, None).contains("middle half"));
        assert!(text(&calm, Some(0.5)).contains("for 50 %"));
        assert!(text(&wild, Some(0.5)).contains("; other programs"));
    }

    #[test]
    fn counters_are_read_and_nonsense_is_not() {
        assert_eq!(counters("12 34 5\n"), Some((12, 34)));
        assert_eq!(counters("12\n"), None);
        assert_eq!(counters("x y z"), None);
    }

    #[test]
    fn a_machine_that_counts_gives_a_part() {
        let Some(watch) = Watch::start() else { return };
        let mut sum = 0u64;
        while sum.is_multiple_of(2) || watch.waited().is_none() {
            sum = sum.wrapping_add(1);
        }
        let waited = watch.waited();
        assert!(waited.is_some_and(|waited| (0.0..=1.0).contains(&waited)), "{waited:?}");
    }
}

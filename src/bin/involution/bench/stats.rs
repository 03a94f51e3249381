//! Samples of a time, in three numbers.

use std::time::Duration;

use serde::Serialize;

/// The least, the median and the 95th percentile of some times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Stats {
    pub min: f64,
    pub median: f64,
    /// The least time that 95 % of the samples do not exceed.
    pub p95: f64,
}

impl Stats {
    /// The numbers of some samples; nothing where there are none.
    pub fn of(mut times: Vec<f64>) -> Option<Self> {
        times.sort_by(f64::total_cmp);
        let (&min, middle) = (times.first()?, times.len() / 2);
        let median = match times.len() % 2 {
            0 => (times[middle - 1] + times[middle]) / 2.0,
            _ => times[middle],
        };
        let p95 = times[(times.len() * 95).div_ceil(100) - 1];
        Some(Stats { min, median, p95 })
    }

    /// The same of durations.
    pub fn of_durations(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        Stats::of(times.into_iter().map(milliseconds).collect())
    }
}

/// A time as results give it.
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Billions a second, of a count that took so many milliseconds.
pub fn rate(count: u64, ms: f64) -> Option<f64> {
    // Billions a second are millions a millisecond.
    (ms > 0.0).then(|| count as f64 / ms / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle_and_p95_near_the_end() {
        let stats = |min, median, p95| Some(Stats { min, median, p95 });
        assert_eq!(Stats::of(vec![3.0, 1.0, 2.0]), stats(1.0, 2.0, 3.0));
        assert_eq!(Stats::of(vec![4.0, 1.0, 2.0, 3.0]), stats(1.0, 2.5, 4.0));
        assert_eq!(Stats::of(vec![5.0]), stats(5.0, 5.0, 5.0));
        let hundred = (1..=100).map(f64::from).collect();
        assert_eq!(Stats::of(hundred), stats(1.0, 50.5, 95.0));
        assert_eq!(Stats::of(vec![]), None);
    }
}

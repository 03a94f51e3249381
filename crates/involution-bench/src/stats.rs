//! Samples of a time, and the numbers that tell them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Some times in milliseconds, in a few numbers and as they were taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    pub min: f64,
    pub median: f64,
    /// The least time that 95 % of the samples do not exceed.
    pub p95: f64,
    /// The length of the middle half of the samples, as a part of the median.
    #[serde(default)]
    pub spread: f64,
    /// Every sample, in the order in which they were taken; none in files of versions that kept none.
    #[serde(default)]
    pub times: Vec<f64>,
}

impl Stats {
    /// The numbers of some samples; nothing where there are none.
    pub fn of(times: Vec<f64>) -> Option<Self> {
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        let min = *sorted.first()?;
        let median = quantile(&sorted, 0.5);
        let p95 = sorted[(sorted.len() * 95).div_ceil(100) - 1];
        let middle_half = quantile(&sorted, 0.75) - quantile(&sorted, 0.25);
        let spread = if median > 0.0 { middle_half / median } else { 0.0 };
        Some(Stats { min, median, p95, spread, times })
    }

    /// Statistics of durations.
    pub fn of_durations(times: impl IntoIterator<Item = Duration>) -> Option<Self> {
        Stats::of(times.into_iter().map(milliseconds).collect())
    }
}

/// The value below which this part of some sorted values lies, on a line between two neighbours; 0 of none.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * sorted.len().saturating_sub(1) as f64;
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    let (low, rest) = (at(place as usize), place.fract());
    if rest == 0.0 { low } else { low + rest * (at(place as usize + 1) - low) }
}

/// The middle one of some values; 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
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
        let numbers = |times: &[f64]| {
            Stats::of(times.to_vec()).map(|stats| (stats.min, stats.median, stats.p95))
        };
        assert_eq!(numbers(&[3.0, 1.0, 2.0]), Some((1.0, 2.0, 3.0)));
        assert_eq!(numbers(&[4.0, 1.0, 2.0, 3.0]), Some((1.0, 2.5, 4.0)));
        assert_eq!(numbers(&[5.0]), Some((5.0, 5.0, 5.0)));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(numbers(&hundred), Some((1.0, 50.5, 95.0)));
        assert_eq!(numbers(&[]), None);
    }

    #[test]
    fn the_spread_is_that_of_the_middle_half_and_the_order_of_the_samples_stays() {
        let stats = Stats::of(vec![4.0, 900.0, 2.0, 3.0, 1.0]);
        let Some(stats) = stats else { return assert!(stats.is_some()) };
        assert_eq!(stats.times, [4.0, 900.0, 2.0, 3.0, 1.0]);
        // From 2 to 4 around 3, whatever the last one is.
        assert_eq!(stats.spread, 2.0 / 3.0);
        assert_eq!(Stats::of(vec![7.0]).map(|stats| stats.spread), Some(0.0));
    }
}

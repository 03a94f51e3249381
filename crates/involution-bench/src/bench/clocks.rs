//! Whether the clocks of a row agree: the device's timestamps with each other, and with what the host waited for.

use involution::gpu::{self, Timing};
use serde::{Deserialize, Serialize};

use super::stats::{Stats, milliseconds};

/// Clocks that are further apart than this part disagree.
const APART: f64 = 0.15;

/// What the timestamps of a row come to, each a median of what the samples say by themselves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Clocks {
    /// From the beginning of the first dispatch to the end of the last, as a multiple of the sum of the dispatches.
    pub span_over_sum: Option<f64>,
    /// The same as a multiple of what the host waited, less what a submission takes by itself.
    pub timestamps_over_wall: Option<f64>,
    /// Where the two disagree.
    pub disagreement: Option<String>,
    /// What the device was busy with and what the host waited, in milliseconds.
    #[serde(skip)]
    samples: Vec<(f64, f64)>,
}

impl Clocks {
    /// Of these samples, where all of them have timestamps.
    pub fn of(samples: &[Timing]) -> Self {
        let each = |timing: &Timing| Some((timing.span?, timing.gpu()?, timing.wall));
        let Some(samples) = samples.iter().map(each).collect::<Option<Vec<_>>>() else {
            return Clocks::default();
        };
        let over_sum = samples.iter().map(|(span, sum, _)| span.as_secs_f64() / sum.as_secs_f64());
        let samples =
            samples.iter().map(|&(span, _, wall)| (milliseconds(span), milliseconds(wall)));
        Clocks { span_over_sum: median(over_sum), samples: samples.collect(), ..Clocks::default() }
    }

    /// Held against each other on an adapter of these limits. What is no longer than a submission shows nothing.
    pub fn against(mut self, limits: &gpu::Limits) -> Self {
        let submission = milliseconds(limits.submission);
        let clear = self.samples.iter().filter(|(_, wall)| *wall > 2.0 * submission);
        self.timestamps_over_wall = median(clear.map(|(span, wall)| span / (wall - submission)));
        self.disagreement = self
            .timestamps_over_wall
            .filter(|ratio| (ratio - 1.0).abs() > APART)
            .map(|ratio| format!("timestamps tell {:.0} % of what the host waited", 100.0 * ratio));
        self
    }
}

/// What a table says of the clocks of its rows; nothing where they agree.
pub fn disagreements<'a>(rows: impl Iterator<Item = &'a Clocks>) -> String {
    match rows.filter(|clocks| clocks.disagreement.is_some()).count() {
        0 => String::new(),
        rows => format!(
            "Timestamps and wall clock more than {:.0} % apart: {}. JSON says which.\n",
            100.0 * APART,
            crate::output::count(rows, "row")
        ),
    }
}

/// What a table says of the timestamps of its networks, from the span by the sum of the dispatches and what timestamps
/// themselves cost; nothing where there are none.
pub fn totals(networks: impl Iterator<Item = (Option<f64>, Option<f64>)>) -> String {
    let (spans, costs): (Vec<_>, Vec<_>) =
        networks.filter_map(|(span, cost)| Some((span?, cost?))).unzip();
    let range = |values: &[f64]| {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        if values.len() == 1 { format!("{most:.2}") } else { format!("{least:.2} to {most:.2}") }
    };
    if spans.is_empty() {
        return String::new();
    }
    format!(
        "From its first timestamp to its last a network takes {} times the sum of its dispatches;\nwith timestamps \
         it takes {} times as long as without.\n",
        range(&spans),
        range(&costs)
    )
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    Stats::of(values.collect()).map(|values| values.median)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LIMITS: gpu::Limits = gpu::Limits {
        copy: 1e9,
        multiply_add: 1e9,
        dispatch: Duration::from_micros(10),
        submission: Duration::from_millis(2),
    };

    fn timing(dispatches: &[u64], span: u64, wall: u64) -> Timing {
        let millis = Duration::from_millis;
        Timing {
            dispatches: Some(dispatches.iter().map(|&ms| millis(ms)).collect()),
            span: Some(millis(span)),
            wall: millis(wall),
        }
    }

    #[test]
    fn clocks_agree_until_they_are_further_apart_than_a_submission_explains() {
        let clocks = Clocks::of(&[timing(&[4, 6], 11, 13)]).against(&LIMITS);
        let near = |found: Option<f64>, want: f64| found.is_some_and(|of| (of - want).abs() < 1e-9);
        assert!(near(clocks.span_over_sum, 1.1), "{clocks:?}");
        assert!(near(clocks.timestamps_over_wall, 1.0), "{clocks:?}");
        assert_eq!(clocks.disagreement, None);
        let half = Clocks::of(&[timing(&[5], 5, 12)]).against(&LIMITS);
        assert!(half.disagreement.is_some_and(|text| text.contains("50 %")));
        // Of calls that are as short as a submission nothing can be said.
        let slow = gpu::Limits { submission: Duration::from_millis(6), ..LIMITS };
        assert_eq!(Clocks::of(&[timing(&[5], 5, 12)]).against(&slow).timestamps_over_wall, None);
    }

    #[test]
    fn a_table_says_how_timestamps_add_up_where_there_are_any() {
        assert_eq!(totals([(Some(1.0), None), (None, None)].into_iter()), "");
        let text = totals([(Some(1.02), Some(1.1)), (Some(1.04), Some(0.98))].into_iter());
        assert!(
            text.contains("takes 1.02 to 1.04 times") && text.contains("0.98 to 1.10"),
            "{text}"
        );
        let apart = Clocks { disagreement: Some(String::new()), ..Clocks::default() };
        assert!(disagreements([&apart, &Clocks::default()].into_iter()).contains("apart: 1 row."));
        assert_eq!(disagreements(std::iter::once(&Clocks::default())), "");
    }

    #[test]
    fn a_sample_without_timestamps_leaves_nothing_to_compare() {
        let without = Timing { dispatches: None, span: None, ..timing(&[1], 1, 3) };
        let clocks = Clocks::of(&[timing(&[1], 1, 3), without]);
        assert_eq!(clocks.against(&LIMITS), Clocks::default());
    }
}

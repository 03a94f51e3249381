//! Which kernel to keep, from times that are never twice the same.

use std::time::Duration;

/// How long a kernel takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// The shortest sample: what disturbs a measurement only makes it longer.
    pub min: Duration,
    /// The middle one.
    pub median: Duration,
}

impl Time {
    /// From samples; nothing where there are none.
    pub(super) fn of(samples: &[Duration]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        Some(Time { min: *sorted.first()?, median: *sorted.get(sorted.len() / 2)? })
    }
}

/// One candidate of a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub kernel: String,
    /// Why it may not be chosen.
    pub refused: Option<String>,
    /// How long it takes, where it may.
    pub time: Option<Time>,
}

/// The part of a time by which another kernel has to be faster.
const NOISE: f64 = 0.05;

/// The rounds that another kernel has to win: so many of so many. Where machines are busy, samples of a short
/// kernel differ by half; taken one after the other, two kernels are disturbed alike.
const ROUNDS: (usize, usize) = (4, 5);

/// Whether a kernel is faster than another by more than noise: in most rounds, by its shortest sample, and by
/// the middle one. The samples are in the order of the rounds.
fn beats(new: &[Duration], old: &[Duration]) -> bool {
    let (Some(a), Some(b)) = (Time::of(new), Time::of(old)) else { return false };
    let clearly = |a: Duration, b: Duration| a.as_secs_f64() < (1.0 - NOISE) * b.as_secs_f64();
    let won = new.iter().zip(old).filter(|(new, old)| new < old).count();
    let (wins, of) = ROUNDS;
    won * of >= new.len() * wins && clearly(a.min, b.min) && clearly(a.median, b.median)
}

/// The place of the kernel to run, from the samples of each; those that are not eligible have none.
///
/// The fixed choice stays unless another is clearly faster; an earlier choice stays as long as it is faster than
/// the fixed one at all, unless another is clearly faster than it. So two kernels that are alike do not take
/// turns from one measurement to the next.
pub(super) fn choose(
    samples: &[Vec<Duration>],
    fixed: usize,
    earlier: Option<usize>,
) -> Option<usize> {
    let time = |place: usize| samples.get(place).and_then(|samples| Time::of(samples));
    let places = (0..samples.len()).filter(|&place| time(place).is_some());
    let fastest = places.min_by_key(|&place| time(place).map(|time| time.median))?;
    let Some(fixed_time) = time(fixed) else { return Some(fastest) };
    let holder = earlier.filter(|&place| {
        time(place).is_some_and(|time| time.median < fixed_time.median && time.min < fixed_time.min)
    });
    let holder = holder.unwrap_or(fixed);
    Some(if beats(&samples[fastest], &samples[holder]) { fastest } else { holder })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seven samples of each, from the shortest and the middle one; none where both are 0.
    fn samples(micros: &[[u64; 2]]) -> Vec<Vec<Duration>> {
        let samples = |&[min, median]: &[u64; 2]| match median {
            0 => Vec::new(),
            _ => [min, median, median, median, median, median, 2 * median]
                .map(Duration::from_micros)
                .to_vec(),
        };
        micros.iter().map(samples).collect()
    }

    #[test]
    fn the_fixed_choice_stays_unless_another_is_clearly_faster() {
        assert_eq!(choose(&samples(&[[94, 104], [100, 110]]), 1, None), Some(0));
        // By 4 % at the least, or in the middle, only.
        assert_eq!(choose(&samples(&[[96, 100], [100, 110]]), 1, None), Some(1));
        assert_eq!(choose(&samples(&[[90, 106], [100, 110]]), 1, None), Some(1));
        assert_eq!(choose(&samples(&[[90, 95], [80, 85], [100, 110]]), 2, None), Some(1));
    }

    #[test]
    fn a_kernel_that_loses_too_many_rounds_was_lucky() {
        // The least and the middle sample are the same in both orders.
        let mut both = samples(&[[80, 85], [100, 110]]);
        both[0] = [80, 85, 85, 85, 85, 150, 170].map(Duration::from_micros).to_vec();
        assert_eq!(choose(&both, 1, None), Some(0));
        both[0].swap(1, 6);
        assert_eq!(choose(&both, 1, None), Some(1));
    }

    #[test]
    fn an_earlier_choice_does_not_take_turns_with_one_like_it() {
        let alike = samples(&[[78, 82], [80, 85], [100, 110]]);
        assert_eq!(choose(&alike, 2, Some(1)), Some(1));
        assert_eq!(choose(&alike, 2, None), Some(0));
        // A gain below the noise keeps it; no gain at all does not.
        assert_eq!(choose(&samples(&[[98, 108], [100, 110]]), 1, Some(0)), Some(0));
        assert_eq!(choose(&samples(&[[101, 111], [100, 110]]), 1, Some(0)), Some(1));
        assert_eq!(choose(&samples(&[[70, 72], [80, 85], [100, 110]]), 2, Some(1)), Some(0));
    }

    #[test]
    fn what_is_not_eligible_is_not_chosen() {
        let fastest_is_wrong = samples(&[[0, 0], [100, 110], [50, 60]]);
        assert_eq!(choose(&fastest_is_wrong, 1, Some(0)), Some(2));
        // Not even where it is the fixed choice.
        assert_eq!(choose(&samples(&[[100, 110], [0, 0]]), 1, None), Some(0));
        assert_eq!(choose(&samples(&[[0, 0], [0, 0]]), 1, None), None);
    }
}

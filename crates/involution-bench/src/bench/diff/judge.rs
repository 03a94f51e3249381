//! From the samples of two runs to a verdict on each row.
//!
//! Noise only ever adds to a time, so a row is placed by the lower quartile of its samples; or, where what probes tell of
//! the machine was taken out, which made some shorter too, by the mean of most of them. Two runs of one build still
//! differ by more than their samples tell, since the machine is never twice the same: what it did to all rows alike is
//! the median of their ratios, and what it did to one and not to another is the scatter of the ratios around that.
//! A row has changed where it lies outside of both its own uncertainty and that scatter.

use super::super::stats::quantile;

/// Where a row lies by its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The lower quartile of the calmest file: of times.
    LowerQuartile,
    /// The mean of all files, without the least and the largest tenth: of times that were adjusted by probes.
    TrimmedMean,
}

/// What a trimmed mean leaves out on either side.
const TRIMMED: f64 = 0.1;

/// The chance that any row at all is called changed in two runs of one build, were the noise Gaussian.
const FALSE_ALARM: f64 = 0.01;

/// Rows that it takes to tell what the machine did from what the build did.
pub const ENOUGH_ROWS: usize = 5;

/// The least scatter that is believed.
const LEAST_SCATTER: f64 = 0.01;

/// Samples without which a row has no place, and how often they are drawn anew to learn how certain it is.
const ENOUGH_SAMPLES: usize = 3;
const DRAWS: usize = 100;

/// The samples of a row in the files of both sides.
#[derive(Debug, Clone, Default)]
pub struct Pair {
    pub before: Vec<Vec<f64>>,
    pub after: Vec<Vec<f64>>,
    /// Whether the machine was too busy for them to say anything.
    pub busy: bool,
    /// By what part they may be off, whatever the samples say.
    pub off: f64,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Faster,
    Slower,
    Same,
    /// For this reason.
    CannotTell(Doubt),
}

/// Why nothing can be said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The difference is within what the runs differ by anyway, which is more than the threshold.
    Noise,
    Busy,
    FewSamples,
    /// Of so few rows nobody knows what the machine did to all of them.
    FewRows,
}

/// A row, judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// The places of both sides.
    pub before: f64,
    pub after: f64,
    /// After by before, what happened to all rows taken out, and the interval that it lies in.
    pub ratio: f64,
    pub low: f64,
    pub high: f64,
    pub verdict: Verdict,
}

/// All rows, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// By what all rows moved, as a ratio; 1, and an infinite scatter, where they are too few to know.
    pub drift: f64,
    /// What the ratios scatter by around that, as a part.
    pub scatter: f64,
    /// As many as there were pairs.
    pub rows: Vec<Judged>,
}

/// Judges all rows; a change that is smaller than the threshold, a part such as 0.05, does not count.
pub fn judge(pairs: &[Pair], place: Place, threshold: f64) -> Judgement {
    let measured: Vec<Option<Ratio>> =
        pairs.iter().zip(0..).map(|(pair, seed)| Ratio::of(pair, place, seed)).collect();
    let clear = measured.iter().zip(pairs).filter(|(_, pair)| !pair.busy);
    let logs: Vec<f64> = clear.filter_map(|(ratio, _)| Some(ratio.as_ref()?.log)).collect();
    let (drift, scatter) = match logs.len() {
        rows if rows < ENOUGH_ROWS => (0.0, f64::INFINITY),
        _ => drift_and_scatter(&logs),
    };
    let deviations = deviations(logs.len().max(1));
    let rows = measured.iter().zip(pairs).map(|(ratio, pair)| match ratio {
        Some(ratio) => ratio.judged(drift, scatter, deviations, threshold, pair.busy),
        None => Judged {
            before: place.of(&pair.before),
            after: place.of(&pair.after),
            ratio: f64::NAN,
            low: f64::NAN,
            high: f64::NAN,
            verdict: Verdict::CannotTell(Doubt::FewSamples),
        },
    });
    Judgement { drift: drift.exp(), scatter, rows: rows.collect() }
}

/// The deviations that so many Gaussian values together do not exceed but with the chance of a false alarm.
fn deviations(rows: usize) -> f64 {
    // The tail beyond z is less than the density there by z: z is found where that is the chance of one row, on one side.
    let tail = FALSE_ALARM / (2.0 * rows as f64);
    let square = -2.0 * tail.ln() - std::f64::consts::TAU.ln();
    (0..8).fold(square.sqrt(), |z: f64, _| (square - 2.0 * z.ln()).sqrt())
}

/// The ratio of a row, as a logarithm.
struct Ratio {
    before: f64,
    after: f64,
    log: f64,
    /// Its standard deviation, as far as the samples tell.
    deviation: f64,
}

impl Ratio {
    fn of(pair: &Pair, place: Place, seed: u64) -> Option<Self> {
        let enough = |files: &[Vec<f64>]| {
            !files.is_empty() && files.iter().all(|times| times.len() >= ENOUGH_SAMPLES)
        };
        if !enough(&pair.before) || !enough(&pair.after) {
            return None;
        }
        let (before, after) = (place.of(&pair.before), place.of(&pair.after));
        let log = (after / before).ln();
        if !log.is_finite() {
            return None;
        }
        // Seeded, so that the same files give the same verdict.
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut drawn = |files| place.of(&self::drawn(files, &mut rng));
        let again = |_| (drawn(&pair.after) / drawn(&pair.before)).ln();
        let mut draws: Vec<f64> = (0..DRAWS).map(again).collect();
        draws.sort_by(f64::total_cmp);
        // Of a Gaussian, what lies within one deviation.
        let deviation = ((quantile(&draws, 0.84) - quantile(&draws, 0.16)) / 2.0).max(pair.off);
        Some(Ratio { before, after, log, deviation })
    }

    fn judged(
        &self,
        drift: f64,
        scatter: f64,
        deviations: f64,
        threshold: f64,
        busy: bool,
    ) -> Judged {
        let log = self.log - drift;
        // The scatter has what the samples of a usual row are uncertain by.
        let reach = deviations * scatter.max(self.deviation);
        let (low, high) = ((log - reach).exp(), (log + reach).exp());
        // A time that is 1 + threshold as long is as far from 1 as one that is 1 / (1 + threshold).
        let (least, most) = (1.0 / (1.0 + threshold), 1.0 + threshold);
        let verdict = match log.exp() {
            _ if busy => Verdict::CannotTell(Doubt::Busy),
            _ if scatter.is_infinite() => Verdict::CannotTell(Doubt::FewRows),
            ratio if low > 1.0 && ratio > most => Verdict::Slower,
            ratio if high < 1.0 && ratio < least => Verdict::Faster,
            _ if low >= least && high <= most => Verdict::Same,
            _ => Verdict::CannotTell(Doubt::Noise),
        };
        Judged { before: self.before, after: self.after, ratio: log.exp(), low, high, verdict }
    }
}

impl Place {
    fn of(self, files: &[Vec<f64>]) -> f64 {
        let sorted = |mut times: Vec<f64>| {
            times.sort_by(f64::total_cmp);
            times
        };
        match self {
            Place::LowerQuartile => {
                let quartiles = files.iter().map(|times| quantile(&sorted(times.clone()), 0.25));
                quartiles.reduce(f64::min).unwrap_or_default()
            }
            Place::TrimmedMean => {
                let all = sorted(files.concat());
                let left_out = (TRIMMED * all.len() as f64).round() as usize;
                let kept = &all[left_out..all.len() - left_out];
                kept.iter().sum::<f64>() / kept.len().max(1) as f64
            }
        }
    }
}

/// Samples that are drawn from those that there are.
fn drawn(files: &[Vec<f64>], rng: &mut fastrand::Rng) -> Vec<Vec<f64>> {
    let mut again =
        |times: &Vec<f64>| times.iter().map(|_| times[rng.usize(..times.len())]).collect();
    files.iter().map(&mut again).collect()
}

/// The median of some logarithms, and their scatter as a standard deviation: by the distances between any two of them,
/// the lower quartile of which is blind to rows that did change and surer than the median distance from the median.
fn drift_and_scatter(logs: &[f64]) -> (f64, f64) {
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let drift = quantile(&sorted(logs.to_vec()), 0.5);
    let others =
        logs.iter().enumerate().flat_map(|(at, a)| logs[..at].iter().map(move |b| (a - b).abs()));
    let distance = quantile(&sorted(others.collect()), 0.25);
    // The deviation of a Gaussian by that quartile; that of few values may be much more than it seems.
    let few = 1.0 + 4.0 / logs.len() as f64;
    (drift, (2.2219 * few * distance).max(LEAST_SCATTER))
}

/// Gaussian noise by the sum of twelve.
#[cfg(test)]
pub fn gauss(rng: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(pairs: &[Pair], threshold: f64) -> Judgement {
        super::judge(pairs, Place::LowerQuartile, threshold)
    }

    const ROWS: usize = 30;
    const TRIES: u64 = 100;

    /// Two runs of one build on a shared machine: it is faster or slower as a whole in the second, each row a little
    /// more or less so, and within a row other programs make some of the samples much longer.
    fn runs(rows: usize, samples: usize, seed: u64) -> Vec<Pair> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let drift = (0.2 * gauss(&mut rng)).exp();
        let side = |base: f64, rng: &mut fastrand::Rng| {
            let base = base * (0.012 * gauss(rng)).exp();
            let sample = |_| {
                let outlier = if rng.f64() < 0.2 { 1.0 + rng.f64() } else { 1.0 };
                base * outlier * (1.0 + 0.03 * gauss(rng).abs())
            };
            vec![(0..samples).map(sample).collect()]
        };
        (0..rows)
            .map(|_| {
                let base = (2.0 * gauss(&mut rng)).exp();
                let before = side(base, &mut rng);
                Pair { before, after: side(base * drift, &mut rng), ..Pair::default() }
            })
            .collect()
    }

    fn slowed(pair: &mut Pair, factor: f64) {
        pair.after.iter_mut().flatten().for_each(|time| *time *= factor);
    }

    fn changed(judgement: &Judgement) -> Vec<usize> {
        let changed = |row: &Judged| matches!(row.verdict, Verdict::Slower | Verdict::Faster);
        judgement
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| changed(row))
            .map(|(at, _)| at)
            .collect()
    }

    #[test]
    fn two_runs_of_one_build_differ_in_no_row() {
        for (rows, samples) in [(ROWS, 15), (ROWS, 5), (8, 15), (2, 15), (100, 7)] {
            let alarms = (0..TRIES)
                .filter(|&seed| !changed(&judge(&runs(rows, samples, seed), 0.05)).is_empty())
                .count();
            assert!(
                alarms as f64 <= 2.0 * FALSE_ALARM * TRIES as f64,
                "{alarms}: {rows} x {samples}"
            );
        }
    }

    #[test]
    fn a_fifth_more_in_one_row_is_found_and_hardly_ever_anything_else() {
        let mut alarms = 0;
        for seed in 0..TRIES {
            let mut pairs = runs(ROWS, 15, seed);
            let place = seed as usize % ROWS;
            slowed(&mut pairs[place], 1.2);
            let judgement = judge(&pairs, 0.05);
            assert_eq!(judgement.rows[place].verdict, Verdict::Slower, "{seed}: {judgement:?}");
            alarms += usize::from(changed(&judgement) != [place]);
            slowed(&mut pairs[place], 1.0 / 1.44);
            assert_eq!(judge(&pairs, 0.05).rows[place].verdict, Verdict::Faster, "{seed}");
        }
        assert!(alarms as f64 <= 2.0 * FALSE_ALARM * TRIES as f64, "{alarms}");
    }

    /// Adjusted by probes: noise makes some shorter too, and a few are far off.
    #[test]
    fn a_fifth_more_is_found_among_times_that_were_adjusted() {
        for seed in 0..TRIES {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut pairs = runs(ROWS, 15, seed);
            let all = pairs.iter_mut().flat_map(|pair| [&mut pair.before, &mut pair.after]);
            for sample in all.flatten().flatten() {
                let far = if rng.f64() < 0.05 { 0.3 } else { 0.06 };
                *sample = (far * gauss(&mut rng)).exp();
            }
            let judged = |pairs: &[Pair]| changed(&super::judge(pairs, Place::TrimmedMean, 0.05));
            assert!(judged(&pairs).is_empty(), "{seed}");
            let place = seed as usize % ROWS;
            slowed(&mut pairs[place], 1.2);
            assert_eq!(judged(&pairs), [place], "{seed}");
        }
    }

    #[test]
    fn as_many_deviations_as_a_false_alarm_is_rare() {
        // From tables: a chance of 0.005, and of 0.00005.
        assert!((deviations(1) - 2.576).abs() < 0.05, "{}", deviations(1));
        assert!((deviations(100) - 3.891).abs() < 0.02, "{}", deviations(100));
    }

    #[test]
    fn a_row_that_may_be_off_by_more_is_not_called_changed() {
        let mut pairs = runs(ROWS, 15, 5);
        slowed(&mut pairs[0], 1.2);
        assert_eq!(judge(&pairs, 0.05).rows[0].verdict, Verdict::Slower);
        pairs[0].off = 0.06;
        assert_eq!(judge(&pairs, 0.05).rows[0].verdict, Verdict::CannotTell(Doubt::Noise));
    }

    #[test]
    fn what_happens_to_all_rows_is_drift_and_no_verdict() {
        for seed in 0..20 {
            let mut pairs = runs(ROWS, 15, seed);
            let drift = judge(&pairs, 0.05).drift;
            pairs.iter_mut().for_each(|pair| slowed(pair, 1.3));
            let judgement = judge(&pairs, 0.05);
            assert!((judgement.drift / drift / 1.3 - 1.0).abs() < 1e-9, "{judgement:?}");
            assert!(changed(&judgement).is_empty(), "{judgement:?}");
        }
    }

    #[test]
    fn noise_beyond_the_threshold_is_no_sameness() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut pairs = runs(ROWS, 15, 1);
        pairs.iter_mut().for_each(|pair| slowed(pair, (0.3 * gauss(&mut rng)).exp()));
        let judgement = judge(&pairs, 0.05);
        assert!(judgement.scatter > 0.1, "{judgement:?}");
        let doubts = |row: &Judged| row.verdict == Verdict::CannotTell(Doubt::Noise);
        assert!(judgement.rows.iter().all(doubts), "{judgement:?}");
        // With a threshold above the noise the rows are the same.
        let same = |row: &Judged| row.verdict == Verdict::Same;
        assert!(judge(&runs(ROWS, 15, 1), 0.25).rows.iter().all(same));
    }

    #[test]
    fn a_busy_row_and_one_of_few_samples_are_not_judged() {
        let mut pairs = runs(ROWS, 15, 2);
        slowed(&mut pairs[0], 3.0);
        pairs[0].busy = true;
        slowed(&mut pairs[1], 3.0);
        pairs[1].after[0].truncate(2);
        pairs[2].before.clear();
        let judgement = judge(&pairs, 0.05);
        let few = judge(&pairs[..ENOUGH_ROWS], 0.05).rows;
        assert_eq!(few[4].verdict, Verdict::CannotTell(Doubt::FewRows));
        assert_eq!(judgement.rows[0].verdict, Verdict::CannotTell(Doubt::Busy));
        assert_eq!(judgement.rows[1].verdict, Verdict::CannotTell(Doubt::FewSamples));
        assert_eq!(judgement.rows[2].verdict, Verdict::CannotTell(Doubt::FewSamples));
        assert!(changed(&judgement).is_empty());
        assert!(judge(&[], 0.05).rows.is_empty());
    }

    #[test]
    fn a_calm_file_beside_a_disturbed_one_places_a_row() {
        let mut pairs = runs(ROWS, 15, 3);
        let disturbed: Vec<Vec<f64>> = pairs
            .iter()
            .map(|pair| pair.after[0].iter().map(|time| 2.0 * time).collect())
            .collect();
        for (pair, disturbed) in pairs.iter_mut().zip(disturbed).step_by(2) {
            pair.after.push(disturbed);
        }
        assert!(changed(&judge(&pairs, 0.05)).is_empty());
    }

    #[test]
    fn the_same_samples_have_the_same_verdict() {
        assert_eq!(judge(&runs(ROWS, 15, 4), 0.05), judge(&runs(ROWS, 15, 4), 0.05));
    }
}

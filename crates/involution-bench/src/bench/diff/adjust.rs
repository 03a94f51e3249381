//! Samples without what the machine did to them, as far as probes beside them tell.
//!
//! A slower clock makes all work slower, but a thread that shares its core makes loads slower by one part and
//! multiply-adds by another, and each call has its own mixture of work. So a sample is taken to be its call's own time
//! by powers of the probes' times, and the powers of a call are learned from its samples: from how they and the probes
//! moved together within each file, never from what lies between the files, which is what is asked for.

use super::super::stats::median;

/// The samples of a row in one file, with what each probe took beside them.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    pub times: &'a [f64],
    pub probes: Vec<&'a [f64]>,
}

/// How much probes must move for samples to tell as much of the powers as is believed before: that all kinds of work
/// have the same part. As a deviation of the logarithm.
const BELIEVED: f64 = 0.05;

/// Samples beyond so many deviations count less, and how often it is settled which these are.
const FAR: f64 = 1.5;
const SETTLED: usize = 5;

/// What the samples of some files of one call would have been had the probes taken their usual times.
pub fn adjusted(files: &[Series<'_>], usual: &[f64]) -> Vec<Vec<f64>> {
    let files: Vec<Logarithms> = files.iter().map(|file| Logarithms::of(file, usual)).collect();
    let powers = powers(&files, usual.len());
    files.iter().map(|file| file.rest(&powers).iter().map(|rest| rest.exp()).collect()).collect()
}

/// The logarithms of the samples of a file, and of what the probes took more than usual beside each.
struct Logarithms {
    times: Vec<f64>,
    probes: Vec<Vec<f64>>,
}

impl Logarithms {
    fn of(file: &Series<'_>, usual: &[f64]) -> Self {
        let beside = |at: usize| {
            file.probes.iter().zip(usual).map(|(probe, usual)| (probe[at] / usual).ln()).collect()
        };
        Logarithms {
            times: file.times.iter().map(|time| time.ln()).collect(),
            probes: (0..file.times.len()).map(beside).collect(),
        }
    }

    /// What these powers of the probes do not explain.
    fn rest(&self, powers: &[f64]) -> Vec<f64> {
        let explained = |probes: &Vec<f64>| dot(probes, powers);
        self.times.iter().zip(&self.probes).map(|(time, probes)| time - explained(probes)).collect()
    }

    /// With the means of the file taken out, each sample counted by its weight.
    fn centered(&self, weights: &[f64]) -> impl Iterator<Item = (f64, Vec<f64>)> {
        let total: f64 = weights.iter().sum();
        let mean = |value: &dyn Fn(usize) -> f64| {
            weights.iter().enumerate().map(|(at, weight)| weight * value(at)).sum::<f64>() / total
        };
        let kinds = self.probes.first().map_or(0, Vec::len);
        let time = mean(&|at| self.times[at]);
        let probes: Vec<f64> = (0..kinds).map(|kind| mean(&|at| self.probes[at][kind])).collect();
        self.times.iter().zip(&self.probes).map(move |(one, beside)| {
            (one - time, beside.iter().zip(&probes).map(|(beside, mean)| beside - mean).collect())
        })
    }
}

/// The powers of so many kinds of probes: least squares within the files, drawn towards equal parts, without much heed to
/// samples that lie far off.
fn powers(files: &[Logarithms], kinds: usize) -> Vec<f64> {
    let equal = vec![1.0 / kinds.max(1) as f64; kinds];
    let mut powers = equal.clone();
    let mut weights: Vec<Vec<f64>> = files.iter().map(|file| vec![1.0; file.times.len()]).collect();
    for _ in 0..SETTLED {
        let mut matrix = vec![vec![0.0; kinds]; kinds];
        let mut right = vec![0.0; kinds];
        for (file, weights) in files.iter().zip(&weights) {
            for ((time, probes), weight) in file.centered(weights).zip(weights) {
                let rest = time - dot(&probes, &equal);
                for (row, a) in probes.iter().enumerate() {
                    right[row] += weight * a * rest;
                    for (column, b) in probes.iter().enumerate() {
                        matrix[row][column] += weight * a * b;
                    }
                }
            }
        }
        let samples: f64 = weights.iter().flatten().sum();
        for (kind, row) in matrix.iter_mut().enumerate() {
            row[kind] += samples * BELIEVED * BELIEVED;
        }
        powers =
            equal.iter().zip(solved(matrix, right)).map(|(equal, more)| equal + more).collect();
        weights = files.iter().map(|file| weights_of(&file.rest(&powers))).collect();
    }
    powers
}

/// By how far each lies from the middle.
fn weights_of(rest: &[f64]) -> Vec<f64> {
    let middle = median(rest.to_vec());
    let distances: Vec<f64> = rest.iter().map(|one| (one - middle).abs()).collect();
    // Of a Gaussian, the deviation by the median distance.
    let far = FAR * 1.4826 * median(distances.clone());
    distances.iter().map(|&distance| if distance > far { far / distance } else { 1.0 }).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves a symmetric, positive definite system by elimination.
fn solved(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let count = right.len();
    for pivot in 0..count {
        let (above, below) = matrix.split_at_mut(pivot + 1);
        let from = &above[pivot];
        for (at, row) in (pivot + 1..).zip(below) {
            let factor = row[pivot] / from[pivot];
            row.iter_mut().zip(from).for_each(|(value, from)| *value -= factor * from);
            right[at] -= factor * right[pivot];
        }
    }
    for at in (0..count).rev() {
        let known = dot(&matrix[at][at + 1..], &right[at + 1..]);
        right[at] = (right[at] - known) / matrix[at][at];
    }
    right
}

#[cfg(test)]
mod tests {
    use super::super::judge::gauss;
    use super::*;

    /// A machine on which two kinds of work take longer or shorter by themselves, from sample to sample and for a whole
    /// file, and a call that takes `own` by 1.2 and 0.3 powers of them.
    fn file(own: f64, state: [f64; 2], samples: usize, rng: &mut fastrand::Rng) -> [Vec<f64>; 3] {
        let mut columns = [vec![], vec![], vec![]];
        for _ in 0..samples {
            let now = state.map(|state| state + 0.2 * gauss(rng));
            let noise = if rng.u8(..10) == 0 { 0.5 } else { 0.02 * gauss(rng) };
            columns[0].push((own.ln() + 1.2 * now[0] + 0.3 * now[1] + noise).exp());
            columns[1].push((now[0] + 0.01 * gauss(rng)).exp());
            columns[2].push((now[1] + 0.01 * gauss(rng)).exp());
        }
        columns
    }

    fn adjusted_medians(files: &[[Vec<f64>; 3]]) -> Vec<f64> {
        let series = |[times, a, b]: &'_ [Vec<f64>; 3]| (times.clone(), a.clone(), b.clone());
        let owned: Vec<_> = files.iter().map(series).collect();
        let series: Vec<Series<'_>> =
            owned.iter().map(|(times, a, b)| Series { times, probes: vec![a, b] }).collect();
        adjusted(&series, &[1.0, 1.0]).into_iter().map(median).collect()
    }

    #[test]
    fn what_the_machine_did_is_taken_out_and_what_the_build_did_is_not() {
        for (seed, factor) in [(1, 1.0), (2, 1.2), (3, 1.0 / 1.2), (4, 1.0)] {
            let mut rng = fastrand::Rng::with_seed(seed);
            let before = file(3.0, [0.0, 0.0], 40, &mut rng);
            let after = file(3.0 * factor, [0.3, -0.2], 40, &mut rng);
            let raw = median(after[0].clone()) / median(before[0].clone()) / factor;
            let medians = adjusted_medians(&[before, after]);
            let (before, after) = (medians[0], medians[1]);
            assert!((after / before / factor - 1.0).abs() < 0.04, "{} of {raw}", after / before);
            assert!((before / 3.0 - 1.0).abs() < 0.04, "{before}");
            assert!((raw - 1.0).abs() > 0.15, "{raw}");
        }
    }

    #[test]
    fn what_lies_between_files_teaches_no_power() {
        // The probes rise with the change and with nothing else: no part of it is theirs.
        let steady = |value: f64| vec![value; 20];
        let before = [steady(2.0), steady(1.0), steady(1.0)];
        let after = [steady(3.0), steady(1.1), steady(1.1)];
        let medians = adjusted_medians(&[before, after]);
        assert!((medians[1] / medians[0] - 1.5 / 1.1).abs() < 1e-9, "{medians:?}");
    }

    #[test]
    fn of_probes_that_hardly_move_nothing_is_learned() {
        let mut rng = fastrand::Rng::with_seed(5);
        let [times, ..] = file(1.0, [0.0, 0.0], 15, &mut rng);
        let still = || (0..15).map(|at| 1.0 + 1e-4 * f64::from(at % 3)).collect::<Vec<f64>>();
        let medians = adjusted_medians(&[[times.clone(), still(), still()]]);
        assert!((medians[0] / median(times) - 1.0).abs() < 1e-3, "{medians:?}");
    }

    #[test]
    fn a_system_is_solved() {
        let matrix = vec![vec![4.0, 2.0, 0.5], vec![2.0, 3.0, 1.0], vec![0.5, 1.0, 2.0]];
        let right = matrix.iter().map(|row| dot(row, &[1.0, -2.0, 3.0])).collect();
        let solution = solved(matrix, right);
        assert!(solution.iter().zip([1.0, -2.0, 3.0]).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}

//! What another library made of a row.

use involution::Tensor;
use serde::{Deserialize, Serialize};

use super::super::agreement::distance;
use super::super::stats::Stats;

/// The times of a peer on the inputs and weights of a row, and whether it gives the same answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Against {
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

impl Against {
    /// The same, held against our answer, which took so long.
    pub fn judged(
        mut self,
        theirs: Option<&Tensor>,
        ours: &Tensor,
        tolerance: f64,
        wall: Option<&Stats>,
    ) -> Self {
        let Some(theirs) = theirs else { return self };
        let error = match theirs.shape() == ours.shape() {
            true => distance(theirs.data(), ours.data()) / tolerance,
            false => f64::MAX,
        };
        self.error_over_bound = Some(error);
        if error > 1.0 {
            self.note =
                Some(format!("its answer is {error:.3e} times as far from ours as is allowed"));
        } else if let (Some(ours), Some(theirs)) = (wall, &self.wall_ms) {
            self.ratio = (theirs.median > 0.0).then(|| ours.median / theirs.median);
        }
        self
    }

    /// Forgets what it was compared with: that was wrong.
    pub fn alone(&mut self) {
        (self.ratio, self.error_over_bound) = (None, None);
    }

    /// What a table says of it.
    pub fn cell(&self) -> String {
        match (self.ratio, self.error_over_bound) {
            (Some(ratio), _) => short(ratio),
            (None, Some(error)) if error > 1.0 => "WRONG".to_owned(),
            _ if self.note.is_some() => "failed".to_owned(),
            _ => "-".to_owned(),
        }
    }
}

/// A ratio in as many digits as tell it.
pub fn short(ratio: f64) -> String {
    match ratio {
        ..0.1 => format!("{ratio:.3}"),
        ..10.0 => format!("{ratio:.2}"),
        _ => format!("{ratio:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(data: &[f32]) -> Option<Tensor> {
        Tensor::new([data.len()], data.to_vec()).ok()
    }

    /// What is said of a peer that took 4 ms where we took 2, by its answer; ours is 1, -4.
    fn judged(answer: &[f32]) -> Against {
        let known = Against { wall_ms: Stats::of(vec![4.0]), ..Against::default() };
        let ours = tensor(&[1.0, -4.0]);
        let wall = Stats::of(vec![2.0]);
        let judge =
            |ours: &Tensor| known.clone().judged(tensor(answer).as_ref(), ours, 0.1, wall.as_ref());
        ours.as_ref().map(judge).unwrap_or_default()
    }

    #[test]
    fn only_an_answer_that_agrees_has_a_ratio() {
        let right = judged(&[1.0, -3.8]);
        assert_eq!((right.ratio, right.cell()), (Some(0.5), "0.50".to_owned()));
        assert!(right.error_over_bound.is_some_and(|error| (error - 0.5).abs() < 1e-6));
        for answer in [&[1.0, -3.0][..], &[1.0, f32::NAN], &[1.0], &[-4.0, 1.0]] {
            let wrong = judged(answer);
            assert_eq!((wrong.ratio, wrong.cell()), (None, "WRONG".to_owned()), "{answer:?}");
            assert!(wrong.note.is_some());
        }
    }

    #[test]
    fn a_peer_without_an_answer_failed_and_one_whose_standard_was_wrong_says_nothing() {
        let failed = Against { note: Some("out of memory".to_owned()), ..Against::default() };
        assert_eq!(failed.cell(), "failed");
        let mut right = judged(&[1.0, -4.0]);
        right.alone();
        assert_eq!((right.ratio, right.cell()), (None, "-".to_owned()));
        assert_eq!([0.0312, 0.5, 12.34].map(short), ["0.031", "0.50", "12.3"]);
    }
}

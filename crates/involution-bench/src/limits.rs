//! What the adapter can do at most, and how near a row comes to it.

use std::fmt;

use involution::gpu;
use serde::{Deserialize, Serialize};

/// What the adapter can do at most, as it was measured before the first row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    pub copy_gbps: f64,
    pub multiply_add_gflops: f64,
    pub dispatch_us: f64,
    pub submission_us: f64,
}

impl From<&gpu::Limits> for Limits {
    fn from(limits: &gpu::Limits) -> Self {
        Limits {
            copy_gbps: limits.copy / 1e9,
            multiply_add_gflops: limits.multiply_add / 1e9,
            dispatch_us: limits.dispatch.as_secs_f64() * 1e6,
            submission_us: limits.submission.as_secs_f64() * 1e6,
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limits { copy_gbps, multiply_add_gflops, dispatch_us, submission_us } = self;
        write!(
            f,
            "copies {copy_gbps:.1} GB/s, does {multiply_add_gflops:.1} GFLOP/s of multiply-adds; \
             a dispatch {dispatch_us:.0} us, a submission {submission_us:.0} us"
        )
    }
}

/// A part of the floor, for a table. More than all of it says that the limits are measured too low.
pub fn percent(part: Option<f64>) -> String {
    match part {
        None => "-".to_owned(),
        Some(part) if part > 1.0 => ">100 %".to_owned(),
        Some(part) => format!("{:.0} %", 100.0 * part),
    }
}

/// What a table says of the rows that are faster than their floor; nothing where there are none.
pub fn beyond(parts: impl Iterator<Item = Option<f64>>) -> String {
    match parts.flatten().filter(|&part| part > 1.0).count() {
        0 => String::new(),
        rows => format!(
            ">100 %: {} faster than the floor. The limits were measured too low, on a busy machine or from a slower \
             memory: floors are unsafe.\n",
            crate::output::count(rows, "row")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_faster_than_its_floor_makes_floors_unsafe() {
        assert_eq!([None, Some(0.5), Some(1.0)].map(percent), ["-", "50 %", "100 %"]);
        assert_eq!(percent(Some(1.25)), ">100 %");
        assert_eq!(beyond([None, Some(1.0)].into_iter()), "");
        assert!(beyond([Some(1.25), Some(0.5)].into_iter()).contains("1 row faster"));
    }
}

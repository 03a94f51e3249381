//! What an adapter is measured to be able to do.

use std::time::Duration;

use involution::gpu::{Bound, Limits};
use involution::ops::Cost;

use crate::adapters;

#[test]
fn every_figure_is_measured() {
    adapters::each(|gpu| {
        let limits = gpu.limits().unwrap();
        // Between a tenth of the slowest processor and ten times the fastest GPU.
        assert!((1e7..1e14).contains(&limits.copy), "{limits:?}");
        assert!((1e8..1e15).contains(&limits.multiply_add), "{limits:?}");
        assert!(limits.dispatch < limits.submission, "{limits:?}");
        assert!(limits.submission < Duration::from_secs(1), "{limits:?}");
        assert_eq!(gpu.pool_stats().in_use, 0);
    });
}

#[test]
fn a_floor_is_the_slower_of_the_two() {
    let limits = Limits {
        copy: 2e9,
        multiply_add: 4e9,
        dispatch: Duration::ZERO,
        submission: Duration::ZERO,
    };
    let floor = |flops, bytes| limits.floor(Cost { flops, bytes });
    assert_eq!(floor(4_000_000, 1_000_000), (Duration::from_millis(1), Bound::Arithmetic));
    assert_eq!(floor(4_000_000, 4_000_000), (Duration::from_millis(2), Bound::Memory));
}

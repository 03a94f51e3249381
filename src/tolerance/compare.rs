//! How far a result is from what is expected.

use super::bound::Expected;
use crate::tensor::Tensor;

/// The outcome of one comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// The largest distance from the reference.
    pub worst_error: f64,
    /// The largest distance as a multiple of the bound: at most 1 where all is well.
    pub worst_over_bound: f64,
    /// The elements that are further off than their bound.
    pub misses: usize,
    /// The first of them.
    pub first_miss: Option<usize>,
}

impl Comparison {
    /// Whether every element lies within its bound.
    pub fn passed(&self) -> bool {
        self.misses == 0
    }
}

/// Compares every element. NaN answers NaN and an infinity its like; a shape that differs misses everywhere.
pub fn compare(expected: &Expected, result: &Tensor) -> Comparison {
    let mut comparison =
        Comparison { worst_error: 0.0, worst_over_bound: 0.0, misses: 0, first_miss: None };
    let values = &expected.value;
    if result.shape().dims() != values.shape {
        let misses = values.data.len().max(1);
        let worst = f64::MAX;
        return Comparison {
            worst_error: worst,
            worst_over_bound: worst,
            misses,
            first_miss: Some(0),
        };
    }
    let rows = result.data().iter().zip(&values.data).zip(&expected.bound);
    for (index, ((&got, &want), &bound)) in rows.enumerate() {
        let got = f64::from(got);
        // What is too large for single precision is an infinity there.
        let alike = got == want || got == f64::from(want as f32) || (got.is_nan() && want.is_nan());
        let error = if alike && bound == 0.0 { 0.0 } else { (got - want).abs() };
        let (error, over) = if alike && !error.is_finite() {
            (0.0, 0.0)
        } else if !error.is_finite() {
            (f64::MAX, f64::MAX)
        } else if error == 0.0 {
            (0.0, 0.0)
        } else {
            (error, (error / bound).min(f64::MAX))
        };
        comparison.worst_error = comparison.worst_error.max(error);
        comparison.worst_over_bound = comparison.worst_over_bound.max(over);
        if over > 1.0 {
            comparison.misses += 1;
            comparison.first_miss.get_or_insert(index);
        }
    }
    comparison
}

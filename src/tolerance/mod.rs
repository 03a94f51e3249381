//! How far a kernel's result may be from the definition: bounds derived from the arithmetic, and the comparison.
//!
//! [`expected`] gives the reference's result with the bound on each element, [`compare`] says how far another result is from
//! it, and `check_candidate` compares that of one candidate on a device, with poisoned memory around every tensor.

mod bound;
#[cfg(any(feature = "tune", feature = "testing"))]
mod candidate;
mod compare;
mod inputs;
#[cfg(any(feature = "tune", feature = "testing"))]
mod winograd;

pub use bound::{Evaluate, Expected, expected, expected_by, expected_stored};
#[cfg(any(feature = "tune", feature = "testing"))]
pub use candidate::check_candidate;
pub use compare::{Comparison, compare};
pub use inputs::{Distribution, inputs};

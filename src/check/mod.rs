//! Is it right? Cases, the error that the arithmetic allows, and the comparison of the two.
//!
//! The command line's `verify`, the benchmark and the tests all go through here: a [`Case`] is drawn or
//! fixed, [`expected`] gives the reference's answer with the bound on each element, [`compare`] says how
//! far a result is from it, and [`verify`](verify::verify) does so for every candidate kernel.

mod bound;
mod case;
mod compare;
mod fixed;
pub mod verify;
mod winograd;

pub use bound::{Evaluate, Expected, expected, expected_by};
pub use case::{Case, Choices, Script, generate};
pub use compare::{Comparison, compare};
pub use fixed::{fixed, known_answers};

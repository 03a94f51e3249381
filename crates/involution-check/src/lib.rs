//! Is it right? Cases of every operator, fixed and generated, and `verify`, which holds every candidate kernel against the
//! reference on them.
//!
//! The command line's `verify` and the tests go through here: a [`Case`] is drawn or fixed, and [`verify`](verify::verify)
//! runs every candidate on it, within the bound of [`involution::tolerance`].

mod case;
mod draw;
mod faults;
mod known;
mod operators;
pub mod verify;
mod windows;

pub use case::Case;
pub use draw::{Choices, Script};
pub use faults::SeededFault;
pub use involution::tolerance::{
    Comparison, Evaluate, Expected, check_candidate, compare, expected, expected_by,
    expected_stored,
};
pub use operators::{batched, fixed, generate, known_answers, seeded_faults, usual};

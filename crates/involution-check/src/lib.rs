//! Is it right? Cases of every operator, fixed and generated, and `verify`, which holds every candidate kernel against the
//! reference on them.
//!
//! The command line's `verify` and the tests go through here: a [`Case`] is drawn or fixed, and [`verify`](verify::verify)
//! runs every candidate on it, within the bound of [`involution::tolerance`].

mod case;
mod fixed;
pub mod verify;

pub use case::{Case, Choices, Script, generate};
pub use fixed::{fixed, known_answers};
pub use involution::tolerance::{
    Comparison, Evaluate, Expected, check_candidate, compare, expected, expected_by,
};

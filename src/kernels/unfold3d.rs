//! Windows of volumes laid out as columns.

pub use super::unfold::candidates;

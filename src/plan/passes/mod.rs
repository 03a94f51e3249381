//! Passes, which make a plan from a plan.

mod branches;
mod concat;
mod fuse;
mod keep;

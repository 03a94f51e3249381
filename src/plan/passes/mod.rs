//! Passes, which make a plan from a plan.

mod branches;
mod fuse;
mod keep;

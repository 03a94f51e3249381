//! Passes, which make a plan from a plan.

mod fuse;
mod keep;

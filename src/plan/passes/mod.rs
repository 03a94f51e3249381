//! From a plan to a plan.

mod fuse;
mod keep;

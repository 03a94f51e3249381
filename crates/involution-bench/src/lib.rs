//! The benchmark of involution, and what its two commands share: adapters, output, messages.

#![allow(missing_docs)] // the commands are its only users

pub mod adapter;
pub mod bench;
pub mod drivers;
pub mod environment;
pub mod files;
pub mod messages;
pub mod outcome;
pub mod output;
pub mod program;
pub mod tensors;
pub mod workloads;

pub use outcome::{Outcome, bad_use, is_bad_use};

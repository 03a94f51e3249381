//! The benchmark of involution, and what its two commands share: adapters, output, messages.

#![allow(missing_docs)] // the commands are its only users

pub mod adapter;
pub mod bench;
mod calls;
pub mod compare;
mod compile;
pub mod detectors;
mod diff;
pub mod drivers;
mod fault;
pub mod files;
mod findings;
mod layers;
pub mod messages;
pub mod outcome;
pub mod output;
mod page;
mod peer;
mod plot;
pub mod program;
mod registers;
mod request;
mod row;
mod rows;
mod run;
pub mod sampling;
pub mod stats;
mod subject;
mod sweep;
pub mod tensors;
mod transfer;
mod workload;

pub use outcome::{Outcome, bad_use, is_bad_use};

#[cfg(test)]
mod tests {
    pub mod sample;
}

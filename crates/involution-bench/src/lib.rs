//! The benchmark of involution, and what its two commands share: adapters, output, messages.

#![allow(missing_docs)] // the commands are its only users

pub mod adapter;
mod adapters;
pub mod bench;
mod compile;
mod diff;
pub mod drivers;
pub mod environment;
mod fault;
pub mod files;
mod findings;
mod forms;
mod layers;
mod limits;
mod machine;
pub mod messages;
mod ops;
pub mod outcome;
pub mod output;
mod page;
mod peers;
pub mod program;
mod record;
mod registers;
mod request;
mod row;
mod rows;
mod sampling;
mod selection;
mod stats;
mod subject;
mod sweep;
pub mod tensors;
mod transfer;
mod workload;
pub mod workloads;

pub use outcome::{Outcome, bad_use, is_bad_use};

//! Measured choices: what they are stored under, the file, what it does to a device, and how they are made.

pub mod calls;
mod choices;
mod file;
mod keys;
mod measuring;

pub use calls::{entry, folder, names, pointwise, views};

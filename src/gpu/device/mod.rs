//! The device: its adapter, its limits, its memory, and copies between it and the host. Runs no kernel.

pub(crate) mod adapter;
pub(crate) mod context;
pub(crate) mod driver;
pub(crate) mod options;
pub(crate) mod pool;
mod profile;
pub(crate) mod tensor;
pub(crate) mod timestamps;
pub(crate) mod transfer;

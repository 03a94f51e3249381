//! The device: which adapter, what it allows, its memory, and what goes between it and the host. Runs no kernel.

pub(crate) mod adapter;
pub(crate) mod context;
pub(crate) mod driver;
pub(crate) mod options;
pub(crate) mod pool;
mod profile;
pub(crate) mod tensor;
pub(crate) mod timestamps;
pub(crate) mod transfer;

//! Files of weights: safetensors, and what `torch.save` writes.
//!
//! Which of the formats it is follows from the content, never from the name of the file:
//!
//! * **safetensors**, through the official reader.
//! * **PyTorch archives** (since 1.6): a zip archive of stored entries with a pickle and one entry for
//!   each storage.
//! * **PyTorch streams** (before 1.6): pickles, then the storages.
//!
//! A pickle is a program, so one from a stranger runs the stranger's code where Python reads it. Here it
//! does not: a small machine of this crate's own knows the few names that tensors are rebuilt from, keeps
//! some plain values beside them as values it does not look into, and refuses everything else by its full
//! name. Every number in a file is checked against the bytes that are there, and against [`Limits`],
//! before anything is allocated for it.
//!
//! Tensors come out in single precision: half, bfloat16 and double precision are converted, doubles to
//! the nearest single (infinity where they are larger than any). Integers and truth values, such as
//! `num_batches_tracked`, and tensors that are not dense are left out and listed in [`Loaded::skipped`].

mod collect;
mod element;
mod file;
mod kinds;
mod limits;
mod loaded;
mod names;
mod pth;
mod safetensors;

pub use file::{load, read};
pub use limits::Limits;
pub use loaded::{Format, Loaded, Skipped};
pub use names::strip_wrappers;
pub use safetensors::to_safetensors;

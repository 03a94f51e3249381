//! Weight files: safetensors, and what `torch.save` writes.
//!
//! The format is recognised by the content of a file, never by its name:
//!
//! * **safetensors**, through the official reader.
//! * **PyTorch archives** (since 1.6): a zip archive of stored entries with a pickle and one entry for each storage.
//! * **PyTorch streams** (before 1.6): pickles, then the storages.
//!
//! A pickle is a program: in Python, reading one from a stranger runs the stranger's code. The reader here runs none.
//! It knows the few names from which tensors are rebuilt, accepts plain values beside them without interpreting them,
//! and refuses everything else by its full name. Every number in a file is checked against the bytes that are there,
//! and against [`Limits`], before anything is allocated for it.
//!
//! Tensors are returned in single precision: half precision and bfloat16 are converted exactly, double precision to
//! the nearest `f32` (infinity beyond the largest). Integers and booleans, such as `num_batches_tracked`, and tensors
//! that are not dense are left out and listed in [`Loaded::skipped`].

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

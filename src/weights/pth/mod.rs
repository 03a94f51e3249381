//! Files that `torch.save` writes: a pickle of the object, and the storages of its tensors.

mod calls;
mod file;
mod globals;
mod machine;
mod reader;
mod root;
mod storages;
mod stream;
mod value;
mod view;
mod zip;

pub(super) use file::{read_archive, read_stream};

//! Errors that a program can match on and a person can act on.
//!
//! [`ShapeError`] says what is wrong with an operator's inputs and is independent of any device;
//! [`Error`] adds the operator's name to it and everything a device can do wrong. Both are compared
//! with `==` in tests, so a message may be reworded freely but a variant may not.

mod weights;

use crate::shape::Shape;
pub use crate::shape::ShapeError;
#[doc(hidden)]
pub use crate::shape::count;
#[cfg(feature = "weights")]
pub(crate) use weights::LISTED;
pub use weights::{BadView, WeightsError, WeightsLimit};

/// The result of everything in this crate that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A limit of the device or of this crate that a call would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// Bytes in one buffer (`max_buffer_size`).
    BufferSize,
    /// Bytes of a buffer that one kernel can see (`max_storage_buffer_binding_size`).
    BindingSize,
    /// Workgroups in one dispatch, folded over x and y.
    Workgroups,
    /// Invocations in one workgroup.
    WorkgroupSize,
    /// Bytes of workgroup memory.
    WorkgroupMemory,
    /// Storage buffers that one kernel can see.
    StorageBuffers,
    /// Iterations of the loops of one invocation, after which the driver ends them and says nothing.
    Trips,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Limit::BufferSize => "bytes in one buffer (max_buffer_size)",
            Limit::BindingSize => "bytes in one binding (max_storage_buffer_binding_size)",
            Limit::Workgroups => {
                "workgroups in one dispatch (max_compute_workgroups_per_dimension, squared)"
            }
            Limit::WorkgroupSize => {
                "invocations in one workgroup (max_compute_invocations_per_workgroup)"
            }
            Limit::WorkgroupMemory => {
                "bytes of workgroup memory (max_compute_workgroup_storage_size)"
            }
            Limit::Trips => "iterations of loops in one invocation",
            Limit::StorageBuffers => "storage buffers (max_storage_buffers_per_shader_stage)",
        })
    }
}

/// Everything that can go wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An operator refuses its parameters or inputs.
    #[error("{op}: {source}")]
    Shape {
        /// The operator.
        op: &'static str,
        /// What it refuses.
        source: ShapeError,
    },
    /// A size or a tensor is refused before any operator has seen it.
    #[error(transparent)]
    Tensor(#[from] ShapeError),
    /// A call would exceed a limit; nothing was allocated for it.
    #[error("{op}: {what} needs {needed} {limit}, this adapter allows {allowed}; {cure}")]
    Limit {
        /// The operator or kernel.
        op: &'static str,
        /// The tensor or resource that is too large.
        what: String,
        /// Which limit.
        limit: Limit,
        /// What the call needs.
        needed: u64,
        /// What there is.
        allowed: u64,
        /// What to do about it.
        cure: &'static str,
    },
    /// No graphics adapter was found.
    #[error("no {backends} adapter was found; `involution doctor` says how to install a driver")]
    NoAdapter {
        /// The interfaces that were searched.
        backends: String,
    },
    /// An adapter was asked for that does not exist.
    #[error("no adapter matches '{wanted}'; found: {}", list_or_none(found))]
    UnknownAdapter {
        /// The index or part of a name that was asked for.
        wanted: String,
        /// The adapters there are.
        found: Vec<String>,
    },
    /// An environment variable has a value that nothing is known by.
    #[error("{name} must be {must}, it is '{value}'")]
    Variable {
        /// The variable.
        name: &'static str,
        /// What it must be.
        must: &'static str,
        /// What it is.
        value: String,
    },
    /// The adapter cannot run compute shaders as this crate needs them.
    #[error("adapter '{adapter}' cannot be used: {reason}")]
    UnusableAdapter {
        /// Its name.
        adapter: String,
        /// What it lacks or answered.
        reason: String,
    },
    /// The device is gone: driver reset, removal or explicit destruction.
    /// [`Gpu::recreate`](crate::Gpu::recreate) opens it anew.
    #[error(
        "the device was lost ({reason}): every buffer on it is gone, and it has to be opened anew"
    )]
    DeviceLost {
        /// What the driver said.
        reason: String,
    },
    /// The device has no memory left for an allocation; [`Gpu::trim`](crate::Gpu::trim) gives back what nobody uses.
    #[error(
        "the device is out of memory at {what} ({bytes} bytes): use a smaller batch or image, or free tensors"
    )]
    OutOfMemory {
        /// What was being allocated or done.
        what: String,
        /// How much was asked for, 0 where the driver does not say.
        bytes: u64,
    },
    /// A shader does not compile, or a call does not fit its shader: a fault in this crate or in a driver.
    #[error("kernel {kernel}: {message}")]
    Kernel {
        /// The kernel: its file stem.
        kernel: String,
        /// The compiler's or checker's message with its source line.
        message: String,
    },
    /// The driver refused a command: a fault in this crate or in a driver.
    #[error("the device refused {what}: {message}")]
    Device {
        /// What was being done.
        what: String,
        /// The message of the validation layer or driver.
        message: String,
    },
    /// This crate contradicts itself: nothing that a program does can bring this about.
    #[error("this is a fault of involution: {0}; please report it")]
    Internal(String),
    /// A layer of a network refuses what it is built of or given.
    #[error("{layer}: {source}")]
    Layer {
        /// Where in the network: the path of the layer, as weights are named.
        layer: String,
        /// What it refuses.
        source: Box<Error>,
    },
    /// A network has no result of this name.
    #[error("{network} has no result '{output}'; there are: {}", known.join(", "))]
    UnknownOutput {
        /// The network.
        network: String,
        /// The name asked for.
        output: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// An image cannot be read or made ready for a network.
    #[error("{image}: {message}")]
    Image {
        /// The file.
        image: String,
        /// What is wrong with it.
        message: String,
    },
    /// A file that spares work the next time cannot be written.
    #[error("cannot write {file}: {message}")]
    CacheFile {
        /// The file.
        file: String,
        /// What the system said.
        message: String,
    },
    /// Weights cannot be read, or do not belong to the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A step gave a value that is no finite number, found by [`Options::paranoid`](crate::gpu::Options::paranoid).
    #[error("value {element} of {what} {shape} is {value}: {cure}")]
    NotFinite {
        /// The tensor.
        what: &'static str,
        /// Its shape.
        shape: Shape,
        /// Which of its values, row-major, is the first.
        element: usize,
        /// `inf`, `-inf` or `NaN`.
        value: String,
        /// What may help.
        cure: &'static str,
    },
    /// There is no candidate kernel of this name for the operator.
    #[error("{op} has no kernel '{kernel}' for these shapes; there are: {known}")]
    UnknownKernel {
        /// The operator.
        op: &'static str,
        /// The name asked for.
        kernel: String,
        /// The names there are.
        known: String,
    },
    /// A tensor of one device was given to another.
    #[error("{op}: {tensor} lives on another device; copy it there by way of the host")]
    ForeignTensor {
        /// The operator.
        op: &'static str,
        /// Which input.
        tensor: &'static str,
    },
}

impl Error {
    /// Adds the operator's name to a [`ShapeError`]; made for `map_err`.
    pub fn at(op: &'static str) -> impl Fn(ShapeError) -> Error {
        move |source| Error::Shape { op, source }
    }
}

fn list_or_none(found: &[String]) -> String {
    if found.is_empty() { "none".to_owned() } else { found.join("; ") }
}

//! GPU compute-shader backend for the involution family of operators: WGSL kernels on wgpu, each proved
//! against a CPU reference.
//!
//! # Layers
//!
//! Data flows one way, and each layer knows only those before it:
//!
//! ```text
//! Tensor, Shape -> Operator -> KernelCall -> pipelines, buffers, device
//! ```
//!
//! * [`shape`] and [`tensor`] hold sizes and values. Every size is checked once, up front, by name.
//! * [`ops`] describes: an [`Operator`] answers, from shapes alone, what comes out, what it costs and which
//!   [kernel calls](kernel) carry it out. Nothing in it needs a device.
//! * [`reference`] defines: naive loops in double precision over the paper's indices. It shares no code with
//!   the kernels and is what runs where there is no adapter.
//! * [`gpu`] runs, and alone names wgpu: compiles, binds, submits, times, and turns what a driver does wrong
//!   into an [`Error`].
//! * [`check`] holds one against the other, within the error that the arithmetic allows.
//!
//! # Promises
//!
//! * A failure is an [`Error`] that names the operator, both shapes or the limit, and what to do. The library
//!   does not panic and does not print; it emits `tracing` events.
//! * Nothing is allocated before everything that can be refused has been.
//! * A kernel's result lies within a bound that follows from the arithmetic; see [`check::expected`].
//! * Pipelines do not depend on sizes: another image size or batch compiles nothing.
//! * [`Gpu`] and everything else here is `Send + Sync`.
//!
//! # An involution
//!
//! ```
//! use involution::ops::Involution;
//! use involution::{Error, Gpu, Operator, Tensor, Window, reference};
//!
//! # fn main() -> involution::Result<()> {
//! // Two groups of two channels; every pixel brings its own 3x3 kernel for each group.
//! let x = Tensor::filled([1, 4, 8, 8], 1.0).map_err(Error::at("x"))?;
//! let kernel = Tensor::filled([1, 2 * 9, 8, 8], 0.5).map_err(Error::at("kernel"))?;
//! let op: Operator = Involution::new(Window::new([3, 3]).padding(1), 2).into();
//!
//! let y = match Gpu::new() {
//!     Ok(gpu) => gpu.run(op, &[&x, &kernel])?,
//!     Err(Error::NoAdapter { .. }) => reference::run(&op, &[&x, &kernel])?,
//!     Err(error) => return Err(error),
//! };
//! assert_eq!(y.shape().dims(), [1, 4, 8, 8]);
//! assert_eq!(y.data()[9], 4.5); // nine taps of 0.5 on an inner pixel
//! # Ok(())
//! # }
//! ```

pub mod check;
pub mod error;
pub mod gpu;
#[cfg(feature = "image")]
pub mod image;
pub mod kernel;
pub mod models;
pub mod nn;
pub mod ops;
pub mod plan;
pub mod reference;
pub mod shape;
pub mod state_dict;
pub mod tensor;
#[cfg(feature = "weights")]
pub mod weights;

pub use error::{Error, Limit, Result, ShapeError, WeightsError};
pub use gpu::Gpu;
pub use ops::Operator;
pub use plan::{Layer, Plan};
pub use shape::{Padding, Shape, Window};
pub use state_dict::StateDict;
pub use tensor::Tensor;

/// The wgpu that this crate is built with, so that users can match its version.
pub use wgpu;

/// The README's example is compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Involutions and convolutions on any GPU: operators as WGSL kernels on wgpu, each tested against a CPU reference
//! within a derived bound, and layers and networks that load PyTorch weights.
//!
//! # Modules
//!
//! Data flows one way, and modules import in this direction only:
//!
//! ```text
//! Layer -> Plan -> Operator -> candidate -> Schedule -> pipelines, buffers, device
//! ```
//!
//! * [`shape`] and [`tensor`] have sizes and values. Every size is checked once, up front, by name.
//! * [`ops`] defines operators: the shapes and the cost of results, from the shapes of the inputs alone.
//! * [`plan`] describes a network as steps, which are counted and fused without a device and without weights.
//! * [`nn`] has layers, [`models`] networks; each is a [`Layer`] that adds its steps to a plan.
//! * [`reference`](mod@reference) is the definition of each operator: loops in double precision. It shares no code with the
//!   kernels, and needs no adapter.
//! * [`kernels`] lists the ways in which a device can run an operator (candidates), each with its requirements, its rank and
//!   the reason.
//! * [`schedule`] decides how a device runs a plan: candidates, batch slices, prepacked weights, memory.
//! * [`gpu`] runs a schedule, and is the only module that names wgpu. [`Gpu::load`] puts a layer or network on the device.
//! * [`tolerance`] compares results with the reference, within the error that the arithmetic allows.
//! * [`autotune`] has the choices among kernels that were measured; `autotune::measure` measures them (feature `tune`).
//! * [`StateDict`] has weights by name; `weights` reads them from files, `image` makes inputs from pictures (features of
//!   the same names).
//!
//! # Promises
//!
//! * A failure is an [`Error`] that names the operator or layer, the shapes or the limit, and a remedy. The library does
//!   not panic and does not print; it emits `tracing` events.
//! * A call that exceeds a limit is an error before anything is allocated.
//! * A kernel's result lies within a bound derived from the arithmetic: see [`tolerance::expected`].
//! * Sizes are run-time numbers: no kernel is compiled for one size, and another batch or image size compiles at most the
//!   kernels and variants that no earlier size has used.
//! * Weights that are not exactly those of the network are an error that lists every difference.
//! * Reading a file of weights executes nothing in it.
//! * [`Gpu`] and all other types are `Send + Sync`.
//!
//! # A network
//!
//! The small network whose weights ship with the crate, on one of its test images:
//!
//! ```
//! # #[cfg(all(feature = "weights", feature = "image"))]
//! # fn main() -> involution::Result<()> {
//! use involution::models::{Model, RedNet, digits_weights};
//! use involution::{Error, Gpu, Layer, image, reference};
//!
//! let (rednet, weights) = (RedNet::digits(), digits_weights()?);
//! let recipe = rednet.preprocessing();
//! let pixels = image::open("examples/digits/7.png".as_ref(), recipe.channels)?;
//! let x = image::prepare(&pixels, &recipe)?;
//!
//! let logits = match Gpu::new() {
//!     Ok(gpu) => gpu.load(rednet, weights)?.run(&x)?,
//!     Err(Error::NoAdapter { .. }) => {
//!         let plan = rednet.plan(x.shape())?.keep(&["logits"])?;
//!         reference::run_plan(&plan, &weights, &[&x])?.swap_remove(0).1
//!     }
//!     Err(error) => return Err(error),
//! };
//! let digit = (0..10).max_by(|&a, &b| logits.data()[a].total_cmp(&logits.data()[b]));
//! assert_eq!(digit, Some(7));
//! # Ok(())
//! # }
//! # #[cfg(not(all(feature = "weights", feature = "image")))]
//! # fn main() {}
//! ```
//!
//! # Your own layer
//!
//! ```
//! use involution::nn::ConvBnAct;
//! use involution::ops::Add;
//! use involution::plan::{Builder, Value};
//! use involution::{Layer, Result, Shape};
//!
//! /// A convolution with its input added to the result.
//! #[derive(Debug)]
//! struct Residual(ConvBnAct);
//!
//! impl Layer for Residual {
//!     fn name(&self) -> String {
//!         "residual".to_owned()
//!     }
//!
//!     fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
//!         self.0.example_inputs()
//!     }
//!
//!     fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
//!         let [x] = plan.take(inputs, ["x"])?;
//!         let y = plan.scope("inner", |plan| self.0.build_one(plan, x))?;
//!         Ok(vec![plan.apply("add", Add::default(), &[x, y])?])
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let layer = Residual(ConvBnAct::new(8, 8, [3, 3]));
//! assert_eq!(layer.parameters()?, 8 * 8 * 9 + 2 * 8);
//!
//! let plan = layer.plan(&Shape::from([1, 8, 16, 16]))?;
//! assert_eq!(plan.weights()[0].name, "inner.conv.weight");
//! assert_eq!(plan.steps().len(), 4); // convolution, normalisation, ReLU, sum
//! assert_eq!(plan.fuse().steps().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # Several inputs and outputs
//!
//! A plan names its inputs and outputs:
//!
//! ```
//! # use involution::ops::{Activate, Activation, Add};
//! # use involution::plan::{Builder, Value};
//! # use involution::{Layer, Result, Shape, StateDict, Tensor, reference};
//! /// A sum, and its positive part.
//! #[derive(Debug)]
//! struct Sum;
//!
//! impl Layer for Sum {
//!     fn name(&self) -> String {
//!         "sum".to_owned()
//!     }
//!
//!     fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
//!         ["x", "y"].map(|name| (name, Shape::from([1, 4]))).into()
//!     }
//!
//!     fn outputs(&self) -> Vec<&'static str> {
//!         vec!["sum", "positive"]
//!     }
//!
//!     fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
//!         let [x, y] = plan.take(inputs, ["x", "y"])?;
//!         let sum = plan.apply("add", Add::default(), &[x, y])?;
//!         let positive = plan.apply("relu", Activate { activation: Activation::Relu }, &[sum])?;
//!         Ok(vec![sum, positive])
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! let (x, y) = (Tensor::filled([1, 4], 1.0)?, Tensor::filled([1, 4], -3.0)?);
//! let results = reference::run_plan(&Sum.example_plan()?, &StateDict::new(), &[&x, &y])?;
//! assert_eq!(results[0], ("sum".to_owned(), Tensor::filled([1, 4], -2.0)?));
//! assert_eq!(results[1], ("positive".to_owned(), Tensor::filled([1, 4], 0.0)?));
//! # Ok(())
//! # }
//! ```
//!
//! # An involution
//!
//! ```
//! use involution::ops::Involution;
//! use involution::{Error, Gpu, Operator, Tensor, Window, reference};
//!
//! # fn main() -> involution::Result<()> {
//! // Two groups of two channels; every pixel has its own 3x3 kernel for each group.
//! let x = Tensor::filled([1, 4, 8, 8], 1.0)?;
//! let kernel = Tensor::filled([1, 2 * 9, 8, 8], 0.5)?;
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

pub mod autotune;
pub mod error;
pub mod gpu;
#[cfg(feature = "image")]
pub mod image;
pub mod kernels;
pub mod models;
pub mod nn;
pub mod ops;
pub mod plan;
pub mod reference;
pub mod schedule;
pub mod shaders;
pub mod shape;
#[cfg(any(feature = "tune", feature = "pipeline-cache"))]
#[doc(hidden)] // the command line writes its files by it, too
pub mod store;
pub mod tensor;
pub mod tolerance;
#[cfg(feature = "weights")]
pub mod weights;

pub use error::{Error, Limit, Result, ShapeError, WeightsError};
pub use gpu::Gpu;
pub use ops::Operator;
pub use plan::{Layer, Plan};
pub use shape::{Padding, Shape, Window};
pub use tensor::{StateDict, Tensor, TensorView};

/// The wgpu that this crate is built with, so that users can match its version.
pub use wgpu;

/// The README's examples are compiled and run with the tests.
#[cfg(all(doctest, feature = "weights", feature = "image"))]
#[doc = include_str!("../README.md")]
struct Readme;

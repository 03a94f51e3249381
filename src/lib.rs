//! Neural networks of involutions and convolutions on the GPU: operators as WGSL kernels on wgpu, each tested
//! against a CPU reference within a derived bound, and layers and networks that take PyTorch's weights.
//!
//! # Modules
//!
//! Data flows one way, and each module knows only those before it:
//!
//! ```text
//! Layer -> Plan -> Operator -> KernelCall -> pipelines, buffers, device
//! ```
//!
//! * [`shape`] and [`tensor`] hold sizes and values. Every size is checked once, up front, by name.
//! * [`ops`] describes: an [`Operator`] answers, from shapes alone, what comes out and what it costs.
//! * [`kernels`] says which candidates a device of some profile has for an operator, each as a list of kernel calls.
//!   Nothing in either needs a device.
//! * [`plan`] writes a network down: values and steps, which are counted, fused and laid out in memory before
//!   there is a device, or any weights.
//! * [`nn`] has layers, [`models`] whole networks; each is a [`Layer`] that puts its steps into a plan.
//! * [`reference`](mod@reference) defines: naive loops in double precision over the paper's indices, of operators and of
//!   whole plans. It shares no code with the kernels and is what runs where there is no adapter.
//! * [`gpu`] runs, and alone names wgpu: compiles, binds, submits, times, and turns what a driver does wrong
//!   into an [`Error`]. [`Gpu::load`] brings a layer or a network to the device.
//! * [`tolerance`] holds one against the other, within the error that the arithmetic allows.
//! * [`autotune`] holds which kernels were measured to be the fastest, by adapter and call; `autotune::measure` measures
//!   them, with the feature `tune`.
//! * [`StateDict`] holds weights by name; `weights` reads them from files, and `image` makes inputs of
//!   photographs, each with the feature of its name.
//!
//! # Promises
//!
//! * A failure is an [`Error`] that names the operator or layer, both shapes or the limit, and what to do. The
//!   library does not panic and does not print; it emits `tracing` events.
//! * Nothing is allocated before everything that can be refused has been.
//! * A kernel's result lies within a bound that follows from the arithmetic; see [`tolerance::expected`].
//! * Pipelines do not depend on sizes: another batch compiles nothing, and another image size at most the
//!   kernels for planes that are, or are not, a multiple of four pixels.
//! * Weights are exactly those of the network, or an error that lists all that differs.
//! * Reading a file of weights runs nothing that it contains.
//! * [`Gpu`] and everything else here is `Send + Sync`.
//!
//! # A network
//!
//! The small one whose weights come with the crate, on one of its test images:
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
//! # A layer of one's own
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
//! Both have names, by which a plan knows them:
//!
//! ```
//! # use involution::ops::{Activate, Activation, Add};
//! # use involution::plan::{Builder, Value};
//! # use involution::{Layer, Result, Shape, StateDict, Tensor, reference};
//! /// A sum, and what of it is above zero.
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
//! // Two groups of two channels; every pixel brings its own 3x3 kernel for each group.
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

/// The README's example is compiled and run with the tests.
#[cfg(all(doctest, feature = "weights", feature = "image"))]
#[doc = include_str!("../README.md")]
struct Readme;

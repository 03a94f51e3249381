//! A network as data: values, and the steps that make one from another.
//!
//! A [`Layer`] puts its steps into a [`Builder`]; the [`Plan`] that comes out of it can be counted,
//! [fused](Plan::fuse) and [lowered](crate::schedule::lower), all without a device and without
//! weights: a weight is known by its name and shape alone. A plan is for one shape of input and is made in
//! far less than a millisecond, so that another batch or image size is another plan, over the same weights
//! and, for the most part, the same pipelines.

mod builder;
mod constant;
mod count;
mod graph;
mod layer;
mod passes;

pub use builder::Builder;
pub use constant::{Constant, Norm};
pub use graph::{Action, Plan, Source, Step, Value, ValueInfo, Weight};
pub use layer::Layer;

//! A network as data: values, and the steps that compute them from each other.
//!
//! A [`Layer`] adds its steps to a [`Builder`]. The resulting [`Plan`] can be counted, [fused](Plan::fuse) and
//! [lowered](crate::schedule::lower), all without a device and without weights: it knows a weight by name and shape
//! alone. A plan is for one input shape and is made in far less than a millisecond. Another batch or image size gets
//! another plan, over the same weights and, for the most part, the same pipelines.

mod builder;
mod constant;
mod count;
mod graph;
mod layer;
mod loaded;
mod passes;

pub use builder::Builder;
pub use constant::{Constant, Norm};
pub use graph::{Action, Plan, Source, Step, Value, ValueInfo, Weight};
pub use layer::Layer;
pub use loaded::Loaded;

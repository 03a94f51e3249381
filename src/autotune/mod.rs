//! Which kernels were measured to be the fastest: data, without a device.
//!
//! A measurement holds for an [`Identity`]: an adapter with its driver, and a version of this crate. Within
//! it, a [`Key`] names a call: the operator, its attributes, and a range of shapes. [`Choices`] are what a
//! device goes by, read once when it is opened, as [`Tuned`] says. With the feature `tune` they come from a
//! file (`Cache`); `involution tune` writes it, and so can a program, with the functions of `tune`.
//!
//! Nothing depends on there being a file: without one, or with one that is damaged or was written for
//! something else, the preferred kernel of an adapter's class runs.

#[cfg(feature = "tune")]
mod cache;
mod choices;
mod identity;
mod key;
#[cfg(feature = "tune")]
pub mod measure;
#[cfg(feature = "tune")]
mod place;
mod tuned;

#[cfg(any(feature = "tune", feature = "pipeline-cache"))]
pub use crate::store::{Ignored, folder};
#[cfg(feature = "tune")]
pub use cache::{Cache, Entry, MAX_BYTES};
pub use choices::Choices;
pub use identity::Identity;
pub use key::Key;
#[cfg(feature = "tune")]
pub use place::{file, switched_off};
pub use tuned::Tuned;

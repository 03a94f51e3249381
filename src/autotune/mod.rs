//! Measured choices among kernels: data, without a device.
//!
//! A measurement is valid for an [`Identity`]: an adapter with its driver, and a version of this crate. Within it, a
//! [`Key`] names a call: the operator, its attributes, and a range of shapes. A device uses [`Choices`], which are
//! read once when it is opened, as [`Tuned`] says. With the feature `tune` they come from a file (`Cache`);
//! `involution tune` writes it, and so can a program, with the functions of `autotune::measure`.
//!
//! If there is no file, or one that is damaged or was written for something else, the fixed choice runs: the
//! candidate of the highest rank.

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

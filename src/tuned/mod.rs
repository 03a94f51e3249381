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
mod key;
#[cfg(feature = "tune")]
mod place;

use std::collections::HashMap;
use std::path::PathBuf;

use crate::error::Result;
use crate::ops::Operator;
use crate::shape::Shape;

#[cfg(any(feature = "tune", feature = "pipeline-cache"))]
pub use crate::store::{Ignored, folder};
#[cfg(feature = "tune")]
#[cfg(feature = "tune")]
pub use cache::{Cache, Entry, MAX_BYTES};
pub use key::Key;
#[cfg(feature = "tune")]
pub use place::{file, switched_off};

/// Which measured choices a device goes by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Tuned {
    /// Those of the file in the folder for caches, where there is one; none where `INVOLUTION_TUNE` is `off`
    /// or `0`. Without the feature `tune` there are none.
    #[default]
    FromEnv,
    /// None: the fixed choice of each kernel.
    Off,
    /// Those of this file, whatever the environment says. Without the feature `tune` there are none.
    File(PathBuf),
}

/// What measurements hold for. Another driver or version may have other kernels, or other winners.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "tune", derive(serde::Serialize, serde::Deserialize))]
pub struct Identity {
    /// The version of this crate.
    pub involution: String,
    /// The adapter's name.
    pub adapter: String,
    /// Its interface.
    pub backend: String,
    /// Its driver.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
}

/// The kernels that were measured to be faster than the fixed choice, by call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices(HashMap<Key, String>);

impl Choices {
    /// The choices that hold for a device. Whatever is wrong with the file is an event, not an error; a value of
    /// `INVOLUTION_TUNE` that is not known is one.
    #[cfg(feature = "tune")]
    pub fn load(tuned: &Tuned, identity: &Identity) -> Result<Self> {
        let file = match tuned {
            Tuned::Off => None,
            Tuned::File(file) => Some(file.clone()),
            Tuned::FromEnv if switched_off()? => None,
            Tuned::FromEnv => place::file(identity),
        };
        Ok(file.map_or_else(Choices::default, |file| cache::choices(&file, identity)))
    }

    /// The choices that hold for a device: none, as only the feature `tune` can read them.
    #[cfg(not(feature = "tune"))]
    pub fn load(tuned: &Tuned, _: &Identity) -> Result<Self> {
        if let Tuned::File(file) = tuned {
            let file = file.display();
            tracing::warn!("{file} is not read: this program is built without the feature `tune`");
        }
        Ok(Choices::default())
    }

    /// The kernel that was chosen for a call, by its name as a candidate.
    pub fn kernel(&self, op: &Operator, shapes: &[&Shape]) -> Option<&str> {
        // Most devices have none, and should not pay for a look-up.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&Key::of(op, shapes)).map(String::as_str)
    }

    /// How many calls have a kernel of their own.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Key, String)> for Choices {
    fn from_iter<I: IntoIterator<Item = (Key, String)>>(choices: I) -> Self {
        Choices(choices.into_iter().collect())
    }
}

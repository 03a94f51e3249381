//! Which measured choices a device goes by.

use std::path::PathBuf;

#[cfg(feature = "tune")]
use super::cache;
use super::choices::Choices;
use super::identity::Identity;
#[cfg(feature = "tune")]
use super::place::{self, switched_off};
use crate::error::Result;

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
}

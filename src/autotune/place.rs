//! Where the file of measured choices lies, and the variable that does without it.

use std::path::PathBuf;

use super::identity::Identity;
use crate::error::{Error, Result};
use crate::store::{self, variable};

/// Whether `INVOLUTION_TUNE` asks for the fixed choices.
pub fn switched_off() -> Result<bool> {
    match variable("INVOLUTION_TUNE") {
        None => Ok(false),
        Some(value) => match value.as_str() {
            "on" | "1" => Ok(false),
            "off" | "0" => Ok(true),
            _ => Err(Error::Variable { name: "INVOLUTION_TUNE", must: "on or off", value }),
        },
    }
}

/// The file of an adapter with its driver. A new version of the crate writes to the same.
pub fn file(identity: &Identity) -> Option<PathBuf> {
    let Identity { adapter, backend, driver, driver_info, .. } = identity;
    store::file("tuned", "json", adapter, &[backend, driver, driver_info])
}

//! Where the file of measured choices lies, and the variable that does without it.

use std::path::PathBuf;

use super::Identity;
use crate::store::{self, variable};

/// Whether `INVOLUTION_TUNE` asks for the fixed choices. So does what it has no meaning for, with a warning:
/// whoever sets the variable most likely wants to be rid of something.
pub(super) fn switched_off() -> bool {
    match variable("INVOLUTION_TUNE").as_deref() {
        None | Some("on" | "1") => false,
        Some("off" | "0") => true,
        Some(other) => {
            tracing::warn!("INVOLUTION_TUNE must be on or off, it is {other:?}: taken as off");
            true
        }
    }
}

/// The file of an adapter with its driver. A new version of the crate writes to the same.
pub fn file(identity: &Identity) -> Option<PathBuf> {
    let Identity { adapter, backend, driver, driver_info, .. } = identity;
    store::file("tuned", "json", adapter, &[backend, driver, driver_info])
}

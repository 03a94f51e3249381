//! What measurements hold for.

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

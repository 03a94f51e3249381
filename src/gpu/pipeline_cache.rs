//! What the driver compiled, kept in a file from one process to the next. With the feature `pipeline-cache`, on
//! Vulkan; elsewhere nothing is kept.
//!
//! The file is what the driver gave, behind a header that says for what: this version, the adapter and its driver, by
//! name. Another header, another length or another checksum, and the file is as good as none.

#[cfg(feature = "pipeline-cache")]
mod kept;

use std::path::PathBuf;

#[cfg(not(feature = "pipeline-cache"))]
use super::{Gpu, device::Context};
#[cfg(not(feature = "pipeline-cache"))]
use crate::error::Result;

/// The file that compiled pipelines are kept in from one process to the next;
/// [`Gpu::save_pipeline_cache`](crate::Gpu::save_pipeline_cache) writes it. Without the feature `pipeline-cache`, and but
/// for Vulkan, there is none.
///
/// Nothing that may be wrong with the file is an error: it is ignored, and written anew. What it cannot be kept from is
/// a file that somebody made to look right: the driver takes its content for its own. So keep it where nobody else
/// can write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum PipelineFile {
    /// None. Many drivers keep what they compile by themselves.
    #[default]
    Off,
    /// The one of this adapter and driver in the folder for caches: `INVOLUTION_CACHE_DIR`, or `involution` in the
    /// system's.
    Usual,
    /// This one.
    At(PathBuf),
}

/// The driver's cache.
#[derive(Debug)]
pub(crate) struct PipelineCache {
    pub raw: wgpu::PipelineCache,
    /// Bytes that it was made of.
    pub restored: u64,
}

impl PipelineFile {
    /// What a device needs for it.
    pub(crate) fn features(&self) -> wgpu::Features {
        match self {
            PipelineFile::Usual | PipelineFile::At(_) if cfg!(feature = "pipeline-cache") => {
                wgpu::Features::PIPELINE_CACHE
            }
            _ => wgpu::Features::empty(),
        }
    }
}

/// The driver's cache, from the file where there is a right one; nothing where it is off or the device has none.
#[cfg(not(feature = "pipeline-cache"))]
pub(crate) fn open(_: &Context, file: &PipelineFile) -> Option<PipelineCache> {
    if *file != PipelineFile::Off {
        tracing::warn!(
            "pipelines are not kept: this program is built without the feature `pipeline-cache`"
        );
    }
    None
}

#[cfg(not(feature = "pipeline-cache"))]
impl Gpu {
    /// Writes what the driver compiled into the file of
    /// [`Options::pipeline_cache`](super::Options::pipeline_cache): nothing, without the feature `pipeline-cache`.
    pub fn save_pipeline_cache(&self) -> Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(feature = "pipeline-cache")]
pub(crate) use kept::open;

//! Without the feature `pipeline-cache`, nothing that the driver compiled is kept.

use std::path::PathBuf;

use super::super::device::context::Context;
use super::super::device::options::PipelineFile;
use crate::error::Result;

/// The driver's cache: there is none.
#[derive(Debug)]
pub(crate) struct PipelineCache {
    pub raw: wgpu::PipelineCache,
    pub restored: u64,
}

pub(crate) fn open(context: &Context) -> Option<PipelineCache> {
    if context.options.pipeline_cache != PipelineFile::Off {
        tracing::warn!(
            "pipelines are not kept: this program is built without the feature `pipeline-cache`"
        );
    }
    None
}

pub(crate) fn save(_: &Context, _: Option<&PipelineCache>) -> Result<Option<PathBuf>> {
    Ok(None)
}

//! Programs: kernels compiled, bound to tensors, and dispatched.

pub(crate) mod binder;
pub(crate) mod dispatch;
pub(crate) mod matrices;
#[cfg_attr(not(feature = "pipeline-cache"), path = "no_pipeline_cache.rs")]
pub(crate) mod pipeline_cache;
pub(crate) mod pipelines;
pub(crate) mod slots;
pub(crate) mod trips;
pub(crate) mod warm_up;

//! What a program asks of a device when it opens one.

use std::path::PathBuf;
use std::time::Duration;

use crate::autotune::Tuned;

/// Which adapter to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AdapterChoice {
    /// `INVOLUTION_ADAPTER`, else `WGPU_ADAPTER_NAME`, else the best one under `WGPU_POWER_PREF`
    /// (the fast one where that is not set).
    #[default]
    Auto,
    /// The one with this index in [`adapters`](super::super::adapters), or the first whose name holds this text, in any
    /// case.
    Matching(String),
}

/// How a device stores tensors: weights, inputs, results and what lies between. Kernels compute in single precision
/// whatever is stored, and host tensors hold single precision: they are converted when they are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Precision {
    /// Single precision.
    #[default]
    F32,
    /// Half precision: half the memory and traffic, 11 bits of a number, and nothing above 65,504. An adapter without it
    /// is refused.
    F16,
    /// Half precision where the adapter has it, else single precision.
    Auto,
}

/// How to open a device. The limits can only lower what the adapter allows: they show how the library
/// behaves on a smaller device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Options {
    /// Which adapter.
    pub adapter: AdapterChoice,
    /// Bytes in one buffer.
    pub max_buffer_size: Option<u64>,
    /// Bytes of a buffer that one kernel can see.
    pub max_binding_size: Option<u64>,
    /// Workgroups along one dimension of a dispatch.
    pub max_workgroups: Option<u32>,
    /// How long one submission may keep the device busy, by an estimate for a slow one: longer work is cut
    /// into several. None is half a second, and no limit on a software adapter.
    pub submission_budget: Option<Duration>,
    /// Never store the kernels of an involution that makes them ([`SpanInvolution`](crate::ops::SpanInvolution)), also
    /// where that takes longer: they are the largest tensors of many networks.
    pub low_memory: bool,
    /// How tensors are stored.
    pub precision: Precision,
    /// Look at the result of each step of a network, and fail with [`Error::NotFinite`](crate::Error::NotFinite) in the
    /// layer that gives the first value that is not finite. Slow: each result is copied to the host before the next step.
    pub paranoid: bool,
    /// Which measured choices among kernels to go by.
    pub tuned: Tuned,
    /// Where compiled pipelines are kept from one process to the next.
    pub pipeline_cache: PipelineFile,
    pub(crate) testing: Testing,
}

/// What only tests and benchmarks ask of a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Testing {
    /// Iterations that the loops of one invocation make together. An adapter's own limit is found by a test when it is
    /// opened: llvmpipe of Mesa 22.3 ends loops after 65,535 iterations and says nothing.
    pub max_trips: Option<usize>,
    /// Use no integers of 64 bits, as on an adapter that has none. Software adapters that have them read and write two
    /// values at a time with them.
    pub without_int64: bool,
    /// Use no matrix units, as on an adapter that has none.
    pub without_matrix_units: bool,
    /// Faults to put into shaders: they show that the checks catch a wrong kernel.
    pub faults: Vec<Fault>,
}

/// A wrong shader: the text of a kernel, imports resolved, with one text replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kernel's name.
    pub kernel: String,
    /// The text to replace wherever it stands; a kernel without it does not compile.
    pub from: String,
    /// What to put there.
    pub to: String,
}

#[cfg(feature = "testing")]
impl Options {
    /// What only tests and benchmarks ask of a device.
    pub fn testing(&mut self) -> &mut Testing {
        &mut self.testing
    }
}

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

//! The only part of the crate that names wgpu: it runs [`KernelCall`](crate::kernels::KernelCall)s.
//!
//! [`Gpu`] opens a device; [`Gpu::run`] runs an operator from host tensors to a host tensor; [`Gpu::upload`],
//! [`Gpu::apply`] and [`Gpu::download`] keep tensors on the device in between. A [`Gpu`] is a handle: clones share
//! the device, the pipelines and the buffer pool, and any thread may use any of them.
//!
//! Asynchronous functions, with the suffix `_async`, use no threads and no clocks, so that a browser can run them;
//! those without the suffix wait for them, and may use both.

mod device;
#[cfg(any(feature = "tune", feature = "testing"))]
mod guard;
mod handle;
mod network;
mod prepared;
mod program;
mod run;
mod stream;
#[cfg(feature = "testing")]
mod testing;

pub use device::adapter::{AdapterInfo, adapters, backends};
pub use device::options::{AdapterChoice, Options, PipelineFile, Precision};
#[cfg(feature = "testing")]
pub use device::options::{Fault, Testing};
pub use device::pool::PoolStats;
pub use device::tensor::GpuTensor;
pub use device::timestamps::{Timer, Timing};
#[cfg(feature = "testing")]
pub use guard::Guarded;
pub use handle::Gpu;
pub use network::{Network, Outputs};
pub use prepared::Prepared;
pub use program::pipelines::PipelineStats;
pub use program::warm_up::Progress;
pub use stream::Stream;

pub use crate::kernels::shader;
pub use crate::schedule::Choice;
#[cfg(feature = "testing")]
pub use testing::limits::{self, Bound, Limits};

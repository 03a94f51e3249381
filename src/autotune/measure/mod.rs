//! Measures which of an operator's candidates is the fastest on an adapter.
//!
//! [`calls`] lists the calls of a network. [`measure`] goes through the candidates of one call: each has to be correct
//! before it is timed, and the fixed choice stays unless another one is faster by more than the noise. The results go
//! into a [`Cache`](crate::autotune::Cache), which devices read when they are opened:
//!
//! ```no_run
//! use involution::models::RedNet;
//! use involution::autotune::measure::{Settings, calls, measure};
//! use involution::autotune::{Cache, file};
//! use involution::{Gpu, Layer};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let gpu = Gpu::new()?;
//! let identity = gpu.adapter().identity();
//! let path = file(&identity).ok_or("there is no folder for caches")?;
//! let mut cache = Cache::load(&path, &identity).unwrap_or_else(|_| Cache::new(identity));
//!
//! let rednet = RedNet::new(50)?;
//! let plan = rednet.example_plan()?.keep(&["logits"])?.fuse();
//! for call in calls(&plan) {
//!     let before = cache.get(&call.key).map(|entry| entry.kernel.clone());
//!     let measured = measure(&gpu, &call, before.as_deref(), &Settings::default())?;
//!     measured.entry().into_iter().for_each(|entry| cache.insert(entry));
//! }
//! cache.save(&path)?;
//! # Ok(())
//! # }
//! ```

mod call;
mod calls;
mod choose;
mod eligible;

pub use call::{Measured, Settings, measure};
pub use calls::{Call, calls};
pub use choose::{Row, Time};

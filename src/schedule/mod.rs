//! Decisions as data: which candidate carries out each step of a plan and why, in which batch slices, which weights are
//! prepacked, and where everything lies.
//!
//! [`lower`] makes a [`Schedule`] of a plan for a [`DeviceProfile`](crate::kernels::DeviceProfile), of a device that is
//! there or of one that is only described; [`lower_call`] does so for one call. What the device would refuse is refused
//! here, before anything is compiled or allocated. `gpu` binds and runs what comes out.

mod choose;
mod fold;
mod lower;
mod memory;
mod slices;
mod spans;
mod table;

pub use choose::{Choice, Policy, Why, ordered};
pub(crate) use fold::fold;
pub use lower::{Prepack, Schedule, Step, lower, lower_call};
pub use memory::{Memory, Place};
pub use slices::{Lowered, Slice};
pub use spans::{Span, spans};
pub use table::{Table, TableRow};

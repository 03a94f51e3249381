//! Decisions as data: which candidate computes each step of a plan and why, in which batch slices, which weights are
//! prepacked, and where every value lies.
//!
//! [`lower`] makes a [`Schedule`] from a plan and a [`DeviceProfile`](crate::kernels::DeviceProfile), that of an open
//! device or of one that need not be present; [`lower_call`] does so for one call. Whatever the device would refuse
//! is refused here, before anything is compiled or allocated. `gpu` binds and runs the result.

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

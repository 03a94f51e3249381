//! The ways in which a device can run an operator: candidates, each with what it requires, its rank and the reason
//! for the rank.
//!
//! Nothing here needs a device: [`candidates`] takes a [`DeviceProfile`], that of an open device or of one that need
//! not be present.

macro_rules! declare {
    ($($module:ident :: $variant:ident),+ $(,)?) => { $(mod $module;)+ };
}

crate::each_operator!(declare);

mod broadcast;
mod call;
mod candidate;
mod conv;
mod gemm;
mod neighbours;
mod pool;
mod problem;
mod profile;
mod rank;
mod select;
pub mod shader;

pub use call::{Grid, KernelCall, KernelKey, MOST_TRIPS, Operand, Params, Scalar, nested};
pub use candidate::{Candidate, GENERAL, Requires, Tolerance};
pub use profile::{
    CooperativeMatrix, DeviceClass, DeviceProfile, MatrixElement, MatrixUnits, Vendor,
};
pub use select::{all, candidates, general};

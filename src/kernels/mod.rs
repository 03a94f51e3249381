//! How a device carries out an operator: the candidates, each with what it requires, its rank and the reason for that.
//!
//! Nothing here needs a device: [`candidates`] goes by a [`DeviceProfile`], of one that is there or of one that is only
//! described.

macro_rules! declare {
    ($($module:ident :: $variant:ident),+ $(,)?) => { $(mod $module;)+ };
}

crate::each_operator!(declare);

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

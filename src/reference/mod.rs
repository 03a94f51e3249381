//! The definition of every operator: naive loops over the paper's indices, in double precision.
//!
//! Nothing here is meant to be fast, and nothing is shared with the kernels, so that the two can be checked against
//! each other. It needs no adapter.

macro_rules! declare {
    ($($module:ident :: $variant:ident),+ $(,)?) => { $(pub(crate) mod $module;)+ };
}

crate::each_operator!(declare);

mod array;
mod broadcast;
mod evaluate;
mod plan;
pub(crate) mod rounding;

pub use array::Array;
pub(crate) use evaluate::rounding;
pub use evaluate::{evaluate, run};
pub use plan::{Network, run_plan};

//! Operands that broadcast.

use crate::error::ShapeError;
use crate::kernels::call::Params;
use crate::ops::broadcast::{RUNS, Run};

/// Names of the strides of each run of dimensions in `shaders/common/broadcast.wgsl`, innermost first, and of their sizes; what is left
/// after all others is the place in the last one, so that its size is not needed.
const STRIDES: [[&str; 2]; RUNS] = [
    ["x_stride0", "y_stride0"],
    ["x_stride1", "y_stride1"],
    ["x_stride2", "y_stride2"],
    ["x_stride3", "y_stride3"],
    ["x_stride4", "y_stride4"],
    ["x_stride5", "y_stride5"],
];
const SIZES: [&str; RUNS - 1] = ["size0", "size1", "size2", "size3", "size4"];

/// The numbers that `shaders/common/broadcast.wgsl` declares, but for those that the kernel adds.
pub fn params(common: &[(&'static str, usize)], mut runs: Vec<Run>) -> Result<Params, ShapeError> {
    runs.resize(RUNS, Run { size: 1, strides: [0, 0] });
    let mut sizes = common.to_vec();
    sizes.extend(SIZES.into_iter().zip(runs.iter().map(|run| run.size)));
    for (names, run) in STRIDES.into_iter().zip(&runs) {
        sizes.extend(names.into_iter().zip(run.strides));
    }
    Params::sizes(&sizes)
}

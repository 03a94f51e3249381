//! Sums of two tensors.

use crate::error::ShapeError;
use crate::kernels::call::{ELEMENTS_PER_INVOCATION, Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL};
use crate::ops::Add;
use crate::ops::add::{RUNS, Run};
use crate::shaders::elementwise::ADD;
use crate::shape::Shape;

/// Names of the strides of each run of dimensions in `shaders/elementwise/add.wgsl`, innermost first, and of their sizes; what is left
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

/// The candidates of the operator.
pub fn candidates(op: &Add, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let (output, mut runs) = op.checked(inputs)?;
    let elements = output.elements()?;
    let common = [("elements", elements), ("activation", op.activation.code())];
    let call = |variant, params, values: usize| KernelCall {
        kernel: &ADD,
        variant,
        params,
        bindings: vec![
            ("x", Operand::Input(0)),
            ("y", Operand::Input(1)),
            ("out", Operand::Output),
        ],
        grid: Grid::Invocations(values.div_ceil(ELEMENTS_PER_INVOCATION)),
        trips: ELEMENTS_PER_INVOCATION,
    };
    runs.resize(RUNS, Run { size: 1, strides: [0, 0] });
    let mut sizes = common.to_vec();
    sizes.extend(SIZES.into_iter().zip(runs.iter().map(|run| run.size)));
    for (names, run) in STRIDES.into_iter().zip(&runs) {
        sizes.extend(names.into_iter().zip(run.strides));
    }
    let [general, same, aligned] =
        const { [ADD.variant(""), ADD.variant("same"), ADD.variant("same,aligned")] };
    let mut candidates = vec![Candidate::general(call(general, Params::sizes(&sizes)?, elements))];
    if inputs[0] == inputs[1] {
        let same = call(same, Params::sizes(&common)?, elements);
        candidates.push(Candidate::new(same, GENERAL + 1, "tensors of one shape"));
        if elements.is_multiple_of(VEC4) {
            let aligned = call(aligned, Params::sizes(&common)?, elements / VEC4);
            candidates.push(Candidate::new(aligned, GENERAL + 2, "tensors of whole vec4s"));
        }
    }
    Ok(candidates)
}

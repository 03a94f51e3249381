//! Images of another size.

use super::call::{Grid, KernelCall, Operand, Params, VEC4};
use super::candidate::{Candidate, GENERAL, Requires};
use crate::error::ShapeError;
use crate::ops::{Interpolation, Resize};
use crate::shaders::reduce::RESIZE;
use crate::shape::{Shape, product, to_u32};

/// Planes in which an invocation computes its pixels where rows are whole `vec4`s.
const PLANES: usize = 4;

/// An error where places cannot be counted in a `u32`, in so many parts of the distance between two pixels of the output.
pub(super) fn countable(
    parts: usize,
    input: [usize; 2],
    output: [usize; 2],
) -> Result<(), ShapeError> {
    for (size, count) in input.into_iter().zip(output) {
        let what = "the product of the sizes of x and the output";
        to_u32(what, product(what, &[parts, size, count])?)?;
    }
    Ok(())
}

/// The candidates of the operator.
pub fn candidates(op: &Resize, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let ([batch, channels, height, width], input) = op.checked(inputs)?;
    let output = op.output_size;
    // Places along an axis are counted in parts of the distance between two pixels.
    let (parts, [general, vec4]) = match op.mode {
        Interpolation::Nearest => (1, const { [RESIZE.variant(""), RESIZE.variant("vec4")] }),
        Interpolation::Bilinear => {
            (2, const { [RESIZE.variant("bilinear"), RESIZE.variant("bilinear,vec4")] })
        }
    };
    countable(parts, input, output)?;
    let planes = product("x", &[batch, channels])?;
    let params = Params::planes(planes, input, output)?
        .size("x_height", height)?
        .size("x_width", width)?
        .size("has_residual", usize::from(op.residual))?;
    let call = |variant, planes: usize, shared: usize| {
        let grid = [planes.div_ceil(shared), output[0], output[1].div_ceil(VEC4)];
        Ok::<_, ShapeError>(KernelCall {
            kernel: &RESIZE,
            variant,
            params: params.clone(),
            bindings: vec![
                ("x", Operand::Input(0)),
                ("residual", if op.residual { Operand::Input(1) } else { Operand::Absent }),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(product("the grid", &grid)?),
            trips: VEC4,
        })
    };
    let mut candidates = vec![Candidate::general(call(general, planes, 1)?)];
    if output[1].is_multiple_of(VEC4) {
        let reason = "rows of whole vec4s: four planes share their places";
        let candidate = Candidate::new(call(vec4, planes, PLANES)?, GENERAL + 1, reason);
        candidates.push(candidate.requiring(Requires::GPU));
    }
    Ok(candidates)
}

//! The pixels that a 1x1 convolution reads, in planes of whole `vec4`s.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params, VEC4};
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::Problem;
use crate::shaders::software::GATHER;
use crate::shape::product;

/// Has a candidate read gathered pixels where it needs them, in one more scratch buffer: where there is a stride, or a
/// plane is not of whole `vec4`s.
pub fn gathered(problem: &Problem, mut candidate: Candidate) -> Result<Candidate, ShapeError> {
    let sizes = &problem.sizes;
    if problem.pixels()?.is_multiple_of(VEC4) && sizes.window.stride == [1, 1] {
        return Ok(candidate);
    }
    let planes = product("x", &[sizes.batch, sizes.in_channels])?;
    let vec4s = product("the gathered pixels", &[planes, problem.plane_vec4s()?])?;
    let out = Operand::Scratch(problem.scratch + candidate.scratch.len());
    for (name, operand) in candidate.calls.iter_mut().flat_map(|call| &mut call.bindings) {
        if *name == "x" {
            *operand = out;
        }
    }
    let call = KernelCall {
        kernel: &GATHER,
        variant: GATHER.variants[0],
        params: Params::sizes(&[
            ("planes", planes),
            ("height", sizes.input[0]),
            ("width", sizes.input[1]),
            ("out_height", sizes.output[0]),
            ("out_width", sizes.output[1]),
            ("stride_y", sizes.window.stride[0]),
            ("stride_x", sizes.window.stride[1]),
        ])?,
        bindings: vec![("x", problem.x), ("out", out)],
        grid: Grid::Invocations(vec4s),
        trips: 0,
    };
    candidate.calls.insert(candidate.prepack, call);
    candidate.scratch.push(product("the gathered pixels", &[vec4s, VEC4])?);
    Ok(candidate)
}

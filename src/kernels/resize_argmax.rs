//! The channel of the largest value of images that are resized first.

use super::call::{Grid, KernelCall, Operand, Params, VEC4};
use super::candidate::Candidate;
use super::resize::countable;
use crate::error::ShapeError;
use crate::ops::ResizeArgmax;
use crate::ops::resize_argmax::Checked;
use crate::shaders::reduce::RESIZE_ARGMAX;
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &ResizeArgmax, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let Checked { batch, channels, x, image } = op.checked(inputs)?;
    let via = op.via.unwrap_or(x);
    countable(2, image, op.output_size)?;
    countable(2, x, via)?;
    let [once, twice] = const { [RESIZE_ARGMAX.variant(""), RESIZE_ARGMAX.variant("via")] };
    let params = Params::sizes(&[
        ("batch", batch),
        ("channels", channels),
        ("via_height", via[0]),
        ("via_width", via[1]),
        ("image_height", image[0]),
        ("image_width", image[1]),
    ])?;
    let grid = [batch, op.output_size[0], op.output_size[1].div_ceil(VEC4)];
    Ok(vec![Candidate::general(KernelCall {
        kernel: &RESIZE_ARGMAX,
        variant: if op.via.is_some() { twice } else { once },
        params: params.axes(x, op.output_size)?,
        bindings: vec![("x", Operand::Input(0)), ("out", Operand::Output)],
        grid: Grid::Invocations(product("the grid", &grid)?),
        trips: channels,
    })])
}

//! Transposed convolution.

use super::call::{Grid, KernelCall, Operand, Params, VEC4, nested};
use super::candidate::{Candidate, GENERAL};
use crate::error::ShapeError;
use crate::ops::ConvTranspose2d;
use crate::ops::conv_transpose2d::Sizes;
use crate::shaders::Variant;
use crate::shaders::conv::CONV_TRANSPOSE2D;
use crate::shape::{Shape, gcd, product, to_u32};

/// Output channels of a group up to which a tile of one is better than one of eight.
const FEW: usize = 3;

/// The candidates of the operator.
pub fn candidates(op: &ConvTranspose2d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = op.checked(inputs)?;
    let [wide, narrow] =
        const { [CONV_TRANSPOSE2D.variant("T=8"), CONV_TRANSPOSE2D.variant("T=1")] };
    let mut candidates = vec![Candidate::general(call(op, &sizes, wide)?)];
    if sizes.out_channels / op.groups <= FEW {
        let call = call(op, &sizes, narrow)?;
        candidates.push(Candidate::new(call, GENERAL + 1, "few output channels in a group"));
    }
    Ok(candidates)
}

fn call(op: &ConvTranspose2d, sizes: &Sizes, variant: Variant) -> Result<KernelCall, ShapeError> {
    let window = &sizes.window;
    let [group_in, group_out] = [sizes.in_channels, sizes.out_channels].map(|all| all / op.groups);
    // Every so many taps reach the same pixel.
    let steps = [0, 1].map(|axis| op.stride[axis] / gcd(op.stride[axis], op.dilation[axis]));
    let [rows, columns] = [0, 1].map(|axis| window.kernel_size[axis].div_ceil(steps[axis]));
    let tile = variant.get("T").map_or(1, |channels| channels as usize);
    let run = product("the grid", &[VEC4, op.stride[1]])?;
    // The largest number that the shader makes of a stride.
    to_u32("stride and output", run.saturating_add(sizes.output[1]))?;
    let grid = [
        product("the grid", &[sizes.batch, op.groups, group_out.div_ceil(tile)])?,
        sizes.output[0],
        sizes.output[1].div_ceil(run),
        op.stride[1],
    ];
    let params = Params::sizes(&[
        ("batch", sizes.batch),
        ("in_channels", sizes.in_channels),
        ("out_channels", sizes.out_channels),
        ("groups", op.groups),
        ("step_y", steps[0]),
        ("step_x", steps[1]),
        ("has_bias", usize::from(op.bias)),
        ("activation", op.activation.code()),
    ])?;
    let searched = [0, 1].map(|axis| steps[axis].min(window.kernel_size[axis]));
    Ok(KernelCall {
        kernel: &CONV_TRANSPOSE2D,
        variant,
        params: params.axes(sizes.input, sizes.output)?.window(window)?,
        bindings: vec![
            ("x", Operand::Input(0)),
            ("weight", Operand::Input(1)),
            ("bias", if op.bias { Operand::Input(2) } else { Operand::Absent }),
            ("out", Operand::Output),
        ],
        grid: Grid::Invocations(product("the grid", &grid)?),
        trips: nested(&[group_in, rows, columns]).saturating_add(searched[0] + searched[1]),
    })
}

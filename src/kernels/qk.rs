//! Products of queries with the keys of their windows.

use super::call::{Grid, KernelCall, Operand, Params, VEC4, nested};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::{Border, Qk};
use crate::shaders::attention::QK;
use crate::shape::{Shape, product};

/// Taps that an invocation computes.
const TAPS: usize = 4;

/// The candidates of the operator.
pub fn candidates(op: &Qk, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, channels, height, width] = op.checked(inputs)?;
    let variant = match op.border {
        Border::Zero => const { QK.variant("T=4,BORDER=0") },
        Border::Reflect => const { QK.variant("T=4,BORDER=1") },
        Border::Replicate => const { QK.variant("T=4,BORDER=2") },
        Border::Shift => const { QK.variant("T=4,BORDER=3") },
    };
    let blocks = op.window().taps().div_ceil(TAPS);
    let grid = [batch, op.heads, blocks, height, width.div_ceil(VEC4)];
    let head_channels = channels / op.heads;
    let params = Params::sizes(&[
        ("batch", batch),
        ("heads", op.heads),
        ("head_channels", head_channels),
        ("height", height),
        ("width", width),
        ("has_bias", usize::from(op.bias)),
        ("mask", usize::from(op.mask)),
    ])?;
    Ok(vec![Candidate::general(KernelCall {
        kernel: &QK,
        variant,
        params: params.float("scale", op.scale).window(&op.window())?,
        bindings: vec![
            ("query", Operand::Input(0)),
            ("key", Operand::Input(1)),
            ("bias", if op.bias { Operand::Input(2) } else { Operand::Absent }),
            ("out", Operand::Output),
        ],
        grid: Grid::Invocations(product("the grid", &grid)?),
        trips: nested(&[head_channels]),
    })])
}

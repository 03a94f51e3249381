//! Products of queries with the keys of their windows.

use super::call::{Grid, KernelCall, Operand, Params, VEC4, nested};
use super::candidate::{Candidate, GENERAL, Requires};
use crate::error::ShapeError;
use crate::ops::{Border, Qk};
use crate::shaders::Variant;
use crate::shaders::attention::{QK, QK_ROWS};
use crate::shape::{Shape, product};

/// Taps that an invocation computes.
const TAPS: usize = 4;

/// Pixels of a row in which a shifted window of seven lies in any place.
const SHIFTED: usize = 2 * VEC4;

/// The candidates of the operator.
pub fn candidates(op: &Qk, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let [batch, channels, height, width] = op.checked(inputs)?;
    let variant = match op.border {
        Border::Zero => const { QK.variant("T=4,BORDER=0") },
        Border::Reflect => const { QK.variant("T=4,BORDER=1") },
        Border::Replicate => const { QK.variant("T=4,BORDER=2") },
        Border::Shift => const { QK.variant("T=4,BORDER=3") },
    };
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
    let params = params.float("scale", op.scale).window(&op.window())?;
    let call = |kernel, variant, blocks| {
        let grid = [batch, op.heads, blocks, height, width.div_ceil(VEC4)];
        Ok::<_, ShapeError>(KernelCall {
            kernel,
            variant,
            params: params.clone(),
            bindings: vec![
                ("query", Operand::Input(0)),
                ("key", Operand::Input(1)),
                ("bias", if op.bias { Operand::Input(2) } else { Operand::Absent }),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(product("the grid", &grid)?),
            trips: nested(&[head_channels]),
        })
    };
    let mut candidates =
        vec![Candidate::general(call(&QK, variant, op.window().taps().div_ceil(TAPS))?)];
    if let Some(variant) = rows(op, width) {
        let call = call(&QK_ROWS, variant, op.kernel_size[0])?;
        let reason = "rows of whole vec4s: a row of taps shares its keys";
        candidates.push(Candidate::new(call, GENERAL + 1, reason).requiring(Requires::GPU));
    }
    Ok(candidates)
}

/// The variant for rows of whole vec4s whose taps are neighbours.
fn rows(op: &Qk, width: usize) -> Option<Variant> {
    let shift = match op.border {
        Border::Zero => false,
        Border::Shift if width >= SHIFTED => true,
        _ => return None,
    };
    let taps = op.kernel_size[1];
    let fits = op.dilation[1] == 1 && width.is_multiple_of(VEC4);
    let is = |variant: &Variant| {
        variant.get("K").map(|of| of as usize) == Some(taps) && variant.defines("SHIFT") == shift
    };
    QK_ROWS.variants.iter().copied().find(is).filter(|_| fits)
}

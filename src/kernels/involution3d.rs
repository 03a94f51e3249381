//! Involutions of volumes.

use super::call::{Grid, KernelCall, Operand, Params, VEC4, nested};
use super::candidate::{Candidate, GENERAL};
use crate::error::ShapeError;
use crate::ops::{Border, ChannelOrder, Involution3d};
use crate::shaders::Variant;
use crate::shaders::involution::INVOLUTION3D;
use crate::shape::{Shape, product};

/// The candidates of the operator.
pub fn candidates(op: &Involution3d, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let ([batch, channels], input, output) = op.checked(inputs)?;
    let [group_stride, channel_stride] = match op.channel_order {
        ChannelOrder::Blocked => [channels / op.groups, 1],
        ChannelOrder::Interleaved => [1, op.groups],
    };
    let params = Params::sizes(&[
        ("batch", batch),
        ("channels", channels),
        ("groups", op.groups),
        ("group_stride", group_stride),
        ("channel_stride", channel_stride),
        ("has_affine", usize::from(op.affine)),
        ("activation", op.activation.code()),
    ])?;
    let params = params.axes(input, output)?.window(&op.window)?;
    let [depth, height, width] = output;
    let [kernel_depth, kernel_height, kernel_width] = op.window.kernel_size;
    let largest = if op.softmax { op.window.taps() } else { 0 };
    let rows = kernel_depth.saturating_mul(kernel_height);
    let optional = |index| if op.affine { Operand::Input(index) } else { Operand::Absent };
    let call = |variant: Variant| {
        let tile = variant.get("C").map_or(1, |channels| channels as usize);
        let blocks = (channels / op.groups).div_ceil(tile);
        let grid = [batch, op.groups, blocks, depth, height, width.div_ceil(VEC4)];
        Ok(KernelCall {
            kernel: &INVOLUTION3D,
            variant,
            params: params.clone(),
            bindings: vec![
                ("x", Operand::Input(0)),
                ("kernel", Operand::Input(1)),
                ("scale", optional(2)),
                ("shift", optional(3)),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(product("the grid", &grid)?),
            trips: nested(&[rows, kernel_width]).saturating_add(largest),
        })
    };
    let mut candidates = vec![Candidate::general(call(general(op))?)];
    // A group of fewer channels would leave half of the tile empty.
    if let Some(variant) = sliding(op).filter(|_| channels / op.groups > 4) {
        let reason = "neighbouring pixels read neighbouring inputs";
        candidates.push(Candidate::new(call(variant)?, GENERAL + 1, reason));
    }
    Ok(candidates)
}

/// The variant for windows that move by one column over neighbouring taps, where the border lets them.
fn sliding(op: &Involution3d) -> Option<Variant> {
    let [.., stride] = op.window.stride;
    let [.., dilation] = op.window.dilation;
    let border = Border::ALL.iter().position(|&(_, border)| border == op.border)?;
    let fits = |variant: &Variant| {
        variant.defines("SLIDING")
            && variant.defines("SOFTMAX") == op.softmax
            && variant.get("BORDER").map(|border| border as usize) == Some(border)
    };
    let variant = INVOLUTION3D.variants.iter().copied().find(fits);
    variant.filter(|_| [stride, dilation] == [1, 1])
}

/// The variant for any window with a border, with taps as they are or normalised.
fn general(op: &Involution3d) -> Variant {
    const fn pair(plain: &'static str, softmax: &'static str) -> [Variant; 2] {
        [INVOLUTION3D.variant(plain), INVOLUTION3D.variant(softmax)]
    }
    let [plain, softmax] = match op.border {
        Border::Zero => const { pair("C=4,BORDER=0", "C=4,BORDER=0,softmax") },
        Border::Reflect => const { pair("C=4,BORDER=1", "C=4,BORDER=1,softmax") },
        Border::Replicate => const { pair("C=4,BORDER=2", "C=4,BORDER=2,softmax") },
        Border::Shift => const { pair("C=4,BORDER=3", "C=4,BORDER=3,softmax") },
    };
    if op.softmax { softmax } else { plain }
}

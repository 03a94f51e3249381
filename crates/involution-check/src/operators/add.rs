//! The cases of `add`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activation, Add};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let x = draw.any_shape(6);
    let mut y = x.clone();
    if draw.yes() {
        // Sizes of 1 on either side, and leading dimensions left out.
        for size in &mut y {
            if draw.below(2) == 1 {
                *size = 1;
            }
        }
        y.drain(..draw.below(x.len()));
    }
    let operands = if draw.yes() { vec![y, x] } else { vec![x, y] };
    (Add { activation: draw.activated() }.into(), operands)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [
        vec![
            Case::new(
                "a residual",
                Add { activation: Activation::Relu },
                &[&[2, 9, 7, 5], &[2, 9, 7, 5]],
            ),
            Case::new(
                "six dimensions that alternate",
                Add::default(),
                &[&[2, 1, 3, 1, 2, 3], &[1, 4, 1, 5, 2, 1]],
            ),
        ],
        vec![
            Case::new(
                "whole workgroups of fours",
                Add { activation: Activation::None },
                &[&[9, 4096], &[9, 4096]],
            ),
            Case::new(
                "one more than whole workgroups",
                Add { activation: Activation::None },
                &[&[8193], &[8193]],
            ),
            Case::new(
                "several workgroups of operands that repeat",
                Add { activation: Activation::Relu },
                &[&[3, 4, 32, 33], &[4, 1, 33]],
            ),
        ],
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        Add { activation: Activation::Relu }.into(),
        vec![tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])?, tensor(&[2], &[-2.0, 1.0])?],
        tensor(&[2, 2], &[0.0, 3.0, 1.0, 5.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", Add::default(), &[&[9, 64, 64], &[9, 64, 64]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Add::default().into(), vec![vec![batch, 64, size, size]; 2])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("elementwise/add", "the second operand is taken away", "+ f32(y[at.y])", "- f32(y[at.y])"),
    (
        "elementwise/add",
        "the second operand is taken away",
        "+ unpack4(y[index])",
        "- unpack4(y[index])",
    ),
    (
        "elementwise/add",
        "the operands' strides are swapped",
        "vec2<u32>(params.x_stride1, params.y_stride1)",
        "vec2<u32>(params.y_stride1, params.x_stride1)",
    ),
];

//! The cases of `mul`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activation, Mul};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let x = draw.any_shape(6);
    let mut y = x.clone();
    if draw.yes() {
        // Factors for rows of x.
        let kept = draw.below(y.len());
        y[kept..].fill(1);
    } else if draw.yes() {
        // Sizes of 1 on either side, and leading dimensions left out.
        for size in &mut y {
            if draw.below(2) == 1 {
                *size = 1;
            }
        }
        y.drain(..draw.below(x.len()));
    }
    let operands = if draw.yes() { vec![y, x] } else { vec![x, y] };
    (Mul { activation: draw.activated() }.into(), operands)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let relu = Mul { activation: Activation::Relu };
    vec![
        Case::new("gates of channels", Mul::default(), &[&[2, 9, 8, 5], &[2, 9, 1, 1]]),
        Case::new("gates of channels of odd sizes", relu, &[&[3, 5, 7, 7], &[3, 5, 1, 1]]),
        Case::new("one factor for all", relu, &[&[3, 4, 8], &[1]]),
        Case::new("one shape", Mul::default(), &[&[2, 9, 7, 5], &[2, 9, 7, 5]]),
        Case::new("rows across workgroups", relu, &[&[9, 4100], &[9, 1]]),
        Case::new(
            "six dimensions that alternate",
            relu,
            &[&[2, 1, 3, 1, 2, 3], &[1, 4, 1, 5, 2, 1]],
        ),
        Case::new("one more than whole workgroups", Mul::default(), &[&[8193], &[8193]]),
        Case::new(
            "several workgroups of operands that repeat",
            relu,
            &[&[3, 4, 32, 33], &[4, 1, 33]],
        ),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        Mul { activation: Activation::Relu }.into(),
        vec![tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])?, tensor(&[2], &[-2.0, 0.5])?],
        tensor(&[2, 2], &[0.0, 1.0, 0.0, 2.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", Mul::default(), &[&[9, 64, 64], &[9, 64, 1]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Mul::default().into(), vec![vec![batch, 64, size, size], vec![batch, 64, 1, 1]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("elementwise/mul", "the operands are added", "* f32(y[at.y])", "+ f32(y[at.y])"),
    ("elementwise/mul", "each row has the first factor", "y[index / params.row]", "y[0]"),
    (
        "elementwise/mul",
        "a row ends one vec4 too early",
        "index / params.row",
        "(index + 1u) / params.row",
    ),
];

//! The cases of `activation`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activate, Activation};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let x = if draw.yes() { draw.any_shape(5) } else { vec![draw.extent(5000)] };
    (Activate { activation: draw.activated() }.into(), vec![x])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [
        vec![Case::new(
            "one more than whole workgroups",
            Activate { activation: Activation::Silu },
            &[&[4097]],
        )],
        vec![
            Case::new("whole workgroups", Activate { activation: Activation::Relu }, &[&[8192]]),
            Case::new(
                "six workgroups of vec4s",
                Activate { activation: Activation::Sigmoid },
                &[&[6, 4096]],
            ),
        ],
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        Activate { activation: Activation::Relu6 }.into(),
        vec![tensor(&[4], &[-1.0, 0.5, 6.0, 7.0])?],
        tensor(&[4], &[0.0, 0.5, 6.0, 6.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", Activate::default(), &[&[130, 1024]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Activate { activation: Activation::Relu }.into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("elementwise/activation", "sigmoid forgets the sign", "exp(-abs(v))", "exp(-v)"),
    (
        "elementwise/activation",
        "the last vec4 is left out",
        "index < params.elements / 4u",
        "index + 1u < params.elements / 4u",
    ),
];

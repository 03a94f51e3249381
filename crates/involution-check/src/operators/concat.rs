//! The cases of `concat`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::Concat;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, image) = draw.image();
    let axes = draw.one_of(&[2, 2, 1, 0]);
    let channels = [draw.extent(40), draw.extent(40)];
    let shapes = channels.map(|channels| [&[n, channels], &image[..axes]].concat());
    (Concat.into(), shapes.to_vec())
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    vec![
        Case::new("maps of a pyramid", Concat, &[&[2, 16, 8, 12], &[2, 24, 8, 12]]),
        Case::new("a run across both", Concat, &[&[3, 5, 7, 3], &[3, 6, 7, 3]]),
        Case::new("rows", Concat, &[&[5, 7], &[5, 1]]),
        Case::new("several workgroups", Concat, &[&[2, 9, 31, 33], &[2, 3, 31, 33]]),
        Case::new("volumes", Concat, &[&[2, 1, 3, 5, 2], &[2, 2, 3, 5, 2]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let x = tensor(&[2, 1, 2], &[1.0, 2.0, 3.0, 4.0])?;
    let y = tensor(&[2, 2, 2], &[5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0])?;
    let both = [1.0, 2.0, 5.0, 6.0, 7.0, 8.0, 3.0, 4.0, 9.0, 10.0, 11.0, 12.0];
    Ok(vec![(Concat.into(), vec![x, y], tensor(&[2, 3, 2], &both)?)])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", Concat, &[&[9, 16, 16, 8], &[9, 32, 16, 8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let shape = vec![batch, 64, size, size];
    (Concat.into(), vec![shape.clone(), shape])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("elementwise/concat", "all samples of x are the first", "sample * params.x_values + at", "at"),
    ("elementwise/concat", "all samples of y are the first", "sample * params.y_values + at", "at"),
    (
        "elementwise/concat",
        "x has a value more",
        "if at < params.x_values",
        "if at <= params.x_values",
    ),
];

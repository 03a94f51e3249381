//! The cases of `unfold3d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::Unfold3d;
use involution::shape::{ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, volume) = draw.volume();
    let window = draw.window_within(volume, [3, 3, 5]);
    let x = [&[n, draw.size(3)], &volume[..]].concat();
    (Unfold3d { window }.into(), vec![x])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let same = Window::new([3, 3, 3]).padding(1);
    let window = Window::new([2, 3, 1]).stride([1, 2, 1]).dilation([2, 1, 1]);
    vec![
        Case::new(
            "a window as large as the volume",
            Unfold3d { window: Window::new([3, 5, 6]) },
            &[&[2, 2, 3, 5, 6]],
        ),
        Case::new("several workgroups of windows", Unfold3d { window: same }, &[&[1, 2, 5, 7, 9]]),
        Case::new("axes that differ", Unfold3d { window }, &[&[2, 3, 4, 7, 5]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        Unfold3d { window: Window::new([2, 1, 1]) }.into(),
        vec![tensor(&[1, 1, 3, 1, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?],
        tensor(&[1, 2, 4], &[1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 5.0, 6.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let window = Window::new([3, 3, 3]).padding(1);
    Case::new("cut along the batch", Unfold3d { window }, &[&[5, 1, 4, 8, 16]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let window = Window::new([3, 3, 3]).padding(1);
    (Unfold3d { window }.into(), vec![vec![batch, 16, 4, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "conv/unfold",
        "the slices are apart by the dilation of the rows",
        "kz * params.window.dilation_z",
        "kz * params.window.dilation_y",
    ),
    (
        "conv/unfold",
        "what lies before the first slice is not zero",
        "iz < params.depth && iy",
        "iy",
    ),
];

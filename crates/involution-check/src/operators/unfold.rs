//! The cases of `unfold`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, square, tensor};
use involution::ops::Unfold;
use involution::shape::{ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    let window = draw.window([h, w]);
    (Unfold { window }.into(), vec![vec![n, draw.size(5), h, w]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let k7 = Window::new([7, 7]).padding(3);
    vec![
        Case::new(
            "a window as large as the input",
            Unfold { window: Window::new([5, 6]) },
            &[&[2, 3, 5, 6]],
        ),
        Case::new("more than one workgroup of windows", Unfold { window: k7 }, &[&[1, 3, 31, 29]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    Ok(vec![(
        Unfold { window: Window::new([2, 2]) }.into(),
        vec![counting],
        tensor(&[1, 4, 4], &[1., 2., 4., 5., 2., 3., 5., 6., 4., 5., 7., 8., 5., 6., 8., 9.])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        Unfold { window: Window::new([3, 3]).padding(1) },
        &[&[5, 3, 16, 32]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Unfold { window: Window::new([7, 7]).padding(3) }.into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[(
    "conv/unfold",
    "the rows of a channel are in the order of its columns",
    "(plane * tap_rows + tap_row) * params.window.kernel_width + kx",
    "(plane * params.window.kernel_width + kx) * tap_rows + tap_row",
)];

//! The cases of `fold`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, square};
use involution::ops::Fold;
use involution::shape::{ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, output_size) = draw.image();
    let window = draw.window(output_size);
    let [h, w] = window.output_size(output_size).unwrap_or([1, 1]);
    let channels = draw.size(5) * window.taps();
    (Fold { window, output_size }.into(), vec![vec![n, channels, h * w]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    vec![
        Case::new(
            "windows that overlap in every pixel",
            Fold { window: Window::new([3, 3]).padding(1), output_size: [9, 11] },
            &[&[2, 27, 99]],
        ),
        Case::new(
            "pixels that no window covers are zero",
            Fold { window: Window::new([1, 1]).stride([3, 3]), output_size: [7, 8] },
            &[&[1, 2, 9]],
        ),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        Fold { window: Window::new([2, 2]), output_size: [3, 3] }.into(),
        vec![full(&[1, 4, 4], 1.0)?],
        square([1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        Fold { window: Window::new([3, 3]).padding(1), output_size: [16, 32] },
        &[&[5, 27, 512]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (
        Fold { window: Window::new([7, 7]).padding(3), output_size: [size; 2] }.into(),
        vec![vec![batch, 49 * 64, size * size]],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] =
    &[("conv/fold", "the dilation is dropped", "- ky * params.window.dilation_y", "- ky")];

//! The cases of `adaptive_avg_pool2d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, square, tensor};
use involution::ops::AdaptiveAvgPool2d;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    // Fewer windows than pixels for the most part, at times more.
    let output_size = [draw.size(h + 3), draw.size(w + 3)];
    (AdaptiveAvgPool2d { output_size }.into(), vec![vec![n, draw.size(6), h, w]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let long = vec![Case::new(
        "windows of 250x301",
        AdaptiveAvgPool2d { output_size: [2, 2] },
        &[&[1, 2, 500, 601]],
    )];
    [
        vec![
            Case::new(
                "one window, as a global pooling",
                AdaptiveAvgPool2d { output_size: [1, 1] },
                &[&[2, 9, 14, 13]],
            ),
            Case::new(
                "windows that share rows and columns",
                AdaptiveAvgPool2d { output_size: [7, 5] },
                &[&[2, 3, 17, 19]],
            ),
            Case::new(
                "more windows than pixels, a prime number of each",
                AdaptiveAvgPool2d { output_size: [13, 11] },
                &[&[1, 3, 5, 7]],
            ),
            Case::new(
                "as many windows as pixels is a copy",
                AdaptiveAvgPool2d { output_size: [6, 9] },
                &[&[2, 2, 6, 9]],
            ),
            Case::new(
                "more windows than 16 bits count, a place times the size is past 32",
                AdaptiveAvgPool2d { output_size: [1, 70_000] },
                &[&[1, 1, 1, 70_001]],
            ),
        ],
        long.into_iter().map(Case::positive).collect(),
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    Ok(vec![(
        AdaptiveAvgPool2d { output_size: [2, 4] }.into(),
        vec![counting],
        tensor(&[1, 1, 2, 4], &[2.5, 3.0, 4.0, 4.5, 5.5, 6.0, 7.0, 7.5])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", AdaptiveAvgPool2d { output_size: [4, 8] }, &[&[9, 64, 16, 8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (AdaptiveAvgPool2d { output_size: [7, 7] }.into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[(
    "reduce/adaptive_avg_pool2d",
    "windows end where the next one begins",
    "vec2<u32>(0u, count - 1u)",
    "vec2<u32>(0u, 0u)",
)];

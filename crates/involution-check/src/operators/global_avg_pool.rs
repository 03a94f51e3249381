//! The cases of `global_avg_pool`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, square};
use involution::ops::GlobalAvgPool;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    (GlobalAvgPool.into(), vec![vec![n, draw.extent(20), h, w]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let long = { vec![Case::new("planes of 640x641", GlobalAvgPool, &[&[1, 2, 640, 641]])] };
    [
        vec![
            Case::new("7x7, the head of RedNet", GlobalAvgPool, &[&[2, 33, 7, 7]]),
            Case::new("planes of many workgroup widths", GlobalAvgPool, &[&[1, 3, 57, 61]]),
        ],
        vec![
            Case::new("as many pixels as lanes", GlobalAvgPool, &[&[3, 43, 8, 8]]),
            Case::new("one pixel more than lanes", GlobalAvgPool, &[&[2, 5, 5, 13]]),
            Case::new("several workgroups of planes", GlobalAvgPool, &[&[9, 64, 2, 2]]),
        ],
        long.into_iter().map(Case::positive).collect(),
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    Ok(vec![(GlobalAvgPool.into(), vec![counting], full(&[1, 1, 1, 1], 5.0)?)])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", GlobalAvgPool, &[&[9, 64, 16, 8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (GlobalAvgPool.into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/global_avg_pool",
        "a last pixel beside the groups of four is left out",
        "pixel < params.pixels",
        "pixel + 1u < params.pixels",
    ),
    (
        "reduce/global_avg_pool",
        "the last eight invocations are not added up",
        "i < 8u; i++) {\n            sum += sums[local_index",
        "i < 7u; i++) {\n            sum += sums[local_index",
    ),
];

//! The cases of `roi_align`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, square, tensor};
use involution::ops::RoiAlign;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    let op = RoiAlign {
        output_size: [draw.size(7), draw.size(7)],
        spatial_scale: draw.one_of(&[1.0, 0.25, 0.0625, 0.3]),
        sampling_ratio: draw.one_of(&[0, 0, 1, 2, 3]),
        aligned: !draw.yes(),
    };
    (op.into(), vec![vec![n, draw.extent(18), h, w], vec![draw.size(9), 5]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let seven = RoiAlign::new([7, 7], 0.25);
    let old = RoiAlign { aligned: false, ..seven };
    let one = RoiAlign::new([1, 1], 1.0);
    vec![
        Case::new("boxes of two samples", seven, &[&[2, 20, 13, 17], &[9, 5]]),
        Case::new("a channel more than a tile", seven, &[&[3, 9, 30, 25], &[4, 5]]),
        Case::new("corners of pixels", old, &[&[2, 8, 19, 12], &[7, 5]]),
        Case::new("bins of dozens of samples", seven, &[&[1, 3, 9, 340], &[3, 5]]),
        Case::new("one bin over the map", one, &[&[2, 3, 33, 28], &[6, 5]]),
        Case::new("a map of one pixel", seven, &[&[2, 5, 1, 1], &[5, 5]]),
        Case::new(
            "two samples along each axis, whatever the box",
            RoiAlign { sampling_ratio: 2, ..seven },
            &[&[2, 7, 23, 31], &[6, 5]],
        ),
        Case::new(
            "axes that differ, corners of pixels, three samples",
            RoiAlign { output_size: [3, 5], sampling_ratio: 3, ..old },
            &[&[1, 4, 12, 18], &[5, 5]],
        ),
        Case::new("the bins of masks", RoiAlign::new([14, 14], 0.125), &[&[1, 8, 20, 24], &[4, 5]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let numbers = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    let one = RoiAlign::new([1, 1], 1.0);
    let whole = tensor(&[1, 5], &[0.0, 0.0, 0.0, 3.0, 3.0])?;
    // In the middle row: a sample at -1 and one before it, at the size and past it, an empty box.
    let boxes = [
        [0.0, -1.0, 1.0, 0.0, 2.0],
        [0.0, -1.25, 1.0, -0.25, 2.0],
        [0.0, 3.0, 1.0, 4.0, 2.0],
        [0.0, 3.25, 1.0, 4.25, 2.0],
        [0.0, 1.0, 1.0, 1.0, 2.0],
    ];
    Ok(vec![
        (RoiAlign::new([3, 3], 1.0).into(), vec![numbers.clone(), whole.clone()], numbers.clone()),
        (one.into(), vec![numbers.clone(), whole], tensor(&[1, 1, 1, 1], &[5.0])?),
        (
            one.into(),
            vec![numbers.clone(), tensor(&[5, 5], boxes.as_flattened())?],
            tensor(&[5, 1, 1, 1], &[4.0, 0.0, 6.0, 0.0, 0.0])?,
        ),
        (
            RoiAlign { aligned: false, ..one }.into(),
            vec![numbers, tensor(&[1, 5], &[0.0, 1.0, 1.0, 1.0, 1.0])?],
            tensor(&[1, 1, 1, 1], &[7.0])?,
        ),
    ])
}

/// A call whose output is too large to be bound whole where bindings are small; 64 boxes are a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the boxes", RoiAlign::new([3, 3], 0.5), &[&[2, 4, 9, 8], &[512, 5]])
}

/// The call that is mostly made, in any number of boxes and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (RoiAlign::new([7, 7], 0.25).into(), vec![vec![1, 64, size, size], vec![batch, 5]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/roi_align",
        "boxes are never moved by half a pixel",
        "select(0.0, 0.5, params.is_aligned != 0u)",
        "0.0",
    ),
    (
        "reduce/roi_align",
        "a bin has one sample along an axis",
        "all = select(0.0, all, all > 0.0);",
        "all = select(0.0, 1.0, all > 0.0);",
    ),
    ("reduce/roi_align", "a bin has at most four samples along an axis", "f32(most)));", "4.0));"),
    (
        "reduce/roi_align",
        "samples before the first pixel are zero",
        "place >= -1.0",
        "place >= 0.0",
    ),
    (
        "reduce/roi_align",
        "samples past the last pixel are zero",
        "place <= f32(size)",
        "place <= f32(size - 1u)",
    ),
    (
        "reduce/roi_align",
        "all boxes are in the first sample",
        "u32(select(0.0, sample, exists))",
        "0u",
    ),
    (
        "reduce/roi_align",
        "samples that are skipped are on the map",
        "/ apart) - 2.0",
        "/ apart) + 2.0",
    ),
    (
        "reduce/roi_align",
        "small boxes keep their size",
        "select(max(whole, 1.0), whole,",
        "select(whole, whole,",
    ),
];

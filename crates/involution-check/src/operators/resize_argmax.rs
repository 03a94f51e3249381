//! The cases of `resize_argmax`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::ResizeArgmax;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    // Scores at a quarter of the size are the most common.
    let via = match draw.below(3) {
        0 => None,
        1 => Some([4 * h, 4 * w]),
        _ => Some([draw.extent(40), draw.extent(40)]),
    };
    let whole = via.unwrap_or([h, w]);
    let input_size = draw.one_of(&[true, false]).then(|| whole.map(|size| draw.size(size)));
    let output_size = match draw.below(2) {
        0 => input_size.unwrap_or(whole),
        _ => [draw.extent(40), draw.extent(40)],
    };
    let channels = draw.extent(25);
    (ResizeArgmax { output_size, input_size, via }.into(), vec![vec![n, channels, h, w]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let once = ResizeArgmax::new;
    let of = |input_size, output_size| ResizeArgmax {
        input_size: Some(input_size),
        ..once(output_size)
    };
    let via = |via, op| ResizeArgmax { via: Some(via), ..op };
    vec![
        Case::new("labels at four times the size", once([48, 80]), &[&[2, 19, 12, 20]]),
        Case::new("rows of four and one", once([9, 5]), &[&[2, 6, 20, 41]]),
        Case::new("as large as x", once([6, 9]), &[&[2, 7, 6, 9]]),
        Case::new("of an image with padding", of([9, 14], [23, 37]), &[&[2, 5, 12, 20]]),
        Case::new("one channel", once([8, 8]), &[&[1, 1, 3, 5]]),
        Case::new("more channels than a byte counts", once([8, 12]), &[&[2, 300, 4, 6]]),
        Case::new("of one pixel", via([8, 8], once([5, 7])), &[&[2, 4, 1, 1]]),
        Case::new(
            "a padded photograph, and its original size",
            via([64, 96], of([50, 89], [75, 133])),
            &[&[1, 19, 16, 24]],
        ),
        Case::new(
            "smaller than between",
            via([40, 60], of([37, 55], [20, 29])),
            &[&[2, 6, 10, 15]],
        ),
        Case::new("as large as between", via([24, 36], once([24, 36])), &[&[2, 6, 6, 9]]),
        Case::new(
            "of a part of x that is larger than between",
            via([7, 5], once([9, 8])),
            &[&[2, 6, 16, 12]],
        ),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    // 4.5 everywhere, and from 0 to 8: of columns at 0, 1/4, 3/4 and 1 the last two are larger there.
    let x = tensor(&[1, 2, 1, 2], &[4.5, 4.5, 0.0, 8.0])?;
    // Of these four, as 0, 2, 6, 8, the first three with 2 and 6 in the middle: of six columns they lie at 0, 1/4, 3/4, 5/4,
    // 7/4 and 2.
    let via = ResizeArgmax { output_size: [1, 6], input_size: Some([1, 3]), via: Some([1, 4]) };
    let equal =
        tensor(&[1, 3, 2, 2], &[1.0, 2.0, 3.0, -0.0, 1.0, 2.0, 3.0, 0.0, 1.0, 2.0, 3.0, -0.0])?;
    Ok(vec![
        (
            ResizeArgmax::new([1, 4]).into(),
            vec![x.clone()],
            tensor(&[1, 1, 1, 4], &[0.0, 0.0, 1.0, 1.0])?,
        ),
        // 0, 1/2, 3/2, 3, 5 and 6.
        (via.into(), vec![x], tensor(&[1, 1, 1, 6], &[0.0, 0.0, 0.0, 0.0, 1.0, 1.0])?),
        (
            ResizeArgmax::new([2, 2]).into(),
            vec![equal],
            tensor(&[1, 1, 2, 2], &[0.0, 0.0, 0.0, 0.0])?,
        ),
    ])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let op = ResizeArgmax { via: Some([32, 32]), ..ResizeArgmax::new([16, 16]) };
    Case::new("cut along the batch", op, &[&[9, 32, 8, 8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (ResizeArgmax::new([2 * size, 2 * size]).into(), vec![vec![batch, 19, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/resize_argmax",
        "the last of equal values counts",
        "ranks > best);",
        "ranks >= best);",
    ),
    (
        "reduce/resize_argmax",
        "places are half a pixel off",
        "(2u * i + 1u) * size",
        "2u * i * size",
    ),
    ("reduce/resize_argmax", "all samples are the first", "(sample * params.channels + c)", "c"),
    (
        "reduce/resize_argmax",
        "what lies beyond the image is part of it",
        "let last = parts_of(i, image, count);",
        "let last = parts_of(i, via, count);",
    ),
    (
        "reduce/resize_argmax",
        "the lower place between is the upper one",
        "parts_of(last.second, size, via)",
        "parts_of(last.first, size, via)",
    ),
    ("reduce/resize_argmax", "the rows are one", "rows.place[r].x", "rows.place[0].x"),
    (
        "reduce/resize_argmax",
        "pixels in a row are one",
        "columns.place[t];",
        "columns.place[t].xxxx;",
    ),
];

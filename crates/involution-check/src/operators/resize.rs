//! The cases of `resize`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, square, tensor};
use involution::ops::{Interpolation, Resize};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    let mode = draw.one_of(&Interpolation::ALL).1;
    // Sizes twice as large are the most common; others are larger and smaller.
    let output_size = match draw.below(3) {
        0 => [2 * h, 2 * w],
        1 => [draw.size(h + 5), draw.extent(w + 5)],
        _ => [draw.extent(40), draw.extent(40)],
    };
    let input_size = draw.one_of(&[false, false, true]).then(|| [draw.size(h), draw.size(w)]);
    let channels = draw.size(7);
    let residual = draw.one_of(&[false, false, true]);
    let mut shapes = vec![vec![n, channels, h, w]];
    if residual {
        shapes.push([&[n, channels], &output_size[..]].concat());
    }
    (Resize { input_size, residual, ..Resize::new(output_size, mode) }.into(), shapes)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let [nearest, bilinear] = [Interpolation::Nearest, Interpolation::Bilinear]
        .map(|mode| move |output_size| Resize::new(output_size, mode));
    let mut cases = Vec::new();
    for (_, mode) in Interpolation::ALL {
        let resize = |output_size| Resize::new(output_size, mode);
        let sum = |output_size| Resize { residual: true, ..resize(output_size) };
        cases.extend([
            Case::new("twice as large", resize([24, 40]), &[&[2, 9, 12, 20]]),
            Case::new("sizes without a common divisor", resize([23, 37]), &[&[1, 5, 13, 11]]),
            Case::new("smaller, rows of whole vec4s", resize([7, 12]), &[&[2, 3, 31, 50]]),
            Case::new("smaller, rows of four and one", resize([9, 5]), &[&[2, 3, 20, 41]]),
            Case::new("as large is a copy", resize([6, 9]), &[&[2, 2, 6, 9]]),
            Case::new("of one pixel", resize([3, 8]), &[&[2, 3, 1, 1]]),
            Case::new("to one pixel", resize([1, 1]), &[&[2, 3, 6, 7]]),
            Case::new("one axis alone", resize([5, 16]), &[&[1, 6, 5, 3]]),
            Case::new(
                "a sum from the top down",
                sum([20, 36]),
                &[&[2, 5, 10, 18], &[2, 5, 20, 36]],
            ),
            Case::new(
                "an image with padding right and below",
                Resize { input_size: Some([9, 14]), ..resize([24, 40]) },
                &[&[2, 5, 12, 20]],
            ),
            Case::new(
                "an image with padding, and a sum",
                Resize { input_size: Some([11, 7]), ..sum([23, 13]) },
                &[&[1, 3, 11, 16], &[1, 3, 23, 13]],
            ),
            Case::new(
                "a sum from the top down of odd sizes",
                sum([25, 43]),
                &[&[1, 6, 13, 22], &[1, 6, 25, 43]],
            ),
        ]);
    }
    cases.extend([
        Case::new("places that rounded quotients miss", nearest([2, 99]), &[&[1, 2, 3, 117]]),
        Case::new("such places in vec4s", nearest([2, 88]), &[&[1, 2, 3, 104]]),
        Case::new("places past 2^24", nearest([1, 5000]), &[&[1, 1, 1, 5003]]),
        Case::new("places past 2^24", bilinear([1, 5000]), &[&[1, 1, 1, 5003]]),
    ]);
    cases
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    let nearest = Resize::new([2, 5], Interpolation::Nearest);
    // Columns at 0, 1/4, 3/4 and 1 of 0 and 1.
    let bilinear = Resize::new([2, 4], Interpolation::Bilinear);
    let ramp = tensor(&[1, 1, 1, 2], &[0.0, 8.0])?;
    Ok(vec![
        (
            nearest.into(),
            vec![counting.clone()],
            tensor(&[1, 1, 2, 5], &[1.0, 1.0, 2.0, 2.0, 3.0, 4.0, 4.0, 5.0, 5.0, 6.0])?,
        ),
        (
            Resize { residual: true, ..nearest }.into(),
            vec![counting.clone(), full(&[1, 1, 2, 5], 0.5)?],
            tensor(&[1, 1, 2, 5], &[1.5, 1.5, 2.5, 2.5, 3.5, 4.5, 4.5, 5.5, 5.5, 6.5])?,
        ),
        (
            // Of the upper left four.
            Resize { input_size: Some([2, 2]), ..Resize::new([2, 4], Interpolation::Nearest) }
                .into(),
            vec![counting],
            tensor(&[1, 1, 2, 4], &[1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 5.0, 5.0])?,
        ),
        (
            bilinear.into(),
            vec![ramp],
            tensor(&[1, 1, 2, 4], &[0.0, 2.0, 6.0, 8.0, 0.0, 2.0, 6.0, 8.0])?,
        ),
    ])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let resize = Resize::new([16, 16], Interpolation::Bilinear);
    let shapes: [&[usize]; 2] = [&[9, 32, 8, 8], &[9, 32, 16, 16]];
    Case::new("cut along the batch", Resize { residual: true, ..resize }, &shapes)
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let output_size = [2 * size, 2 * size];
    (Resize::new(output_size, Interpolation::Bilinear).into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("reduce/resize", "places are half a pixel off", "(2u * i + 1u) * size", "2u * i * size"),
    (
        "reduce/resize",
        "the row after the last is read",
        "min(first + 1u, vec4<u32>(size - 1u))",
        "first + 1u",
    ),
    (
        "reduce/resize",
        "the nearest place is rounded up",
        "i * size / count",
        "(i * size + count - 1u) / count",
    ),
    (
        "reduce/resize",
        "places are quotients of floats",
        "Parts(i * size / count)",
        "Parts(vec4<u32>(vec4<f32>(i) * (f32(size) / f32(count))))",
    ),
    ("reduce/resize", "the four planes are one", "plane0 + k;", "plane0;"),
    (
        "reduce/resize",
        "the lower row is the upper one",
        "rows.second.x) * params.x_width",
        "rows.first.x) * params.x_width",
    ),
    (
        "reduce/resize",
        "rows of x end with the image",
        "rows.first.x) * params.x_width",
        "rows.first.x) * params.width",
    ),
    (
        "reduce/resize",
        "planes of x end with the image",
        "plane * params.x_height",
        "plane * params.height",
    ),
];

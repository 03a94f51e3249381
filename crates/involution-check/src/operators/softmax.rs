//! The cases of `softmax`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, tensor};
use involution::ops::Softmax;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let mut x = draw.any_shape(4);
    let axis = draw.below(x.len());
    if draw.yes() {
        x[axis] = draw.extent(300);
    }
    let temperature = draw.one_of(&[1.0, 0.1, 34.0]);
    let from_end = draw.yes();
    let axis = axis as isize - if from_end { x.len() as isize } else { 0 };
    (Softmax { axis, temperature }.into(), vec![x])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let long = vec![
        Case::new("a row of 22,000", Softmax::default(), &[&[2, 22_000]]),
        Case::new("columns of 22,000", Softmax { axis: 0, ..Softmax::default() }, &[&[22_000, 3]]),
    ];
    [
        vec![
            Case::new("1000 classes", Softmax { axis: -1, temperature: 1.0 }, &[&[3, 1000]]),
            Case::new(
                "attention at temperature 34",
                Softmax { axis: 1, temperature: 34.0 },
                &[&[8, 4]],
            ),
            Case::new(
                "a long axis in the middle",
                Softmax { axis: 1, temperature: 1.0 },
                &[&[2, 130, 5]],
            ),
        ],
        vec![
            Case::new(
                "rows of as many values as lanes",
                Softmax { axis: -1, temperature: 1.0 },
                &[&[13, 64]],
            ),
            Case::new(
                "rows of one value more than lanes, whole workgroups of them",
                Softmax { axis: 1, temperature: 1.0 },
                &[&[10, 65, 64]],
            ),
        ],
        long.into_iter().map(Case::positive).collect(),
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    // A peak at each place of a row in turn: it is lost where a place is not looked at for the largest value.
    let peaks = |height: f32| {
        let side = 200;
        let value = |place| if place % (side + 1) == 0 { height } else { 0.0 };
        tensor(&[side, side], &(0..side * side).map(value).collect::<Vec<_>>())
    };
    let softmax = Softmax { axis: 1, temperature: 1.0 };
    Ok(vec![
        (
            Softmax { axis: 0, temperature: 1.0 }.into(),
            vec![full(&[4, 2], 7.0)?],
            full(&[4, 2], 0.25)?,
        ),
        (softmax.into(), vec![peaks(1000.0)?], peaks(1.0)?),
    ])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", Softmax { axis: 1, temperature: 1.0 }, &[&[9, 128, 32]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Softmax::default().into(), vec![vec![batch, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/softmax",
        "the sum takes one lane's part for the others'",
        "sums[local_index + 8u * i]",
        "sums[local_index + 8u]",
    ),
    (
        "reduce/softmax",
        "what the last of eight lanes found is no candidate for the largest value",
        "i < 8u; i++) {\n        largest = max(",
        "i < 7u; i++) {\n        largest = max(",
    ),
    ("reduce/softmax", "the first value is not in the sum", "var sum = 0.0", "var sum = -1e-3"),
];

//! The cases of `linear`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activation, Linear};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    // Few rows, or a vector alone, are a case of their own.
    let mut x = match draw.below(4) {
        0 => Vec::new(),
        1 => vec![draw.size(4)],
        _ => draw.any_shape(3),
    };
    let features = draw.one_of(&[1, 7, 64, 130, 300]) + draw.below(3);
    x.push(features);
    let outputs = draw.extent(40);
    let bias = draw.yes();
    let linear = Linear { bias, activation: draw.activated() };
    let bias = bias.then(|| vec![outputs]);
    (linear.into(), [x, vec![outputs, features]].into_iter().chain(bias).collect())
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let long = vec![
        Case::new(
            "70,000 features of a vector",
            Linear { bias: true, activation: Activation::Relu },
            &[&[70_000], &[3, 70_000], &[3]],
        ),
        Case::new("70,000 features of five rows", Linear::default(), &[&[5, 70_000], &[3, 70_000]]),
    ];
    [
        vec![
            Case::new(
                "the head of RedNet",
                Linear { bias: true, activation: Activation::None },
                &[&[1, 2048], &[100, 2048], &[100]],
            ),
            Case::new(
                "a vector",
                Linear { bias: false, activation: Activation::Relu },
                &[&[65], &[3, 65]],
            ),
        ],
        vec![Case::new(
            "as many terms as lanes, one row and one feature more than whole tiles",
            Linear { bias: true, activation: Activation::None },
            &[&[33, 64], &[33, 64], &[33]],
        )],
        long.into_iter().map(Case::positive).collect(),
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        Linear { bias: true, activation: Activation::None }.into(),
        vec![
            tensor(&[2], &[1.0, 2.0])?,
            tensor(&[2, 2], &[1.0, 1.0, 0.0, -1.0])?,
            tensor(&[2], &[0.5, 0.5])?,
        ],
        tensor(&[2], &[3.5, -1.5])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        Linear { bias: true, ..Linear::default() },
        &[&[130, 128], &[64, 128], &[64]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (Linear::default().into(), vec![vec![batch, size], vec![64, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "gemm/linear",
        "the sum takes one lane's part for the others'",
        "sums[local_index + 8u * i]",
        "sums[local_index + 8u]",
    ),
    ("gemm/linear", "the bias is left out", "bias[feature]", "0.0"),
];

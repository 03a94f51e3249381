//! The cases of `batch_norm`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activation, BatchNorm};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let affine = draw.yes();
    let eps = draw.one_of(&[1e-5, 0.0, 1e-3]);
    let activation = draw.activated();
    let channels = draw.extent(20);
    let mut x = vec![draw.size(3), channels];
    for _ in 0..draw.below(4) {
        x.push(draw.extent(12));
    }
    let vectors = if affine { 4 } else { 2 };
    let shapes = [x].into_iter().chain(vec![vec![channels]; vectors]).collect();
    (BatchNorm { eps, affine, activation }.into(), shapes)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [
        vec![Case::new(
            "no spatial dimensions",
            BatchNorm { eps: 1e-5, affine: true, activation: Activation::Relu },
            &[&[3, 5], &[5], &[5], &[5], &[5]],
        )],
        normalised(),
    ]
    .concat()
}

fn normalised() -> Vec<Case> {
    let norm = BatchNorm { eps: 1e-5, affine: false, activation: Activation::None };
    vec![
        Case::new(
            "planes of whole runs, in more than a workgroup",
            norm,
            &[&[3, 33, 8, 8], &[33], &[33]],
        ),
        Case::new("planes of a four more than whole runs", norm, &[&[2, 33, 4, 17], &[33], &[33]]),
        Case::new("planes of two runs of a workgroup", norm, &[&[2, 3, 33, 36], &[3], &[3]]),
        Case::new("planes of a value more than fours", norm, &[&[4, 33, 5, 13], &[33], &[33]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        BatchNorm { eps: 0.0, affine: true, activation: Activation::Relu }.into(),
        vec![
            tensor(&[1, 2, 2], &[3.0, -1.0, 3.0, 5.0])?,
            tensor(&[2], &[1.0, 1.0])?,
            tensor(&[2], &[4.0, 4.0])?,
            tensor(&[2], &[2.0, 1.0])?,
            tensor(&[2], &[1.0, 0.5])?,
        ],
        tensor(&[1, 2, 2], &[3.0, 0.0, 1.5, 2.5])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        BatchNorm::default(),
        &[&[9, 8, 16, 32], &[8], &[8], &[8], &[8]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (BatchNorm::default().into(), [vec![vec![batch, 64, size, size]], vec![vec![64]; 4]].concat())
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "elementwise/batch_norm",
        "eps is left out",
        "f32(running_var[channel]) + params.eps",
        "f32(running_var[channel])",
    ),
    (
        "elementwise/batch_norm",
        "a run begins within the one before it",
        "(item % runs) * PER * step",
        "(item % runs) * step",
    ),
    ("elementwise/batch_norm", "the shift is left out", "* by.scale + by.shift", "* by.scale"),
];

//! The cases of `group_norm`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::GroupNorm;
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let op =
        GroupNorm { groups: draw.size(4), eps: draw.one_of(&[1e-5, 1e-3]), affine: draw.yes() };
    let channels = op.groups * draw.extent(9);
    let mut x = vec![draw.size(3), channels];
    for _ in 0..draw.below(3) {
        x.push(draw.extent(12));
    }
    let vectors = if op.affine { 2 } else { 0 };
    (op.into(), [x].into_iter().chain(vec![vec![channels]; vectors]).collect())
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let plain = |groups| GroupNorm { affine: false, ..GroupNorm::new(groups) };
    vec![
        Case::new("one group: fewer values than lanes", plain(1), &[&[3, 5, 4]]),
        Case::new("groups of as many values as lanes", plain(2), &[&[2, 8, 4, 4]]),
        Case::new(
            "groups of one value more than lanes",
            GroupNorm::new(3),
            &[&[2, 15, 13], &[15], &[15]],
        ),
        Case::new("a group for each channel", GroupNorm::new(7), &[&[1, 7, 9, 8], &[7], &[7]]),
        Case::new("no positions", GroupNorm::new(2), &[&[3, 130], &[130], &[130]]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let op = GroupNorm { eps: 0.0, ..GroupNorm::new(2) };
    // Means 2 and 10, deviations 1 and 2.
    let x = tensor(&[1, 2, 2], &[1.0, 3.0, 8.0, 12.0])?;
    let inputs = vec![x, tensor(&[2], &[2.0, 1.0])?, tensor(&[2], &[1.0, 0.5])?];
    Ok(vec![(op.into(), inputs, tensor(&[1, 2, 2], &[-1.0, 3.0, -0.5, 1.5])?)])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", GroupNorm::new(4), &[&[9, 8, 16, 32], &[8], &[8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (GroupNorm::new(32).into(), vec![vec![batch, 64, size, size], vec![64], vec![64]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/group_norm",
        "the last value of a group is not in the sum",
        "sum += f32(x[first + i]);",
        "sum += select(0.0, f32(x[first + i]), i + 1u < length);",
    ),
    (
        "reduce/group_norm",
        "every group has the weights of the first",
        "(row % params.groups) * params.channels + ",
        "",
    ),
];

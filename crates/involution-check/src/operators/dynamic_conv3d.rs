//! The cases of `dynamic_conv3d`.

use super::conv3d::convolution;
use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, tensor};
use involution::ops::{Conv3d, DynamicConv3d};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (conv, x, weight) = convolution(draw);
    let kernels = draw.size(4);
    let attention = vec![x[0], kernels];
    let bias = conv.bias.then(|| vec![kernels, weight[0]]);
    let weight = [vec![kernels], weight].concat();
    (DynamicConv3d { conv }.into(), [x, attention, weight].into_iter().chain(bias).collect())
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let conv = Conv3d { padding: 1.into(), bias: true, ..Conv3d::default() };
    let grouped = Conv3d { groups: 2, bias: false, ..conv };
    vec![
        Case::new(
            "four kernels of 3x3x3, a sample each its own",
            DynamicConv3d { conv },
            &[&[3, 8, 4, 5, 7], &[3, 4], &[4, 33, 8, 3, 3, 3], &[4, 33]],
        ),
        Case::new(
            "two groups, more samples than a tile of the mixer",
            DynamicConv3d { conv: grouped },
            &[&[5, 6, 3, 4, 6], &[5, 3], &[3, 4, 3, 3, 3, 3]],
        ),
        Case::new(
            "1x1x1, a sample each its own",
            DynamicConv3d { conv: Conv3d::default() },
            &[&[3, 8, 2, 3, 5], &[3, 2], &[2, 40, 8, 1, 1, 1]],
        ),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        DynamicConv3d { conv: Conv3d { bias: true, ..Conv3d::default() } }.into(),
        vec![
            full(&[2, 1, 1, 1, 2], 1.0)?,
            tensor(&[2, 2], &[1.0, 0.0, 0.25, 0.75])?,
            tensor(&[2, 1, 1, 1, 1, 1], &[4.0, 8.0])?,
            tensor(&[2, 1], &[0.0, 4.0])?,
        ],
        tensor(&[2, 1, 1, 1, 2], &[4.0, 4.0, 10.0, 10.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let conv = Conv3d { bias: true, ..Conv3d::default() };
    Case::new(
        "cut along the batch",
        DynamicConv3d { conv },
        &[&[6, 8, 4, 8, 16], &[6, 64], &[64, 8, 8, 1, 1, 1], &[64, 8]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let conv = Conv3d { padding: 1.into(), ..Conv3d::default() };
    (
        DynamicConv3d { conv }.into(),
        vec![vec![batch, 8, 4, size, size], vec![batch, 4], vec![4, 8, 8, 3, 3, 3]],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[(
    "conv/conv2d",
    "every sample is given the weight of the first",
    "sample * params.weight_sample_stride",
    "0u",
)];

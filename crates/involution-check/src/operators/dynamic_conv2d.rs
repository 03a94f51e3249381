//! The cases of `dynamic_conv2d`.

use super::conv2d::convolution;
use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, tensor};
use involution::ops::{Conv2d, DynamicConv2d};
use involution::shape::ShapeError;

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (conv, x, weight) = convolution(draw);
    let kernels = draw.size(5);
    let attention = vec![x[0], kernels];
    let bias = conv.bias.then(|| vec![kernels, weight[0]]);
    let weight = [vec![kernels], weight].concat();
    (DynamicConv2d { conv }.into(), [x, attention, weight].into_iter().chain(bias).collect())
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [told(), dynamic(), long()].concat()
}

fn told() -> Vec<Case> {
    let conv = Conv2d::default();
    vec![
        Case::new(
            "four kernels of 3x3, a sample each its own",
            DynamicConv2d { conv: Conv2d { padding: 1.into(), bias: true, ..conv } },
            &[&[5, 6, 9, 7], &[5, 4], &[4, 10, 6, 3, 3], &[4, 10]],
        ),
        Case::new(
            "Winograd, a sample each its own, in two parts",
            DynamicConv2d { conv: Conv2d { padding: 1.into(), bias: true, ..conv } },
            &[&[3, 2, 64, 96], &[3, 2], &[2, 16, 2, 3, 3], &[2, 16]],
        ),
        Case::new(
            "1x1 on subgroups, a sample each its own",
            DynamicConv2d { conv },
            &[&[3, 8, 5, 5], &[3, 2], &[2, 40, 8, 1, 1]],
        ),
        Case::new(
            "1x1 of 80 terms, a sample each its own",
            DynamicConv2d { conv: Conv2d { bias: true, ..conv } },
            &[&[3, 80, 6, 6], &[3, 2], &[2, 66, 80, 1, 1], &[2, 66]],
        ),
        Case::new(
            "1x1 of 80 terms in planes of 25, a sample each its own",
            DynamicConv2d { conv },
            &[&[3, 80, 5, 5], &[3, 2], &[2, 66, 80, 1, 1]],
        ),
        Case::new(
            "Winograd with channels that are kept for, a sample each its own",
            DynamicConv2d { conv: Conv2d { padding: 1.into(), bias: true, ..conv } },
            &[&[2, 48, 28, 28], &[2, 2], &[2, 64, 48, 3, 3], &[2, 64]],
        ),
        Case::new(
            "Winograd on rows of two pixels more than whole tiles, a sample each its own",
            DynamicConv2d { conv: Conv2d { padding: 1.into(), bias: true, ..conv } },
            &[&[2, 48, 13, 14], &[2, 2], &[2, 64, 48, 3, 3], &[2, 64]],
        ),
        Case::new(
            "72 terms of a window, a sample each its own",
            DynamicConv2d { conv: Conv2d { padding: 1.into(), bias: true, ..conv } },
            &[&[3, 8, 6, 6], &[3, 2], &[2, 40, 8, 3, 3], &[2, 40]],
        ),
        Case::new(
            "depthwise runs of planes, a sample each its own",
            DynamicConv2d { conv: Conv2d { groups: 1033, padding: 1.into(), ..conv } },
            &[&[2, 1033, 4, 4], &[2, 2], &[2, 1033, 1, 3, 3]],
        ),
        Case::new(
            "depthwise, more samples than a tile of the mixer",
            DynamicConv2d { conv: Conv2d { groups: 6, ..conv } },
            &[&[9, 6, 8, 8], &[9, 3], &[3, 6, 1, 3, 3]],
        ),
        Case::new(
            "depthwise down strips of rows, a sample each its own",
            DynamicConv2d { conv: Conv2d { groups: 5, padding: 1.into(), bias: true, ..conv } },
            &[&[3, 5, 7, 8], &[3, 2], &[2, 10, 1, 3, 3], &[2, 10]],
        ),
        Case::new(
            "depthwise down strips of odd rows, a sample each its own",
            DynamicConv2d { conv: Conv2d { groups: 5, padding: 2.into(), ..conv } },
            &[&[3, 5, 7, 7], &[3, 2], &[2, 5, 1, 5, 5]],
        ),
        Case::new(
            "3x3 on pairs of rows, a sample each its own",
            DynamicConv2d { conv: Conv2d { groups: 2, padding: 1.into(), bias: true, ..conv } },
            &[&[3, 4, 5, 8], &[3, 2], &[2, 18, 2, 3, 3], &[2, 18]],
        ),
    ]
}

fn dynamic() -> Vec<Case> {
    let conv = Conv2d { padding: 1.into(), ..Conv2d::default() };
    vec![
        Case::new(
            "whole tiles of samples, whole workgroups of the mixer",
            DynamicConv2d { conv: Conv2d { bias: true, ..conv } },
            &[&[8, 8, 4, 4], &[8, 3], &[3, 32, 8, 3, 3], &[3, 32]],
        ),
        Case::new(
            "a stride along the rows alone, a sample each its own",
            DynamicConv2d { conv: Conv2d { stride: [1, 2], ..conv } },
            &[&[3, 8, 5, 16], &[3, 2], &[2, 17, 8, 3, 3]],
        ),
    ]
}

fn long() -> Vec<Case> {
    let conv = Conv2d { bias: true, ..Conv2d::default() };
    let cases = vec![Case::new(
        "7x7 over 600 channels, kernels of their own",
        DynamicConv2d { conv },
        &[&[2, 600, 7, 7], &[2, 2], &[2, 3, 600, 7, 7], &[2, 3]],
    )];
    cases.into_iter().map(Case::positive).collect()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        DynamicConv2d { conv: Conv2d { bias: true, ..Conv2d::default() } }.into(),
        vec![
            full(&[2, 1, 1, 2], 1.0)?,
            tensor(&[2, 2], &[1.0, 0.0, 0.25, 0.75])?,
            tensor(&[2, 1, 1, 1, 1], &[4.0, 8.0])?,
            tensor(&[2, 1], &[0.0, 4.0])?,
        ],
        tensor(&[2, 1, 1, 2], &[4.0, 4.0, 10.0, 10.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let conv = Conv2d { padding: 1.into(), ..Conv2d::default() };
    Case::new(
        "cut along the batch",
        DynamicConv2d { conv: Conv2d { bias: true, ..conv } },
        &[&[6, 8, 16, 32], &[6, 64], &[64, 8, 8, 1, 1], &[64, 8]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (
        DynamicConv2d { conv: Conv2d { padding: 1.into(), ..Conv2d::default() } }.into(),
        vec![vec![batch, 64, size, size], vec![batch, 4], vec![4, 64, 64, 3, 3]],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "conv/conv2d",
        "every sample is given the weight of the first",
        "sample * params.weight_sample_stride",
        "0u",
    ),
    (
        "conv/dynamic_conv2d",
        "the last kernel of the bank is left out",
        "k < params.kernels",
        "k + 1u < params.kernels",
    ),
];

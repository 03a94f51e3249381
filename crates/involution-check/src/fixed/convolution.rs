//! The fixed cases of convolutions.

use crate::case::Case;
use involution::ops::{Activation, Conv2d, DynamicConv2d};
use involution::shape::Padding;

/// Kernel size, stride and columns of four output pixels: one column, fewer than the eight lanes that exchange values,
/// and more.
pub(super) const ROWS: [[usize; 3]; 6] =
    [[3, 1, 1], [3, 2, 3], [5, 1, 9], [5, 2, 9], [7, 1, 3], [7, 2, 10]];

pub(super) fn conv2d() -> Vec<Case> {
    let conv = Conv2d::default();
    [
        conv_rows(),
        depthwise_rows(),
        row_pairs(),
        vec![
            Case::new(
                "odd reduction length past a tile of 8",
                conv,
                &[&[1, 104, 9, 7], &[23, 104, 1, 1]],
            ),
            Case::new(
                "channels of two tiles and one",
                Conv2d { bias: true, ..conv },
                &[&[2, 5, 6, 7], &[33, 5, 1, 1], &[33]],
            ),
            Case::new(
                "planes of nine fours, channels of a tile and five: both overhang",
                Conv2d { bias: true, activation: Activation::Relu6, ..conv },
                &[&[3, 12, 6, 6], &[37, 12, 1, 1], &[37]],
            ),
            Case::new(
                "planes of more than a page of memory",
                Conv2d { bias: true, ..conv },
                &[&[2, 6, 33, 32], &[40, 6, 1, 1], &[40]],
            ),
            Case::new(
                "planes of fours in groups",
                Conv2d { groups: 2, activation: Activation::Silu, ..conv },
                &[&[2, 16, 2, 10], &[34, 8, 1, 1]],
            ),
            Case::new(
                "the stem of ResNet",
                Conv2d { stride: [2, 2], padding: 3.into(), ..conv },
                &[&[1, 3, 37, 41], &[16, 3, 7, 7]],
            ),
            Case::new(
                "depthwise with multiplier 3",
                Conv2d { groups: 7, padding: 1.into(), ..conv },
                &[&[2, 7, 11, 13], &[21, 1, 3, 3]],
            ),
            Case::new(
                "groups of 3 in, 2 out",
                Conv2d { groups: 4, padding: Padding::Same, ..conv },
                &[&[1, 12, 8, 9], &[8, 3, 2, 4]],
            ),
            Case::new(
                "dilation larger than the image",
                Conv2d { dilation: [9, 9], padding: Padding::Full, ..conv },
                &[&[1, 2, 4, 4], &[3, 2, 3, 3]],
            ),
            Case::new(
                "1x1 with padding is not pointwise",
                Conv2d { padding: 1.into(), ..conv },
                &[&[1, 4, 5, 5], &[9, 4, 1, 1]],
            ),
            Case::new(
                "one channel more than a subgroup's tile",
                Conv2d { bias: true, activation: Activation::Silu, ..conv },
                &[&[2, 8, 5, 7], &[33, 8, 1, 1], &[33]],
            ),
            Case::new(
                "subgroups on two groups, strided and dilated",
                Conv2d { groups: 2, stride: [2, 1], dilation: [1, 2], padding: 1.into(), ..conv },
                &[&[2, 8, 9, 10], &[90, 4, 3, 3]],
            ),
            Case::new(
                "1x1 with stride, few channels",
                Conv2d { stride: [2, 2], ..conv },
                &[&[2, 4, 7, 7], &[9, 4, 1, 1]],
            ),
            Case::new(
                "1x1 with stride to whole fours, two samples in eight lanes",
                Conv2d { stride: [2, 3], bias: true, ..conv },
                &[&[3, 6, 7, 8], &[35, 6, 1, 1], &[35]],
            ),
            Case::new(
                "Winograd: a row more than whole tiles, and a residual",
                Conv2d {
                    padding: 1.into(),
                    bias: true,
                    residual: true,
                    activation: Activation::Relu6,
                    ..conv
                },
                &[&[3, 6, 25, 28], &[35, 6, 3, 3], &[35], &[3, 35, 25, 28]],
            ),
            Case::new(
                "Winograd: rows of an odd number of tiles, channels of a tile and eight",
                Conv2d { padding: 1.into(), bias: true, activation: Activation::Relu, ..conv },
                &[&[2, 8, 14, 52], &[40, 8, 3, 3], &[40]],
            ),
            Case::new(
                "Winograd: tiles of a single row",
                Conv2d { padding: 1.into(), activation: Activation::Silu, ..conv },
                &[&[1, 4, 1, 196], &[16, 4, 3, 3]],
            ),
            Case::new(
                "Winograd: a sample in several parts",
                Conv2d { padding: 1.into(), ..conv },
                &[&[1, 2, 164, 164], &[16, 2, 3, 3]],
            ),
            Case::new(
                "Winograd: two samples in one part, the third in another",
                Conv2d { padding: 1.into(), bias: true, activation: Activation::Silu, ..conv },
                &[&[3, 2, 64, 96], &[16, 2, 3, 3], &[16]],
            ),
            Case::new(
                "1x1 of 136 terms: two groups, lanes of two samples, channels of a block and five",
                Conv2d {
                    groups: 2,
                    bias: true,
                    residual: true,
                    activation: Activation::Silu,
                    ..conv
                },
                &[&[2, 272, 6, 6], &[266, 136, 1, 1], &[266], &[2, 266, 6, 6]],
            ),
            Case::new(
                "1x1 of 72 terms in planes of 25",
                Conv2d { bias: true, residual: true, activation: Activation::Relu, ..conv },
                &[&[3, 72, 5, 5], &[130, 72, 1, 1], &[130], &[3, 130, 5, 5]],
            ),
            Case::new(
                "1x1 of 72 terms whose planes lie far apart",
                conv,
                &[&[1, 72, 32, 33], &[20, 72, 1, 1]],
            ),
            Case::new(
                "1x1 of 128 terms with stride, planes of 9",
                Conv2d { stride: [2, 2], ..conv },
                &[&[2, 128, 5, 6], &[64, 128, 1, 1]],
            ),
            Case::new(
                "Winograd: terms of a block that is held and some more, channels that are held for",
                Conv2d {
                    padding: 1.into(),
                    bias: true,
                    residual: true,
                    activation: Activation::Relu,
                    ..conv
                },
                &[&[1, 104, 25, 28], &[66, 104, 3, 3], &[66], &[1, 66, 25, 28]],
            ),
            Case::new(
                "Winograd: rows of three tiles and a pixel, and a residual",
                Conv2d {
                    padding: 1.into(),
                    bias: true,
                    residual: true,
                    activation: Activation::Relu,
                    ..conv
                },
                &[&[3, 48, 14, 13], &[67, 48, 3, 3], &[67], &[3, 67, 14, 13]],
            ),
            Case::new(
                "Winograd: rows that lack a pixel of whole tiles, few channels",
                Conv2d { padding: 1.into(), activation: Activation::Silu, ..conv },
                &[&[2, 6, 25, 27], &[35, 6, 3, 3]],
            ),
            Case::new(
                "72 terms of a window in two groups, strided and dilated, channels of a block and five",
                Conv2d {
                    groups: 2,
                    stride: [2, 1],
                    dilation: [2, 2],
                    padding: Padding::symmetric(1, 2),
                    bias: true,
                    activation: Activation::Silu,
                    ..conv
                },
                &[&[2, 16, 9, 12], &[266, 8, 3, 3], &[266]],
            ),
            Case::new(
                "72 terms of a window in planes of 55, and a residual",
                Conv2d {
                    stride: [2, 1],
                    dilation: [3, 1],
                    padding: Padding::Explicit { top: 3, left: 0, bottom: 2, right: 2 },
                    residual: true,
                    activation: Activation::Relu,
                    ..conv
                },
                &[&[2, 8, 10, 11], &[130, 8, 3, 3], &[2, 130, 5, 11]],
            ),
            Case::new(
                "128 terms of a window of 2x4 in planes of 63",
                Conv2d { padding: Padding::Same, ..conv },
                &[&[3, 16, 7, 9], &[64, 16, 2, 4]],
            ),
            Case::new(
                "1x1 with stride in groups, planes of 15",
                Conv2d { stride: [2, 2], groups: 2, activation: Activation::Relu, ..conv },
                &[&[3, 8, 5, 9], &[44, 4, 1, 1]],
            ),
        ],
    ]
    .concat()
}

pub(super) fn dynamic_conv2d() -> Vec<Case> {
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
            "Winograd with channels that are held for, a sample each its own",
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

/// Windows that keep the width of whole fours or halve it, taps and rows of their own.
fn conv_rows() -> Vec<Case> {
    let case = |[taps, stride, columns]: [usize; 3]| {
        let padding = Padding::symmetric(1, taps / 2);
        let conv = Conv2d { stride: [1, stride], dilation: [2, 1], padding, ..Conv2d::default() };
        let conv = Conv2d { groups: 2, activation: Activation::Relu, ..conv };
        let x = [2, 6, 7, 4 * columns * stride];
        Case::new("rows of whole fours", conv, &[&x, &[40, 3, 3, taps]])
    };
    ROWS.map(case).to_vec()
}

/// Square windows down strips of rows, a multiplier, and planes that are no whole number of lanes; the same
/// over rows that are no whole fours.
fn depthwise_rows() -> Vec<Case> {
    let case = |([taps, stride, columns], missing): ([usize; 3], usize)| {
        let conv = Conv2d { stride: [stride; 2], padding: (taps / 2).into(), ..Conv2d::default() };
        let conv = Conv2d { groups: 3, bias: true, activation: Activation::Relu6, ..conv };
        let width = 4 * columns * stride - missing;
        let x = [2, 3, 35 * stride - missing, width];
        Case::new("depthwise down strips of rows", conv, &[&x, &[6, 1, taps, taps], &[6]])
    };
    let missing = |missing| ROWS.map(|row| case((row, missing)));
    [missing(0), missing(1), missing(2)].concat()
}

/// Windows of 3x3 on pairs of rows, of which the last may be alone, with groups of less than a tile, of one
/// tile and more, over rows that are whole fours and others.
fn row_pairs() -> Vec<Case> {
    let case = |[stride, columns, missing, group_out]: [usize; 4]| {
        let conv = Conv2d { stride: [stride; 2], padding: 1.into(), ..Conv2d::default() };
        let conv = Conv2d { groups: 3, bias: true, activation: Activation::Relu6, ..conv };
        let x = [2, 6, 5 * stride - missing, 4 * columns * stride - missing];
        let co = 3 * group_out;
        Case::new("3x3 on pairs of rows", conv, &[&x, &[co, 2, 3, 3], &[co]])
    };
    [
        [1, 1, 0, 8],
        [1, 9, 0, 3],
        [1, 10, 0, 17],
        [2, 3, 0, 9],
        [2, 9, 0, 8],
        [1, 1, 1, 8],
        [1, 3, 2, 2],
        [1, 10, 1, 9],
        [2, 9, 1, 8],
        [2, 3, 2, 17],
    ]
    .map(case)
    .to_vec()
}

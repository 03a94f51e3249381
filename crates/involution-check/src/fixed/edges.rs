//! Fixed cases at the edges of tiles: sizes that are a multiple of one or one more, windows of which one number alone
//! differs between the axes, and windows dilated over more columns than eight lanes hold.

use crate::case::Case;
use involution::ops::{
    Activate, Activation, Add, BatchNorm, Conv2d, DynamicConv2d, GlobalAvgPool, Involution, Linear,
    Softmax, SpanInvolution,
};
use involution::shape::{Padding, Window};

/// The cases of the operator of this name.
pub(super) fn edges(operator: &str) -> Vec<Case> {
    match operator {
        "conv2d" => [uneven_convolutions(), channels()].concat(),
        "dynamic_conv2d" => dynamic(),
        "involution" => involutions(),
        "span_involution" => spans(),
        "batch_norm" => normalised(),
        "activation" => vec![Case::new(
            "whole workgroups",
            Activate { activation: Activation::Relu },
            &[&[8192]],
        )],
        "global_avg_pool" => vec![
            Case::new("as many pixels as lanes", GlobalAvgPool, &[&[3, 43, 8, 8]]),
            Case::new("one pixel more than lanes", GlobalAvgPool, &[&[2, 5, 5, 13]]),
            Case::new("several workgroups of planes", GlobalAvgPool, &[&[9, 64, 2, 2]]),
        ],
        "softmax" => vec![
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
        "linear" => vec![Case::new(
            "as many terms as lanes, one row and one feature more than whole tiles",
            Linear { bias: true, activation: Activation::None },
            &[&[33, 64], &[33, 64], &[33]],
        )],
        "add" => vec![
            Case::new(
                "whole workgroups of fours",
                Add { activation: Activation::None },
                &[&[9, 4096], &[9, 4096]],
            ),
            Case::new(
                "one more than whole workgroups",
                Add { activation: Activation::None },
                &[&[8193], &[8193]],
            ),
            Case::new(
                "several workgroups of operands that repeat",
                Add { activation: Activation::Relu },
                &[&[3, 4, 32, 33], &[4, 1, 33]],
            ),
        ],
        _ => Vec::new(),
    }
}

/// Windows of 3x3 with a padding of one but for one number of one axis, each with an image: taps, stride and dilation over
/// rows of whole fours, also where they are halved, and over others; padding of each side over others, above over both.
fn uneven() -> Vec<(Window, [usize; 2])> {
    let square = Window::new([3, 3]).padding(1);
    let windows = [
        Window::new([5, 3]).padding(Padding::symmetric(2, 1)),
        Window::new([3, 5]).padding(Padding::symmetric(1, 2)),
        square.stride([1, 2]),
        square.stride([2, 1]),
        square.dilation([2, 1]).padding(Padding::symmetric(2, 1)),
        square.dilation([1, 2]).padding(Padding::symmetric(1, 2)),
    ];
    let padded = [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0]].map(|[top, left, bottom, right]| {
        (square.padding(Padding::Explicit { top, left, bottom, right }), [6, 9])
    });
    let on = |image| windows.map(|window| (window, image));
    let above = Padding::Explicit { top: 0, left: 1, bottom: 1, right: 1 };
    [&on([5, 16])[..], &[(square.padding(above), [5, 16])], &on([6, 9]), &padded].concat()
}

fn uneven_convolutions() -> Vec<Case> {
    let of = |(window, [height, width]): (Window, [usize; 2])| {
        let Window { kernel_size: [rows, taps], stride, padding, dilation } = window;
        let conv = Conv2d { stride, padding, dilation, ..Conv2d::default() };
        let dense: [&[usize]; 2] = [&[1, 8, height, width], &[20, 8, rows, taps]];
        let depthwise: [&[usize]; 2] = [&[1, 3, height, width], &[3, 1, rows, taps]];
        let story = "a window whose axes differ";
        [Case::new(story, conv, &dense), Case::new(story, Conv2d { groups: 3, ..conv }, &depthwise)]
    };
    uneven().into_iter().flat_map(of).collect()
}

/// Output channels, and fours of pixels, of whole tiles and one more.
fn channels() -> Vec<Case> {
    let conv = Conv2d::default();
    let pairs = Conv2d { groups: 2, ..conv };
    let windows = Conv2d { padding: 1.into(), ..pairs };
    vec![
        Case::new(
            "a channel more than a block of held pixels",
            conv,
            &[&[1, 8, 4, 4], &[129, 8, 1, 1]],
        ),
        Case::new(
            "a channel more than a block of held pixels, and a pixel more than fours",
            conv,
            &[&[1, 8, 3, 3], &[129, 8, 1, 1]],
        ),
        Case::new(
            "a channel more than a block of held windows",
            Conv2d { padding: 1.into(), ..conv },
            &[&[1, 8, 4, 4], &[129, 8, 3, 3]],
        ),
        Case::new(
            "a channel more than a block of held windows, and a pixel more than fours",
            Conv2d { padding: 1.into(), ..conv },
            &[&[1, 8, 3, 3], &[129, 8, 3, 3]],
        ),
        Case::new(
            "groups of a channel more than a tile, a pixel more than fours",
            pairs,
            &[&[1, 16, 5, 5], &[66, 8, 1, 1]],
        ),
        Case::new("groups of a channel more than a tile", pairs, &[&[1, 16, 4, 5], &[66, 8, 1, 1]]),
        Case::new(
            "groups of a tile of channels, fours for all lanes",
            pairs,
            &[&[2, 16, 4, 4], &[64, 8, 1, 1]],
        ),
        Case::new("fours for all lanes in two groups", pairs, &[&[1, 16, 4, 8], &[48, 8, 1, 1]]),
        Case::new(
            "fours for all lanes in two groups, the last lacks a pixel",
            pairs,
            &[&[6, 16, 31, 1], &[48, 8, 1, 1]],
        ),
        Case::new(
            "windows for all lanes in two groups",
            windows,
            &[&[1, 16, 4, 8], &[64, 8, 3, 3]],
        ),
        Case::new(
            "windows for all lanes in two groups, the last lacks a pixel",
            windows,
            &[&[1, 16, 31, 1], &[66, 8, 3, 3]],
        ),
        Case::new(
            "Winograd: several workgroups of each transform, rows that lack pixels",
            Conv2d { padding: 1.into(), ..conv },
            &[&[3, 64, 14, 13], &[67, 64, 3, 3]],
        ),
        Case::new(
            "rows for all lanes in two groups of a channel more than a tile",
            Conv2d { padding: 2.into(), ..pairs },
            &[&[1, 4, 4, 8], &[66, 2, 5, 5]],
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

/// A window dilated over rows alone, on images of whole fours and others, wider than eight lanes.
fn dilated() -> [(Window, [usize; 2]); 2] {
    let window = Window::new([3, 3]).dilation([2, 1]).padding(Padding::symmetric(2, 1));
    [(window, [7, 72]), (window, [7, 70])]
}

/// The involution of this window, the shape of its input and that of its kernel. A window that no image suits does not
/// stand in this file.
fn involution(
    window: Window,
    x: [usize; 4],
    groups: usize,
) -> (Involution, [usize; 4], [usize; 4]) {
    let [height, width] = window.output_size([x[2], x[3]]).unwrap_or([1, 1]);
    (Involution::new(window, groups), x, [x[0], groups * window.taps(), height, width])
}

fn involutions() -> Vec<Case> {
    let case = |story, (involution, x, kernel): (Involution, [usize; 4], [usize; 4])| {
        Case::new(story, involution, &[&x, &kernel])
    };
    let uneven = uneven().into_iter().map(|(window, [height, width])| {
        case("a window whose axes differ", involution(window, [1, 4, height, width], 2))
    });
    let dilated = dilated().map(|(window, [height, width])| {
        case("dilated rows of more than eight lanes", involution(window, [1, 3, height, width], 1))
    });
    let square = Window::new([3, 3]).padding(1);
    let tiles = [[1, 64, 8, 8], [1, 66, 8, 7]]
        .map(|x| case("groups of two tiles of channels, or one more", involution(square, x, 2)));
    uneven.chain(dilated).chain(tiles).collect()
}

fn spans() -> Vec<Case> {
    let case = |story, channels, (involution, x, kernel): (Involution, [usize; 4], [usize; 4])| {
        let reduced = [kernel[0], channels, kernel[2], kernel[3]];
        let span = SpanInvolution { involution, bias: false };
        Case::new(story, span, &[&x, &reduced, &[kernel[1], channels, 1, 1]])
    };
    let dilated = dilated().map(|(window, [height, width])| {
        let of = involution(window, [1, 3, height, width], 1);
        case("dilated rows of more than eight lanes", 8, of)
    });
    let square = Window::new([3, 3]).padding(1);
    let groups = [[3, 32, 8, 16], [1, 34, 8, 7]]
        .map(|x| case("RedNet's groups of 16 channels, or one more", 32, involution(square, x, 2)));
    [dilated, groups].concat()
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
        Case::new("planes of a value more than fours", norm, &[&[4, 33, 5, 13], &[33], &[33]]),
    ]
}

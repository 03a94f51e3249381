//! The cases of `conv2d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, tensor};
use crate::windows::{ROWS, uneven};
use involution::ops::{Activation, Conv2d, Op};
use involution::shape::{Padding, Shape, ShapeError, Window};

/// A convolution, the shape of its input, and the shape of its weight.
pub(super) fn convolution(draw: &mut Draw<'_>) -> (Conv2d, Vec<usize>, Vec<usize>) {
    let (n, mut image) = draw.image();
    let groups = draw.one_of(&[1, 1, 2, 3, 5]);
    // One channel is the depthwise case; multiples of four, with many outputs, suit subgroups.
    let group_in = draw.one_of(&[1, 3, 8, 13, 1, 12]);
    let group_out = draw.extent(19) + draw.one_of(&[0, 0, 24, 16]);
    let window = match draw.below(3) {
        0 => draw.window(image),
        1 => Window::new([1, 1]),
        _ => draw.centred_window(&mut image),
    };
    let [h, w] = image;
    let conv = Conv2d {
        stride: window.stride,
        padding: window.padding,
        dilation: window.dilation,
        groups,
        bias: draw.yes(),
        residual: false,
        activation: draw.activated(),
    };
    let [kh, kw] = window.kernel_size;
    (conv, vec![n, groups * group_in, h, w], vec![groups * group_out, group_in, kh, kw])
}

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (conv, x, weight) = convolution(draw);
    let bias = conv.bias.then(|| vec![weight[0]]);
    let mut shapes: Vec<Vec<usize>> = [x, weight].into_iter().chain(bias).collect();
    let views: Vec<Shape> = shapes.iter().cloned().map(Shape::new).collect();
    let output = conv.output_shape(&views.iter().collect::<Vec<_>>());
    // What cannot be carried out is drawn again by the caller.
    let residual = output.ok().filter(|_| draw.one_of(&[false, false, true]));
    let conv = Conv2d { residual: residual.is_some(), ..conv };
    shapes.extend(residual.map(|shape| shape.dims().to_vec()));
    (conv.into(), shapes)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [told(), uneven_convolutions(), channels(), long()].concat()
}

fn told() -> Vec<Case> {
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
                "Winograd: terms of a block that is kept and some more, channels that are kept for",
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
                    padding: Padding::Explicit([[3, 2], [0, 2]]),
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
    let case = |([taps, stride, columns], missing): ([usize; 3], usize), activation| {
        let conv = Conv2d { stride: [stride; 2], padding: (taps / 2).into(), ..Conv2d::default() };
        let conv = Conv2d { groups: 3, bias: true, activation, ..conv };
        let width = 4 * columns * stride - missing;
        let x = [2, 3, 35 * stride - missing, width];
        Case::new("depthwise down strips of rows", conv, &[&x, &[6, 1, taps, taps], &[6]])
    };
    let missing = |missing| ROWS.map(|row| case((row, missing), Activation::Relu6));
    let smooth = |missing| ROWS.map(|row| case((row, missing), Activation::Silu));
    // More planes than make GPUs busy, some with several outputs of a channel.
    let many = |story, channels, multiplier, [batch, height, width]: [usize; 3], activation| {
        let conv = Conv2d { padding: 1.into(), groups: channels, bias: true, ..Conv2d::default() };
        let outputs = channels * multiplier;
        let x = [batch, channels, height, width];
        Case::new(story, Conv2d { activation, ..conv }, &[&x, &[outputs, 1, 3, 3], &[outputs]])
    };
    let others = vec![
        many("depthwise runs of planes, across samples", 1033, 2, [2, 4, 4], Activation::Sigmoid),
        many("depthwise of rows that are no fours", 24, 1, [2, 17, 13], Activation::Silu),
        many("depthwise runs of narrow planes", 512, 1, [1, 1024, 1], Activation::Relu6),
    ];
    let rows = [missing(0), missing(1), missing(2), smooth(0), smooth(1)].concat();
    [rows, others].concat()
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
            "a channel more than a block of kept pixels",
            conv,
            &[&[1, 8, 4, 4], &[129, 8, 1, 1]],
        ),
        Case::new(
            "a channel more than a block of kept pixels, and a pixel more than fours",
            conv,
            &[&[1, 8, 3, 3], &[129, 8, 1, 1]],
        ),
        Case::new(
            "a channel more than a block of kept windows",
            Conv2d { padding: 1.into(), ..conv },
            &[&[1, 8, 4, 4], &[129, 8, 3, 3]],
        ),
        Case::new(
            "a channel more than a block of kept windows, and a pixel more than fours",
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

fn long() -> Vec<Case> {
    let conv = Conv2d { bias: true, residual: true, ..Conv2d::default() };
    let cases = vec![
        Case::new(
            "7x7 over 1,200 channels: three dispatches, the last of which finishes",
            Conv2d { activation: Activation::Relu, ..conv },
            &[&[2, 1200, 8, 7], &[3, 1200, 7, 7], &[3], &[2, 3, 2, 1]],
        ),
        Case::new(
            "7x7 over 700 channels in each of two groups, many outputs: two dispatches",
            Conv2d { groups: 2, ..conv },
            &[&[1, 1400, 7, 8], &[34, 700, 7, 7], &[34], &[1, 34, 1, 2]],
        ),
    ];
    cases.into_iter().map(Case::positive).collect()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let weight = [vec![0.0; 450], vec![1.0; 450]].concat();
    Ok(vec![(
        Conv2d { groups: 2, ..Conv2d::default() }.into(),
        vec![full(&[1, 10, 7, 7], 1.0)?, tensor(&[20, 5, 3, 3], &weight)?],
        tensor(&[1, 20, 5, 5], &[vec![0.0; 250], vec![45.0; 250]].concat())?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let conv = Conv2d { padding: 1.into(), ..Conv2d::default() };
    Case::new(
        "cut along the batch",
        Conv2d { bias: true, ..conv },
        &[&[7, 8, 16, 32], &[8, 8, 3, 3], &[8]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (
        Conv2d { padding: 1.into(), ..Conv2d::default() }.into(),
        vec![vec![batch, 64, size, size], vec![64, 64, 3, 3]],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("gemm/gemm", "every step has the weights of the first", "at += K * M4;", "at += 0u;"),
    (
        "gemm/gemm",
        "columns of the next sample are written to the first",
        "(first_sample + own / pixels) * params.out_channels",
        "first_sample * params.out_channels",
    ),
    (
        "gemm/gemm",
        "vec4s of the next sample are written to the first",
        "(first_sample + column / pixels) * params.out_channels",
        "first_sample * params.out_channels",
    ),
    (
        "gemm/gemm",
        "the second slice of a sum is left out",
        "for (var i = 1u; i < S; i++)",
        "for (var i = 2u; i < S; i++)",
    ),
    (
        "gemm/gemm",
        "taps of a row lie together where they are dilated",
        "dx + params.window.dilation_x",
        "dx + 1u",
    ),
    (
        "gemm/cooperative",
        "every step has the weights of the first",
        "at += M * K / 8u;",
        "at += 0u;",
    ),
    (
        "gemm/cooperative",
        "the first rows of a step are multiplied twice",
        "multiply(sums, down, across, 16u);",
        "multiply(sums, down, across, 0u);",
    ),
    (
        "gemm/cooperative",
        "subgroups side by side write the same columns",
        "((j + number) * ACROSS + subgroup % ACROSS)",
        "((j + number) * ACROSS)",
    ),
    (
        "gemm/gemm",
        "the rows of taps of a dilated window follow each other",
        "select(0u, params.window.dilation_y, ends)",
        "select(0u, 1u, ends)",
    ),
    ("gemm/gemm", "the first step is multiplied for each tap", "select(0u, 1u, tap == 0u)", "0u"),
    (
        "gemm/prepack",
        "the taps are those of the window turned round",
        "* params.taps + tap]",
        "* params.taps + params.taps - 1u - tap]",
    ),
    (
        "conv/conv2d",
        "one row past the border is inside",
        "iy < params.height &&",
        "iy <= params.height &&",
    ),
    ("conv/conv2d", "relu6 has no upper bound", "6.0, v > 6.0", "v, v > 6.0"),
    (
        "conv/pointwise",
        "every group reads the channels of the first",
        "+ group * group_in) * plane",
        ") * plane",
    ),
    (
        "conv/conv2d",
        "the last tap of each row is left out",
        "kx < params.window.kernel_width",
        "kx + 1u < params.window.kernel_width",
    ),
    ("conv/depthwise", "pixels right of the image are not zero", "column < columns)", "true)"),
    (
        "conv/depthwise",
        "the third row of a tile begins where the second does",
        "row, first, number - 2u * S)",
        "row, first, number - S)",
    ),
    (
        "conv/depthwise",
        "every output channel reads the first input channel of its sample",
        "first_plane / multiplier;",
        "sample * params.in_channels;",
    ),
    (
        "conv/depthwise",
        "the second plane of a run reads that of the first",
        "plane += plane_size;",
        "plane += 0u;",
    ),
    (
        "conv/depthwise",
        "the second sample goes on with the weights of the first",
        "channel == params.out_channels",
        "channel > params.out_channels",
    ),
    ("conv/depthwise", "no sigmoid", "activate4((*sums)[0], params.activation)", "(*sums)[0]"),
    (
        "software/depthwise_strips",
        "the output rows of a strip are one too few",
        "let steps = rows + begun;",
        "let steps = rows + begun - 1u;",
    ),
    (
        "software/depthwise_strips",
        "the last pixel of a row is left out",
        "ox + p < params.out_width",
        "ox + p + 1u < params.out_width",
    ),
    (
        "software/row_pairs",
        "the lower row begins where the upper one does",
        "add9(&lower, x1, x2, x3, weights)",
        "add9(&lower, x0, x1, x2, weights)",
    ),
    (
        "software/row_pairs",
        "pixels right of the image are not zero",
        "& (place < vec4<u32>(params.width))",
        "",
    ),
    (
        "software/prepack",
        "the last tile of channels is that before it",
        "(tile * 4u + j) * params.width",
        "(max(tile, 1u) * 4u - 4u + j) * params.width",
    ),
    (
        "software/gather",
        "rows are counted as if there were no stride",
        "params.out_width * params.stride_y",
        "params.out_width",
    ),
    (
        "software/rows",
        "the last lane does not read beside itself",
        "(lane == 7u && column",
        "(false && column",
    ),
    (
        "software/input_stationary",
        "what is left of the last terms is taken for the first ones",
        "lane + eights >= 8u;",
        "lane < eights;",
    ),
    (
        "software/input_stationary",
        "the sum of the terms before is forgotten",
        "sums[0] = partial4(place, c, vec4s);",
        "sums[0] = vec4<f32>();",
    ),
    (
        "software/input_stationary",
        "the rows of a window lie together where they are dilated",
        "(*source).ky * params.window.dilation_y",
        "(*source).ky",
    ),
    (
        "software/input_stationary",
        "the next input channel begins where this one does",
        "(*source).plane += params.height * params.width",
        "(*source).plane += 0u",
    ),
    (
        "software/winograd_weights",
        "the taps of a row are in the order of its columns",
        "at + 3u + along",
        "at + 3u + 2u - along",
    ),
    (
        "software/winograd_input",
        "a tile in the last column sees the next row",
        "inside & (column < vec4<u32>(params.width))",
        "inside & (column < vec4<u32>(params.width + 1u))",
    ),
    (
        "software/winograd_output",
        "the last pixel of a row is left out",
        "p < pixels",
        "p + 1u < pixels",
    ),
    (
        "software/winograd_input",
        "a tile in the last column sees the next row",
        "at.w + 1u, has_right)]).x, has_right)",
        "at.w + 1u, inside.w)]).x, inside.w)",
    ),
    (
        "software/winograd_output",
        "the last place of a column is left out",
        "let last = along == 5u;",
        "let last = false;",
    ),
];

//! Cases that are always run: bugs that were fixed, edges of tiles and limits, and answers known by hand.

mod convolution;
mod edges;
mod long;

use crate::case::Case;
use convolution::ROWS;
use involution::error::{Error, Result};
use involution::ops::{
    Activate, Activation, AdaptiveAvgPool2d, Add, AvgPool2d, BatchNorm, ChannelOrder, Conv2d,
    DynamicConv2d, Fold, GlobalAvgPool, Involution, Linear, MaxPool2d, Operator, Softmax,
    SpanInvolution, Unfold,
};
use involution::shape::{Padding, Shape, Window};
use involution::tensor::Tensor;

/// The fixed cases of the operator of this name.
pub fn fixed(operator: &str) -> Vec<Case> {
    [usual(operator), edges::edges(operator), long::long(operator)].concat()
}

/// Those that a story is told of.
fn usual(operator: &str) -> Vec<Case> {
    let k7 = Window::new([7, 7]).padding(3);
    match operator {
        "unfold" => vec![
            Case::new(
                "a window as large as the input",
                Unfold { window: Window::new([5, 6]) },
                &[&[2, 3, 5, 6]],
            ),
            Case::new(
                "more than one workgroup of windows",
                Unfold { window: k7 },
                &[&[1, 3, 31, 29]],
            ),
        ],
        "fold" => vec![
            Case::new(
                "windows that overlap in every pixel",
                Fold { window: Window::new([3, 3]).padding(1), output_size: [9, 11] },
                &[&[2, 27, 99]],
            ),
            Case::new(
                "pixels that no window covers are zero",
                Fold { window: Window::new([1, 1]).stride([3, 3]), output_size: [7, 8] },
                &[&[1, 2, 9]],
            ),
        ],
        "conv2d" => convolution::conv2d(),
        "dynamic_conv2d" => convolution::dynamic_conv2d(),
        "involution" => [
            involution_rows(),
            involution_held(),
            vec![
                Case::new(
                    "RedNet's window, a group of 16",
                    Involution::new(k7, 2),
                    &[&[1, 32, 14, 14], &[1, 98, 14, 14]],
                ),
                Case::new(
                    "one group for all channels",
                    Involution::new(k7, 1),
                    &[&[1, 19, 9, 9], &[1, 49, 9, 9]],
                ),
                Case::new(
                    "a group for each channel",
                    Involution::new(Window::new([3, 3]).padding(1), 5),
                    &[&[2, 5, 7, 6], &[2, 45, 7, 6]],
                ),
                Case::new(
                    "three interleaved groups of more channels than a tile",
                    Involution {
                        channel_order: ChannelOrder::Interleaved,
                        ..Involution::new(Window::new([3, 3]).padding(1), 3)
                    },
                    &[&[2, 27, 6, 7], &[2, 27, 6, 7]],
                ),
                Case::new(
                    "stride 2 on an odd size",
                    Involution::new(k7.stride([2, 2]), 1),
                    &[&[1, 16, 15, 13], &[1, 49, 8, 7]],
                ),
                Case::new(
                    "rows of the output that share rows of x, dilated as they are apart",
                    Involution::new(
                        Window::new([5, 5])
                            .stride([2, 1])
                            .dilation([2, 1])
                            .padding(Padding::symmetric(4, 2)),
                        2,
                    ),
                    &[&[1, 6, 13, 12], &[1, 50, 7, 12]],
                ),
                Case::new(
                    "rows of the output that share none",
                    Involution::new(Window::new([5, 5]).stride([2, 1]).padding(2), 2),
                    &[&[1, 6, 13, 12], &[1, 50, 7, 12]],
                ),
                Case::new(
                    "planes of more than a page of memory",
                    Involution::new(Window::new([3, 3]).padding(1), 2),
                    &[&[2, 6, 33, 32], &[2, 18, 33, 32]],
                ),
                Case::new(
                    "the worked example: tall, one column wide",
                    Involution::new(k7.stride([5, 1]), 1),
                    &[&[2, 8, 400, 1], &[2, 49, 80, 1]],
                ),
            ],
        ]
        .concat(),
        "span_involution" => span_involution(),
        "batch_norm" => vec![Case::new(
            "no spatial dimensions",
            BatchNorm { eps: 1e-5, affine: true, activation: Activation::Relu },
            &[&[3, 5], &[5], &[5], &[5], &[5]],
        )],
        "activation" => vec![Case::new(
            "one more than whole workgroups",
            Activate { activation: Activation::Silu },
            &[&[4097]],
        )],
        "avg_pool2d" => vec![
            Case::new(
                "RedNet's pooled reduction",
                AvgPool2d::new(Window::new([2, 2]).stride([2, 2])),
                &[&[1, 16, 15, 14]],
            ),
            Case::new(
                "the last window of ceil_mode counts less padding",
                AvgPool2d {
                    ceil_mode: true,
                    ..AvgPool2d::new(Window::new([3, 3]).stride([2, 2]).padding(1))
                },
                &[&[1, 3, 8, 8]],
            ),
        ],
        "max_pool2d" => vec![Case::new(
            "the stem of RedNet",
            MaxPool2d { window: Window::new([3, 3]).stride([2, 2]).padding(1), ceil_mode: false },
            &[&[2, 5, 23, 24]],
        )],
        "global_avg_pool" => vec![
            Case::new("7x7, the head of RedNet", GlobalAvgPool, &[&[2, 33, 7, 7]]),
            Case::new("planes of many workgroup widths", GlobalAvgPool, &[&[1, 3, 57, 61]]),
        ],
        "adaptive_avg_pool2d" => vec![
            Case::new(
                "one window, as a global pooling",
                AdaptiveAvgPool2d { output_size: [1, 1] },
                &[&[2, 9, 14, 13]],
            ),
            Case::new(
                "windows that share rows and columns",
                AdaptiveAvgPool2d { output_size: [7, 5] },
                &[&[2, 3, 17, 19]],
            ),
            Case::new(
                "more windows than pixels, a prime number of each",
                AdaptiveAvgPool2d { output_size: [13, 11] },
                &[&[1, 3, 5, 7]],
            ),
            Case::new(
                "as many windows as pixels is a copy",
                AdaptiveAvgPool2d { output_size: [6, 9] },
                &[&[2, 2, 6, 9]],
            ),
            Case::new(
                "more windows than 16 bits count, a place times the size is past 32",
                AdaptiveAvgPool2d { output_size: [1, 70_000] },
                &[&[1, 1, 1, 70_001]],
            ),
        ],
        "softmax" => vec![
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
        "linear" => vec![
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
        "add" => vec![
            Case::new(
                "a residual",
                Add { activation: Activation::Relu },
                &[&[2, 9, 7, 5], &[2, 9, 7, 5]],
            ),
            Case::new(
                "six dimensions that alternate",
                Add::default(),
                &[&[2, 1, 3, 1, 2, 3], &[1, 4, 1, 5, 2, 1]],
            ),
        ],
        _ => Vec::new(),
    }
}

fn involution_rows() -> Vec<Case> {
    let case = |[taps, stride, columns]: [usize; 3]| {
        let window = Window::new([3, taps]).stride([2, stride]).dilation([2, 1]);
        let window = window.padding(Padding::symmetric(1, taps / 2));
        let channel_order =
            if stride == 1 { ChannelOrder::Blocked } else { ChannelOrder::Interleaved };
        let operator = Involution { channel_order, ..Involution::new(window, 2) };
        let operator = Involution { affine: true, activation: Activation::Relu, ..operator };
        let [x, kernel] = [[2, 22, 9, 4 * columns * stride], [2, 2 * 3 * taps, 4, 4 * columns]];
        Case::new("rows of whole fours", operator, &[&x, &kernel, &[22], &[22]])
    };
    ROWS.map(case).to_vec()
}

/// Square windows whose kernel is held for all channels of a tile and those that overhang it, over rows that are
/// whole fours and others.
fn involution_held() -> Vec<Case> {
    let case = |([taps, stride, columns], missing): ([usize; 3], usize)| {
        let window = Window::new([taps; 2]).stride([stride; 2]).padding(taps / 2);
        let channel_order =
            if stride == 1 { ChannelOrder::Blocked } else { ChannelOrder::Interleaved };
        let operator = Involution { channel_order, ..Involution::new(window, 2) };
        let affine = missing == 1;
        let operator = Involution { affine, activation: Activation::Relu6, ..operator };
        let [height, width] = [5 * stride, 4 * columns * stride - missing];
        let kernel = [2, 2 * taps * taps, 5, width.div_ceil(stride)];
        let shapes: [&[usize]; 4] = [&[2, 34, height, width], &kernel, &[34], &[34]];
        let tensors = if affine { 4 } else { 2 };
        Case::new("a kernel held for its channels", operator, &shapes[..tensors])
    };
    let missing = |missing| ROWS.map(|row| case((row, missing)));
    [missing(0), missing(1), missing(2)].concat()
}

/// The windows of [`involution_held`] with kernels made of an even number of channels, of which two rows of taps are
/// packed with zeros; and what has no kernel of eight lanes.
fn span_involution() -> Vec<Case> {
    let of = |involution: Involution, bias| SpanInvolution { involution, bias };
    let held = |([taps, stride, columns], missing): ([usize; 3], usize)| {
        let window = Window::new([taps; 2]).stride([stride; 2]).padding(taps / 2);
        let affine = missing != 1;
        let operator =
            Involution { affine, activation: Activation::Relu, ..Involution::new(window, 2) };
        let [height, width] = [5 * stride, 4 * columns * stride - missing];
        let (maps, reduced) = (2 * taps * taps, 2 * taps);
        let shapes: [&[usize]; 6] = [
            &[2, 14, height, width],
            &[2, reduced, 5, width.div_ceil(stride)],
            &[maps, reduced, 1, 1],
            &[maps],
            &[14],
            &[14],
        ];
        let tensors = if affine { 6 } else { 4 };
        Case::new("a kernel made and held", of(operator, true), &shapes[..tensors])
    };
    let k3 = Window::new([3, 3]).padding(1);
    let interleaved =
        Involution { channel_order: ChannelOrder::Interleaved, ..Involution::new(k3, 3) };
    let others = vec![
        Case::new(
            "more channels in a group than a tile has",
            of(Involution::new(k3, 1), false),
            &[&[1, 19, 6, 8], &[1, 4, 6, 8], &[9, 4, 1, 1]],
        ),
        Case::new(
            "an odd number of channels to make a kernel of",
            of(Involution::new(k3, 2), true),
            &[&[2, 6, 5, 8], &[2, 3, 5, 8], &[18, 3, 1, 1], &[18]],
        ),
        Case::new(
            "interleaved groups, and an activation that goes over the result",
            of(Involution { activation: Activation::Silu, ..interleaved }, true),
            &[&[2, 12, 6, 7], &[2, 4, 6, 7], &[27, 4, 1, 1], &[27]],
        ),
        Case::new(
            "a window that nobody holds: uneven, strided and dilated",
            of(Involution::new(Window::new([2, 3]).stride([2, 1]).dilation([1, 2]), 2), true),
            &[&[1, 4, 8, 9], &[1, 2, 4, 5], &[12, 2, 1, 1], &[12]],
        ),
    ];
    let missing = |missing| ROWS.map(|row| held((row, missing)));
    [missing(0).to_vec(), missing(1).to_vec(), missing(2).to_vec(), others].concat()
}

/// Calls whose answer follows by hand from the definition: operator, inputs, output.
pub fn known_answers(operator: &str) -> Result<Vec<(Operator, Vec<Tensor>, Tensor)>> {
    let tensor = |dims: &[usize], data: &[f32]| Tensor::new(Shape::new(dims), data.to_vec());
    let full = |dims: &[usize], value| Tensor::filled(Shape::new(dims), value);
    let answers = || {
        let square = |values: [f32; 9]| tensor(&[1, 1, 3, 3], &values);
        let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
        let row: (Operator, Vec<Tensor>, Tensor) = match operator {
            "unfold" => (
                Unfold { window: Window::new([2, 2]) }.into(),
                vec![counting],
                tensor(
                    &[1, 4, 4],
                    &[1., 2., 4., 5., 2., 3., 5., 6., 4., 5., 7., 8., 5., 6., 8., 9.],
                )?,
            ),
            "fold" => (
                Fold { window: Window::new([2, 2]), output_size: [3, 3] }.into(),
                vec![full(&[1, 4, 4], 1.0)?],
                square([1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0])?,
            ),
            "conv2d" => {
                let weight = [vec![0.0; 450], vec![1.0; 450]].concat();
                (
                    Conv2d { groups: 2, ..Conv2d::default() }.into(),
                    vec![full(&[1, 10, 7, 7], 1.0)?, tensor(&[20, 5, 3, 3], &weight)?],
                    tensor(&[1, 20, 5, 5], &[vec![0.0; 250], vec![45.0; 250]].concat())?,
                )
            }
            "dynamic_conv2d" => (
                DynamicConv2d { conv: Conv2d { bias: true, ..Conv2d::default() } }.into(),
                vec![
                    full(&[2, 1, 1, 2], 1.0)?,
                    tensor(&[2, 2], &[1.0, 0.0, 0.25, 0.75])?,
                    tensor(&[2, 1, 1, 1, 1], &[4.0, 8.0])?,
                    tensor(&[2, 1], &[0.0, 4.0])?,
                ],
                tensor(&[2, 1, 1, 2], &[4.0, 4.0, 10.0, 10.0])?,
            ),
            "involution" => {
                // The first pixel's kernel looks to its right, every other one at itself.
                let mut kernel = vec![0.0; 81];
                for pixel in 0..9 {
                    let tap = if pixel == 0 { 5 } else { 4 };
                    kernel[tap * 9 + pixel] = 1.0;
                }
                (
                    Involution::new(Window::new([3, 3]).padding(1), 1).into(),
                    vec![counting, tensor(&[1, 9, 3, 3], &kernel)?],
                    square([2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?,
                )
            }
            "batch_norm" => (
                BatchNorm { eps: 0.0, affine: true, activation: Activation::Relu }.into(),
                vec![
                    tensor(&[1, 2, 2], &[3.0, -1.0, 3.0, 5.0])?,
                    tensor(&[2], &[1.0, 1.0])?,
                    tensor(&[2], &[4.0, 4.0])?,
                    tensor(&[2], &[2.0, 1.0])?,
                    tensor(&[2], &[1.0, 0.5])?,
                ],
                tensor(&[1, 2, 2], &[3.0, 0.0, 1.5, 2.5])?,
            ),
            // Taps of 2 * 1 + 1 over ones: nine in the middle, fewer at the border.
            "span_involution" => (
                SpanInvolution {
                    involution: Involution::new(Window::new([3, 3]).padding(1), 1),
                    bias: true,
                }
                .into(),
                vec![
                    full(&[1, 1, 3, 3], 1.0)?,
                    full(&[1, 2, 3, 3], 1.0)?,
                    full(&[9, 2, 1, 1], 1.0)?,
                    full(&[9], 1.0)?,
                ],
                square([12.0, 18.0, 12.0, 18.0, 27.0, 18.0, 12.0, 18.0, 12.0])?,
            ),
            "activation" => (
                Activate { activation: Activation::Relu6 }.into(),
                vec![tensor(&[4], &[-1.0, 0.5, 6.0, 7.0])?],
                tensor(&[4], &[0.0, 0.5, 6.0, 6.0])?,
            ),
            "avg_pool2d" => (
                AvgPool2d::new(Window::new([2, 2])).into(),
                vec![counting],
                tensor(&[1, 1, 2, 2], &[3.0, 4.0, 6.0, 7.0])?,
            ),
            "max_pool2d" => (
                MaxPool2d { window: Window::new([2, 2]).padding(1), ceil_mode: false }.into(),
                vec![full(&[1, 1, 1, 1], -3.0)?],
                full(&[1, 1, 2, 2], -3.0)?,
            ),
            "global_avg_pool" => (GlobalAvgPool.into(), vec![counting], full(&[1, 1, 1, 1], 5.0)?),
            "adaptive_avg_pool2d" => (
                AdaptiveAvgPool2d { output_size: [2, 4] }.into(),
                vec![counting],
                tensor(&[1, 1, 2, 4], &[2.5, 3.0, 4.0, 4.5, 5.5, 6.0, 7.0, 7.5])?,
            ),
            "softmax" => (
                Softmax { axis: 0, temperature: 1.0 }.into(),
                vec![full(&[4, 2], 7.0)?],
                full(&[4, 2], 0.25)?,
            ),
            "linear" => (
                Linear { bias: true, activation: Activation::None }.into(),
                vec![
                    tensor(&[2], &[1.0, 2.0])?,
                    tensor(&[2, 2], &[1.0, 1.0, 0.0, -1.0])?,
                    tensor(&[2], &[0.5, 0.5])?,
                ],
                tensor(&[2], &[3.5, -1.5])?,
            ),
            "add" => (
                Add { activation: Activation::Relu }.into(),
                vec![tensor(&[2, 2], &[1.0, 2.0, 3.0, 4.0])?, tensor(&[2], &[-2.0, 1.0])?],
                tensor(&[2, 2], &[0.0, 3.0, 1.0, 5.0])?,
            ),
            _ => return Ok(Vec::new()),
        };
        // A peak at each place of a row in turn: it is lost where a place is not looked at for the largest value.
        let peaks = |height: f32| {
            let side = 200;
            let value = |place| if place % (side + 1) == 0 { height } else { 0.0 };
            tensor(&[side, side], &(0..side * side).map(value).collect::<Vec<_>>())
        };
        let softmax = Softmax { axis: 1, temperature: 1.0 };
        let further = match operator {
            "softmax" => Some((softmax.into(), vec![peaks(1000.0)?], peaks(1.0)?)),
            _ => None,
        };
        Ok([row].into_iter().chain(further).collect())
    };
    let name = involution::ops::NAMES.iter().find(|known| **known == operator);
    answers().map_err(Error::at(name.copied().unwrap_or("known answers")))
}

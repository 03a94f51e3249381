//! The cases of `conv_transpose2d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, square, tensor};
use involution::ops::{Activation, ConvTranspose2d};
use involution::shape::{Padding, ShapeError};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    let kernel_size = [draw.size(4), draw.size(5)];
    let mut op = ConvTranspose2d {
        stride: [draw.size(3), draw.size(3)],
        dilation: [draw.size(3), draw.size(3)],
        groups: draw.one_of(&[1, 1, 2, 3]),
        bias: draw.yes(),
        activation: draw.activated(),
        ..ConvTranspose2d::default()
    };
    op.output_padding = [0, 1].map(|axis| draw.below(op.stride[axis].max(op.dilation[axis])));
    // At least one pixel is left.
    let rooms = [h, w].into_iter().enumerate().map(|(axis, size)| {
        (size - 1) * op.stride[axis] + op.dilation[axis] * (kernel_size[axis] - 1)
    });
    let rooms: Vec<usize> = rooms.collect();
    let mut sides = [[0; 2]; 2];
    for (sides, room) in sides.iter_mut().zip(rooms) {
        sides[0] = draw.below(room.min(4) + 1);
        sides[1] = draw.below((room - sides[0]).min(3) + 1);
    }
    op.padding = Padding::Explicit(sides);
    let group_in = draw.one_of(&[1, 3, 8]);
    let group_out = draw.one_of(&[1, 2, 5, 8, 9, 17]);
    let [kh, kw] = kernel_size;
    let channels = op.groups * group_in;
    let mut shapes = vec![vec![n, channels, h, w], vec![channels, group_out, kh, kw]];
    shapes.extend(op.bias.then(|| vec![op.groups * group_out]));
    (op.into(), shapes)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let two = ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::default() };
    let bias = ConvTranspose2d { bias: true, activation: Activation::Relu, ..two };
    let around = ConvTranspose2d { padding: 1.into(), ..two };
    vec![
        Case::new(
            "the upsampling of a mask head",
            bias,
            &[&[2, 12, 14, 14], &[12, 17, 2, 2], &[17]],
        ),
        Case::new(
            "a channel more than a tile, a pixel more than a run",
            ConvTranspose2d { output_padding: [1, 1], ..around },
            &[&[2, 5, 9, 8], &[5, 9, 3, 3]],
        ),
        Case::new(
            "bilinear upsampling: a group for each channel",
            ConvTranspose2d { groups: 11, ..around },
            &[&[2, 11, 13, 17], &[11, 1, 4, 4]],
        ),
        Case::new(
            "three channels of a group, several workgroups",
            ConvTranspose2d { groups: 2, ..around },
            &[&[3, 4, 17, 19], &[4, 3, 3, 3]],
        ),
        Case::new(
            "a stride past the kernel: pixels that no tap reaches",
            ConvTranspose2d { stride: [3, 4], output_padding: [2, 3], ..bias },
            &[&[1, 3, 5, 6], &[3, 8, 1, 2], &[8]],
        ),
        Case::new(
            "stride and dilation with a common factor: every other tap reaches a pixel",
            ConvTranspose2d { stride: [4, 6], dilation: [6, 4], ..around },
            &[&[1, 2, 5, 4], &[2, 9, 5, 5]],
        ),
        Case::new(
            "stride and dilation that are the same",
            ConvTranspose2d { dilation: [2, 2], ..around },
            &[&[1, 3, 7, 6], &[3, 4, 3, 3]],
        ),
        Case::new(
            "the transpose of a centred convolution",
            ConvTranspose2d { padding: Padding::Same, ..ConvTranspose2d::default() },
            &[&[2, 6, 11, 13], &[6, 8, 3, 5]],
        ),
        Case::new(
            "no more than what the taps have in common",
            ConvTranspose2d { padding: Padding::Full, ..ConvTranspose2d::default() },
            &[&[1, 3, 7, 9], &[3, 8, 3, 4]],
        ),
        Case::new(
            "uneven padding, axes that differ",
            ConvTranspose2d {
                stride: [1, 3],
                padding: Padding::Explicit([[2, 0], [1, 3]]),
                dilation: [2, 1],
                ..bias
            },
            &[&[2, 4, 6, 5], &[4, 10, 3, 5], &[10]],
        ),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let two = ConvTranspose2d { stride: [2, 2], bias: true, ..ConvTranspose2d::default() };
    Ok(vec![
        (
            two.into(),
            vec![
                tensor(&[1, 1, 1, 2], &[1.0, 10.0])?,
                tensor(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0])?,
                full(&[1], 0.5)?,
            ],
            tensor(&[1, 1, 2, 4], &[1.5, 2.5, 10.5, 20.5, 3.5, 4.5, 30.5, 40.5])?,
        ),
        (
            ConvTranspose2d::default().into(),
            vec![full(&[1, 1, 2, 2], 1.0)?, full(&[1, 1, 2, 2], 1.0)?],
            square([1.0, 2.0, 1.0, 2.0, 4.0, 2.0, 1.0, 2.0, 1.0])?,
        ),
    ])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let two = ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::default() };
    Case::new("cut along the batch", two, &[&[9, 4, 16, 16], &[4, 4, 2, 2]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let two = ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::default() };
    (two.into(), vec![vec![batch, 32, size, size], vec![32, 32, 2, 2]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "conv/conv_transpose2d",
        "every tap reaches every pixel of a column",
        "row * params.step_y) * window",
        "row) * window",
    ),
    (
        "conv/conv_transpose2d",
        "taps go forward in the input",
        "across.source - column * hop_x",
        "across.source + column * hop_x",
    ),
    (
        "conv/conv_transpose2d",
        "the dilation is dropped",
        "(tap * dilation) % stride",
        "tap % stride",
    ),
    (
        "conv/conv_transpose2d",
        "pixels that no tap reaches have the first",
        "var first = taps;",
        "var first = 0u;",
    ),
    (
        "conv/conv_transpose2d",
        "all groups have the weights of the first",
        "channel * group_out * taps + tap_row",
        "c * group_out * taps + tap_row",
    ),
    (
        "conv/conv_transpose2d",
        "the last column is left out",
        "if column < params.out_width {",
        "if column + 1u < params.out_width {",
    ),
];

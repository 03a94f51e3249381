//! The cases of `span_involution`.

use super::involution::involving;
use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full, square};
use crate::windows::{ROWS, dilated, of_window};
use involution::ops::{Activation, ChannelOrder, Involution, Operator, SpanInvolution};
use involution::shape::{ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (involution, mut shapes) = involving(draw);
    let (bias, reduced) = (draw.yes(), draw.extent(9));
    let kernel = shapes[1].clone();
    shapes[1][1] = reduced;
    shapes.insert(2, vec![kernel[1], reduced, 1, 1]);
    if bias {
        shapes.insert(3, vec![kernel[1]]);
    }
    (SpanInvolution { involution, bias }.into(), shapes)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [told(), spans(), rows()].concat()
}

/// The windows of the involution with kernels made of an even number of channels, of which two rows of taps are
/// packed with zeros; and what has no kernel of eight lanes.
fn told() -> Vec<Case> {
    let of = |involution: Involution, bias| SpanInvolution { involution, bias };
    let kept = |([taps, stride, columns], missing): ([usize; 3], usize)| {
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
        Case::new("a kernel made and kept", of(operator, true), &shapes[..tensors])
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
    let missing = |missing| ROWS.map(|row| kept((row, missing)));
    [missing(0).to_vec(), missing(1).to_vec(), missing(2).to_vec(), others].concat()
}

fn spans() -> Vec<Case> {
    let case = |story, channels, (involution, x, kernel): (Involution, [usize; 4], [usize; 4])| {
        let reduced = [kernel[0], channels, kernel[2], kernel[3]];
        let span = SpanInvolution { involution, bias: false };
        Case::new(story, span, &[&x, &reduced, &[kernel[1], channels, 1, 1]])
    };
    let dilated = dilated().map(|(window, [height, width])| {
        let of = of_window(window, [1, 3, height, width], 1);
        case("dilated rows of more than eight lanes", 8, of)
    });
    let square = Window::new([3, 3]).padding(1);
    let groups = [[3, 32, 8, 16], [1, 34, 8, 7]]
        .map(|x| case("RedNet's groups of 16 channels, or one more", 32, of_window(square, x, 2)));
    [dilated, groups].concat()
}

/// Kernels made of a multiple of eight channels over rows of whole vec4s: the windows of the kernel for GPUs, and where its
/// tiles end.
fn rows() -> Vec<Case> {
    let case = |story,
                (channels, groups),
                (taps, reduced): (usize, usize),
                [height, width]: [usize; 2]| {
        let involution = Involution {
            affine: true,
            activation: Activation::Sigmoid,
            ..Involution::new(Window::new([taps; 2]).padding(taps / 2), groups)
        };
        let maps = groups * taps * taps;
        let shapes: [&[usize]; 6] = [
            &[2, channels, height, width],
            &[2, reduced, height, width],
            &[maps, reduced, 1, 1],
            &[maps],
            &[channels],
            &[channels],
        ];
        Case::new(story, SpanInvolution { involution, bias: true }, &shapes)
    };
    let interleaved = |case: Case| {
        let mut case = case;
        if let Operator::SpanInvolution(op) = &mut case.operator {
            op.involution.channel_order = ChannelOrder::Interleaved;
        }
        case
    };
    vec![
        case("rows of taps made for 16 channels", (32, 2), (7, 16), [9, 16]),
        case("rows of taps made for 16 channels, and four more", (40, 2), (5, 8), [7, 20]),
        interleaved(case("rows of taps made for fewer than 16 channels", (24, 2), (7, 8), [8, 4])),
        case("rows of taps made for fewer than eight channels", (9, 3), (3, 24), [11, 12]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    // Taps of 2 * 1 + 1 over ones: nine in the middle, fewer at the border.
    Ok(vec![(
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
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        SpanInvolution {
            involution: Involution::new(Window::new([3, 3]).padding(1), 2),
            bias: true,
        },
        &[&[5, 8, 16, 32], &[5, 4, 16, 32], &[18, 4, 1, 1], &[18]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (
        SpanInvolution {
            involution: Involution::new(Window::new([7, 7]).padding(3), 4),
            bias: true,
        }
        .into(),
        vec![
            vec![batch, 64, size, size],
            vec![batch, 16, size, size],
            vec![4 * 49, 16, 1, 1],
            vec![4 * 49],
        ],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "involution/span_involution",
        "every group has the kernel of the first",
        "(group * window.kernel_height + ky)",
        "ky",
    ),
    (
        "involution/span_rows",
        "every group has the kernel of the first",
        "(matrix - sample * params.groups) * params.window.kernel_height",
        "0u",
    ),
    (
        "involution/span_rows",
        "the second sample has the kernel of the first",
        "(sample * params.reduced_channels * out_plane + place) * 2u",
        "place * 2u",
    ),
    (
        "involution/span_rows",
        "the taps of the last two pixels are those of the first two",
        "made[first + 1u][kx]",
        "made[first][kx]",
    ),
    (
        "involution/span_rows",
        "the taps of a row have the bias of its first",
        "bias[row * K + kx]",
        "bias[row * K]",
    ),
    (
        "involution/span_rows",
        "channels past the eighth are left out of the taps",
        "k < params.reduced_channels",
        "k < STEP",
    ),
    (
        "software/prepack",
        "the second four rows of taps are the first",
        "(tile * 4u + j) * params.width",
        "j * params.width",
    ),
    (
        "software/involution",
        "the second sample has the kernel of the first",
        "var row = place.matrix / params.groups * k * params.out_height + oy;",
        "var row = oy;",
    ),
    (
        "software/involution",
        "the taps of a row have the bias of its first",
        "min(place.lane, K - 1u)",
        "0u",
    ),
    (
        "software/involution",
        "the lower of two rows has the kernel of the upper one",
        "taps_of(place, below)",
        "taps_of(place, place.oy)",
    ),
];

//! The cases of `involution3d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activation, Border, ChannelOrder, Involution3d};
use involution::shape::{Padding, ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, mut volume) = draw.volume();
    let mut window = draw.window_within(volume, [3, 3, 5]);
    let border = draw.one_of(&Border::ALL).1;
    if border == Border::Shift {
        (window.stride, window.padding) = ([1; 3], Padding::Same);
    }
    // The volume is made large enough for its border.
    let padding = window.resolve_padding().unwrap_or_default();
    for axis in 0..3 {
        let least = match border {
            Border::Shift => window.kernel_size[axis] * window.dilation[axis],
            Border::Reflect => 1 + padding[axis][0].max(padding[axis][1]),
            Border::Zero | Border::Replicate => 1,
        };
        volume[axis] = volume[axis].max(least);
    }
    let groups = draw.size(3);
    let channels = groups * draw.extent(9);
    let op = Involution3d {
        border,
        channel_order: draw.one_of(&ChannelOrder::ALL).1,
        softmax: draw.yes(),
        affine: draw.yes(),
        activation: draw.activated(),
        ..Involution3d::new(window, groups)
    };
    (op.into(), shapes(&op, n, channels, volume))
}

/// The shapes of the inputs.
fn shapes(op: &Involution3d, batch: usize, channels: usize, volume: [usize; 3]) -> Vec<Vec<usize>> {
    let positions = op.window.output_size(volume).unwrap_or([1; 3]);
    let x = [&[batch, channels], &volume[..]].concat();
    let kernel = [&[batch, op.groups * op.window.taps()], &positions[..]].concat();
    let mut shapes = vec![x, kernel];
    shapes.extend(vec![vec![channels]; if op.affine { 2 } else { 0 }]);
    shapes
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let same = |taps| Window::new(taps).padding(Padding::Same);
    let with =
        |border, window, groups| Involution3d { border, ..Involution3d::new(window, groups) };
    let softmax = |op| Involution3d { softmax: true, ..op };
    let case = |story, op: Involution3d, channels, volume| {
        let shapes = shapes(&op, 2, channels, volume);
        Case::new(story, op, &shapes.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let plain = Involution3d::new(same([3, 3, 3]), 2);
    let uneven = Window::new([2, 4, 3]).stride([1, 2, 3]).dilation([2, 1, 2]);
    let uneven = uneven.padding(Padding::Explicit([[1, 0], [2, 1], [3, 2]]));
    let affine = Involution3d { affine: true, activation: Activation::Silu, ..plain };
    let replicate = |size| with(Border::Replicate, same([3, 3, 3]), size);
    let reflect = with(Border::Reflect, same([3, 3, 3]), 1);
    let shift = Involution3d::na3d_av([3, 3, 3], [1, 1, 1], 3);
    vec![
        case("several workgroups", affine, 10, [4, 9, 13]),
        case("several workgroups, normalised", softmax(plain), 20, [4, 7, 9]),
        case("7x7x7 on few slices", Involution3d::new(same([7, 7, 7]), 1), 3, [2, 9, 10]),
        case("axes that differ", Involution3d::new(uneven, 1), 5, [5, 7, 11]),
        case(
            "axes that differ, interleaved and normalised",
            softmax(Involution3d {
                channel_order: ChannelOrder::Interleaved,
                ..Involution3d::new(uneven, 2)
            }),
            6,
            [4, 6, 9],
        ),
        case("neighbourhood attention", shift, 12, [4, 7, 9]),
        case("neighbourhood attention, normalised", softmax(shift), 27, [3, 5, 10]),
        case(
            "dilated, with fewer positions of one residue than of the other",
            Involution3d::na3d_av([3, 3, 3], [1, 2, 3], 1),
            5,
            [3, 7, 11],
        ),
        case(
            "a window as large as the volume",
            Involution3d::na3d_av([3, 5, 5], [1, 1, 1], 1),
            2,
            [3, 5, 5],
        ),
        case("reflected", reflect, 30, [3, 8, 9]),
        case("reflected and normalised", softmax(reflect), 30, [3, 8, 9]),
        case("replicated", replicate(2), 36, [3, 8, 9]),
        case("replicated and normalised", softmax(replicate(1)), 30, [3, 8, 9]),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    // The first slice looks behind itself, the second one before itself, and the last one at itself.
    let mut kernel = [0.0; 9];
    for (slice, tap) in [2, 0, 1].into_iter().enumerate() {
        kernel[tap * 3 + slice] = 1.0;
    }
    Ok(vec![(
        Involution3d::new(Window::new([3, 1, 1]).padding([1, 0, 0]), 1).into(),
        vec![tensor(&[1, 1, 3, 1, 1], &[1.0, 2.0, 3.0])?, tensor(&[1, 3, 3, 1, 1], &kernel)?],
        tensor(&[1, 1, 3, 1, 1], &[2.0, 1.0, 3.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let op = Involution3d::new(Window::new([1, 3, 3]).padding([0, 1, 1]), 2);
    Case::new("cut along the batch", op, &[&[5, 8, 4, 8, 16], &[5, 18, 4, 8, 16]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let op = Involution3d::new(Window::new([3, 3, 3]).padding(1), 4);
    (op.into(), vec![vec![batch, 64, 4, size, size], vec![batch, 4 * 27, 4, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "involution/involution3d",
        "the taps of a slice are in the order of its columns",
        "tap_row * window.kernel_width + kx",
        "tap_row + kx * tap_rows",
    ),
    (
        "involution/involution3d",
        "the last of the four inputs is that before it",
        "ix0 + i32(kx) + 3",
        "ix0 + i32(kx) + 2",
    ),
    (
        "involution/involution3d",
        "what lies behind the last slice is not zero",
        "iz < params.depth && iy",
        "iy",
    ),
    (
        "involution/involution3d",
        "the group is found as if channels were blocked",
        "group * params.group_stride",
        "group * group_channels",
    ),
    (
        "involution/involution3d",
        "the window is shifted without regard to the dilation",
        "position / axis.dilation, vec4<u32>(half)",
        "position, vec4<u32>(half)",
    ),
    (
        "involution/involution3d",
        "the first tap is not in the sum by which taps are divided",
        "total += weight;",
        "total += select(vec4<f32>(), weight, vec4<bool>(tap_row + kx > 0u));",
    ),
    ("involution/involution3d", "the shift is left out", "+ f32(shift[own])", ""),
];

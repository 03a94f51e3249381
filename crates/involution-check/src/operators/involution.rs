//! The cases of `involution`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, square, tensor};
use crate::windows::{ROWS, dilated, of_window, uneven};
use involution::ops::{Activation, Border, ChannelOrder, Involution, KernelLayout};
use involution::shape::{Padding, ShapeError, Window};

/// An involution and the shapes of its inputs.
pub(super) fn involving(draw: &mut Draw<'_>) -> (Involution, Vec<Vec<usize>>) {
    let (n, mut image) = draw.image();
    let window = if draw.yes() { draw.window(image) } else { draw.centred_window(&mut image) };
    let [h, w] = image;
    let groups = draw.size(4);
    let channels = groups * draw.extent(18);
    let [oh, ow] = window.output_size([h, w]).unwrap_or([1, 1]);
    let channel_order = draw.one_of(&ChannelOrder::ALL).1;
    let activation = draw.activated();
    let kernel = vec![n, groups * window.taps(), oh, ow];
    let affine = draw.yes();
    let involution =
        Involution { channel_order, affine, activation, ..Involution::new(window, groups) };
    let mut shapes = vec![vec![n, channels, h, w], kernel];
    shapes.extend(vec![vec![channels]; if affine { 2 } else { 0 }]);
    (involution, shapes)
}

/// Draws a legal case: half of them with borders, upsampling, or taps that are normalised or in another order.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (mut involution, mut shapes) = involving(draw);
    if draw.yes() {
        involution.border = draw.one_of(&Border::ALL).1;
        involution.upsample = draw.one_of(&[1, 1, 2, 3]);
        involution.softmax = draw.yes();
        involution.kernel_layout = draw.one_of(&KernelLayout::ALL).1;
        fit(&mut involution, &mut shapes);
    }
    (involution.into(), shapes)
}

/// Makes an image large enough for its border, and the kernel belong to it.
fn fit(involution: &mut Involution, shapes: &mut [Vec<usize>]) {
    let window = &mut involution.window;
    if involution.border == Border::Shift {
        (window.stride, window.padding) = ([1, 1], Padding::Same);
    }
    let padding = window.resolve_padding().unwrap_or_default();
    for axis in 0..2 {
        let least = match involution.border {
            Border::Shift => window.kernel_size[axis] * window.dilation[axis],
            Border::Reflect => 1 + padding[axis][0].max(padding[axis][1]),
            Border::Zero | Border::Replicate => 1,
        };
        shapes[0][2 + axis] = shapes[0][2 + axis].max(least);
    }
    shapes[1] = kernel_of(involution, &shapes[0]);
}

/// The shape of the kernel that belongs to an input of this shape.
fn kernel_of(op: &Involution, x: &[usize]) -> Vec<usize> {
    let [h, w] = op.window.output_size([x[2], x[3]]).unwrap_or([1, 1]);
    let (n, groups, taps, r) = (x[0], op.groups, op.window.taps(), op.upsample);
    match op.kernel_layout {
        KernelLayout::TapsFirst => vec![n, groups * taps, h * r, w * r],
        KernelLayout::TapsLast => vec![n, groups, h * r, w * r, taps],
        KernelLayout::BeforePixelShuffle => vec![n, groups * taps * r * r, h, w],
    }
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    [told(), involutions(), borders(), whole_vec4s(), layouts()].concat()
}

/// The members of the family that other names are known by.
fn borders() -> Vec<Case> {
    let same = |taps: usize| Window::new([taps; 2]).padding(Padding::Same);
    let with = |border, window, groups| Involution { border, ..Involution::new(window, groups) };
    let softmax = |op: Involution| Involution { softmax: true, ..op };
    let upsample = |op: Involution, upsample| Involution { upsample, ..op };
    let interleaved = ChannelOrder::Interleaved;
    let case = |story, op: Involution, channels: usize, [height, width]: [usize; 2]| {
        let x = [2, channels, height, width];
        Case::new(story, op, &[&x, &kernel_of(&op, &x)])
    };
    vec![
        case("neighbourhood attention", with(Border::Shift, same(7), 2), 12, [9, 11]),
        case("a window as large as the image", with(Border::Shift, same(5), 1), 3, [5, 5]),
        case("13 taps along each axis", softmax(with(Border::Shift, same(13), 3)), 6, [14, 13]),
        case(
            "dilated, with fewer positions of one residue than of the other",
            with(Border::Shift, same(3).dilation([2, 3]), 1),
            5,
            [7, 11],
        ),
        case("an even window that is shifted", with(Border::Shift, same(4), 2), 4, [6, 7]),
        case(
            "patchwise attention",
            Involution { channel_order: interleaved, ..with(Border::Reflect, same(7), 4) },
            8,
            [6, 9],
        ),
        case(
            "reflected, with a stride",
            with(Border::Reflect, Window::new([3, 5]).padding(2).stride([2, 1]), 2),
            4,
            [7, 8],
        ),
        case("kernel prediction", softmax(with(Border::Replicate, same(21), 1)), 3, [8, 10]),
        case("replicated, several workgroups", with(Border::Replicate, same(3), 1), 24, [16, 18]),
        case(
            "replicated and normalised, several workgroups",
            softmax(with(Border::Replicate, same(3), 2)),
            48,
            [17, 16],
        ),
        case("padding of more than the image", with(Border::Replicate, same(9), 1), 2, [3, 2]),
        case("CARAFE", upsample(softmax(Involution::new(same(5), 1)), 2), 9, [5, 6]),
        case("eight times as large", upsample(softmax(Involution::new(same(3), 1)), 8), 2, [3, 4]),
        case("normalised over one tap", softmax(Involution::new(same(1), 2)), 6, [4, 5]),
        case(
            "shifted and three times as large",
            upsample(with(Border::Shift, same(3), 2), 3),
            4,
            [4, 5],
        ),
    ]
}

/// Borders and outputs that are larger, over rows of whole `vec4`s and tiles of channels that overhang their group.
fn whole_vec4s() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut case = |story, op: Involution, channels: usize, [height, width]: [usize; 2]| {
        let x = [2, channels, height, width];
        let mut shapes = vec![x.to_vec(), kernel_of(&op, &x)];
        shapes.extend(vec![vec![channels]; if op.affine { 2 } else { 0 }]);
        let shapes: Vec<&[usize]> = shapes.iter().map(Vec::as_slice).collect();
        cases.push(Case::new(story, op, &shapes));
    };
    for taps in [7, 5, 3] {
        let same = Window::new([taps; 2]).padding(Padding::Same);
        let dilated = Window::new([3, taps]).dilation([2, 1]).padding(Padding::Same);
        for border in [Border::Reflect, Border::Replicate, Border::Shift] {
            let op = Involution { border, ..Involution::new(same, 2) };
            let interleaved = ChannelOrder::Interleaved;
            let affine = Involution { channel_order: interleaved, affine: true, ..op };
            let softmax = Involution { window: dilated, softmax: true, ..op };
            case("a border of rows of whole vec4s", op, 34, [10, 16]);
            case(
                "rows of two vec4s",
                Involution { activation: Activation::Relu, ..affine },
                6,
                [7, 8],
            );
            case("normalised, and rows are dilated", softmax, 32, [11, 12]);
        }
        let op = Involution::new(same, 2);
        for (upsample, image) in [(2, [6, 8]), (4, [3, 5]), (8, [2, 3])] {
            case("twice, four and eight times as large", Involution { upsample, ..op }, 34, image);
        }
        let strided = Window::new([3, taps]).stride([2, 2]).dilation([1, 2]).padding(3);
        let normalised = Involution { window: strided, upsample: 2, softmax: true, ..op };
        case("positions that are two columns apart", normalised, 6, [9, 16]);
    }
    case(
        "a reflected row of one vec4",
        Involution {
            border: Border::Reflect,
            ..Involution::new(Window::new([7; 2]).padding(3), 1)
        },
        3,
        [4, 4],
    );
    cases
}

/// Each layout of the kernel, and windows of many taps.
fn layouts() -> Vec<Case> {
    let same = |taps: [usize; 2]| Window::new(taps).padding(Padding::Same);
    let case = |story, op: Involution, channels: usize, [height, width]: [usize; 2]| {
        let x = [2, channels, height, width];
        Case::new(story, op, &[&x, &kernel_of(&op, &x)])
    };
    let laid_out = |kernel_layout, op| Involution { kernel_layout, ..op };
    let last = KernelLayout::TapsLast;
    let shuffled = KernelLayout::BeforePixelShuffle;
    let plain = Involution::new(same([3; 2]), 2);
    vec![
        Case::new("a dimension for the taps", plain, &[&[2, 6, 5, 7], &[2, 2, 9, 5, 7]]),
        case("taps side by side", laid_out(last, plain), 6, [5, 7]),
        case(
            "attention as it comes",
            laid_out(last, Involution::na2d_av([7; 2], [1; 2], 2)),
            8,
            [10, 12],
        ),
        case("a sequence", laid_out(last, Involution::na1d_av(5, 2, 3)), 6, [1, 19]),
        case("RAFT", Involution::convex_upsample(8), 2, [3, 5]),
        case("CARAFE", Involution::carafe_normalised(5, 2, 2), 8, [4, 6]),
        case("three times as large", laid_out(shuffled, Involution::carafe(3, 2, 3)), 4, [4, 5]),
        case("as large as it was", laid_out(shuffled, plain), 4, [4, 5]),
        case("51 taps along an axis", Involution::new(same([1, 51]), 2), 4, [3, 20]),
        case("51 taps along both axes", Involution::kernel_prediction(51), 2, [5, 6]),
        case(
            "51 taps that are shifted into the image",
            Involution { softmax: true, ..Involution::na1d_av(51, 1, 1) },
            2,
            [1, 56],
        ),
    ]
}

fn told() -> Vec<Case> {
    let k7 = Window::new([7, 7]).padding(3);
    [
        rows(),
        input_stationary(),
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
                "3x3 with stride 2, several workgroups of columns",
                Involution::new(Window::new([3, 3]).padding(1).stride([2, 2]), 2),
                &[&[2, 34, 17, 25], &[2, 18, 9, 13]],
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
    .concat()
}

fn rows() -> Vec<Case> {
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

/// Square windows whose kernel is kept for all channels of a tile and those that overhang it, over rows that are
/// whole fours and others.
fn input_stationary() -> Vec<Case> {
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
        Case::new("a kernel kept for its channels", operator, &shapes[..tensors])
    };
    let missing = |missing| ROWS.map(|row| case((row, missing)));
    [missing(0), missing(1), missing(2)].concat()
}

fn involutions() -> Vec<Case> {
    let case = |story, (involution, x, kernel): (Involution, [usize; 4], [usize; 4])| {
        Case::new(story, involution, &[&x, &kernel])
    };
    let uneven = uneven().into_iter().map(|(window, [height, width])| {
        case("a window whose axes differ", of_window(window, [1, 4, height, width], 2))
    });
    let dilated = dilated().map(|(window, [height, width])| {
        case("dilated rows of more than eight lanes", of_window(window, [1, 3, height, width], 1))
    });
    let square = Window::new([3, 3]).padding(1);
    let tiles = [[1, 64, 8, 8], [1, 66, 8, 7]]
        .map(|x| case("groups of two tiles of channels, or one more", of_window(square, x, 2)));
    uneven.chain(dilated).chain(tiles).collect()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    // The first pixel's kernel looks to its right, every other one at itself.
    let mut kernel = vec![0.0; 81];
    for pixel in 0..9 {
        let tap = if pixel == 0 { 5 } else { 4 };
        kernel[tap * 9 + pixel] = 1.0;
    }
    Ok(vec![(
        Involution::new(Window::new([3, 3]).padding(1), 1).into(),
        vec![counting, tensor(&[1, 9, 3, 3], &kernel)?],
        square([2.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        Involution::new(Window::new([3, 3]).padding(1), 2),
        &[&[5, 8, 16, 32], &[5, 18, 16, 32]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (
        Involution::new(Window::new([7, 7]).padding(3), 4).into(),
        vec![vec![batch, 64, size, size], vec![batch, 4 * 49, size, size]],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("involution/involution", "the left padding is dropped", "- params.window.padding_left", ""),
    (
        "involution/involution",
        "the channels of a group are neighbours in any order",
        "params.channel_stride * plane",
        "plane",
    ),
    (
        "involution/involution",
        "the group is found as if channels were blocked",
        "item.group * params.group_stride) * plane",
        "item.group * group_channels) * plane",
    ),
    (
        "involution/involution",
        "the taps are transposed",
        "ky * params.window.kernel_width + kx",
        "kx * params.window.kernel_height + ky",
    ),
    (
        "involution/vec4_rows",
        "what lies left of the image is not zero",
        "x[channel + place.left]), place.has_left",
        "x[channel + place.left]), true",
    ),
    (
        "involution/vec4_rows",
        "a tile that overhangs its group does not end with its last channel",
        "max(group_channels, C) - C)",
        "max(group_channels, C))",
    ),
    (
        "involution/vec4_rows",
        "every group has the kernel of the one before it",
        "tile.matrix * params.window.kernel_height",
        "max(tile.matrix, 1u) * params.window.kernel_height",
    ),
    (
        "involution/columns",
        "what lies below the image is not zero",
        "x[first + place.at[row]]), place.inside[row]",
        "x[first + place.at[row]]), true",
    ),
    (
        "involution/columns",
        "the rows of x are counted as if the stride were one",
        "Axis(K, S, window.padding_top",
        "Axis(K, 1u, window.padding_top",
    ),
    (
        "involution/columns",
        "the last row of the output is left out",
        "oy[r] < params.out_height",
        "oy[r] + 1u < params.out_height",
    ),
    (
        "software/involution",
        "the channels past the first tile are those of the first",
        "+ first * params.channel_stride",
        "",
    ),
    (
        "software/involution",
        "the last pixel of a row has the weights of that before it",
        "vec4<u32>(params.out_width - 1u)",
        "vec4<u32>(max(params.out_width, 2u) - 2u)",
    ),
    (
        "software/involution",
        "the last lane hears the row of taps above for what lies beside it",
        "subgroupShuffle(edges.after, number)",
        "subgroupShuffle(edges.after, max(number, 1u) - 1u)",
    ),
    (
        "software/involution",
        "all channels have the scale of the tile's first",
        "channel - sample * params.channels",
        "first",
    ),
    (
        "software/involution",
        "the lower of two rows has the taps of the upper one",
        "(*taps_below)[",
        "(*taps)[",
    ),
    (
        "software/involution",
        "the lower of two rows is left out",
        "min(R, params.out_height - oy)",
        "1u",
    ),
    ("involution/involution", "the shift is left out", "+ f32(shift[channel])", ""),
    (
        "involution/borders",
        "the outermost pixel is repeated where the image is reflected",
        "last - abs(last - abs(place))",
        "last - abs(last - max(place, -1i - place))",
    ),
    (
        "involution/borders",
        "the place past the last one is replicated",
        "vec4<i32>(last)));",
        "vec4<i32>(last + 1)));",
    ),
    (
        "involution/borders",
        "the window is shifted without regard to the dilation",
        "position / axis.dilation, vec4<u32>(half)",
        "position, vec4<u32>(half)",
    ),
    (
        "involution/borders",
        "positions of a residue are counted as if the length were a multiple of the dilation",
        "axis.length - residue + axis.dilation - 1u",
        "axis.length - residue",
    ),
    (
        "involution/borders",
        "the output is not larger than the positions of the window",
        "pixels / params.upsample",
        "pixels",
    ),
    (
        "involution/borders",
        "the first tap is not in the sum by which taps are divided",
        "total += weight;",
        "total += select(vec4<f32>(), weight, vec4<bool>(ky + kx > 0u));",
    ),
    (
        "involution/borders",
        "what lies below the image is not zero",
        "vec4<bool>(iy < params.height)",
        "vec4<bool>(true)",
    ),
    (
        "involution/borders",
        "taps that lie side by side are read as planes",
        "select(height * width, 1u, params.kernel_layout == 1u)",
        "height * width",
    ),
    (
        "involution/borders",
        "planes before a pixel shuffle are taken for columns first",
        "(row - y * upsample) * upsample + columns - x * upsample",
        "(row - y * upsample) + (columns - x * upsample) * upsample",
    ),
    ("involution/vec4_rows", "the image is reflected with its edge", "first.xwzy", "first.wzyx"),
    ("involution/vec4_rows", "the last pixel is not repeated", "last.wwww", "last.xyzw"),
    (
        "involution/columns",
        "windows slide out of the image at its lower end",
        "any(vec4<u32>(starts - starts.x) != vec4<u32>(0u, 1u, 2u, 3u))",
        "false",
    ),
    (
        "involution/columns",
        "places left of the image are not reflected",
        "source_of(vec4<i32>(i32(ix0 + kx * window.dilation_x)), params.width).x",
        "min(ix0 + kx * window.dilation_x, params.width - 1u)",
    ),
    (
        "involution/shifted_rows",
        "windows slide out of the image at the end of a row",
        "min(4u + p - K / 2u, 8u - K)",
        "4u + p - K / 2u",
    ),
    (
        "involution/shifted_rows",
        "the first pixels of a row are left out",
        "select(select(0u, columns - 1u, is_last), 1u + rest, slides)",
        "select(columns - 1u, 1u + rest, slides)",
    ),
    (
        "involution/shifted_rows",
        "rows are not dilated",
        "at += window.dilation_y * columns",
        "at += columns",
    ),
    (
        "involution/upsampled",
        "the lower of two rows has the taps of the upper one",
        "kernel_first + ky * K * out_plane + columns, out_plane",
        "kernel_first + ky * K * out_plane, out_plane",
    ),
    (
        "involution/upsampled",
        "all pixels read the window of the first position",
        "values[kx + 2u / R]",
        "values[kx]",
    ),
    (
        "involution/upsampled",
        "what lies left of the image is not zero",
        "across.inside[i] && on_image",
        "on_image",
    ),
    ("involution/arrange", "taps are divided by the largest", "total += select", "total = select"),
    (
        "involution/arrange",
        "every group has the kernel of the first",
        "matrix * params.taps * plane;",
        "min(matrix, 0u) * params.taps * plane;",
    ),
    ("involution/involution", "relu6 has no upper bound", "6.0, v > 6.0", "v, v > 6.0"),
];

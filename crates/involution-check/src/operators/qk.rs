//! The cases of `qk`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, square, tensor};
use involution::ops::qk::MASKED;
use involution::ops::{Border, Qk};
use involution::shape::ShapeError;

/// The shapes of the inputs for queries of this shape.
fn inputs(op: &Qk, query: [usize; 4]) -> Vec<Vec<usize>> {
    let mut shapes = vec![query.to_vec(); 2];
    if op.bias {
        let [rows, columns] = op.kernel_size.map(|taps| 2 * taps - 1);
        shapes.push(vec![op.heads, rows, columns]);
    }
    shapes
}

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (batch, mut image) = draw.image();
    let mut op = Qk::new([0, 1].map(|_| draw.one_of(&[3, 1, 5, 7])), draw.size(3));
    op.dilation = [draw.size(3), draw.size(3)];
    op.border = draw.one_of(&Border::ALL).1;
    if op.border == Border::Shift && draw.yes() {
        op.kernel_size = [draw.size(7), draw.size(7)];
    }
    op.mask = op.border == Border::Zero && draw.yes();
    op.bias = draw.yes();
    op.scale = draw.one_of(&[1.0, 0.25]);
    for (axis, size) in image.iter_mut().enumerate() {
        let [taps, dilation] = [op.kernel_size[axis], op.dilation[axis]];
        *size = (*size).max(match op.border {
            Border::Shift => taps * dilation,
            Border::Reflect => 1 + taps / 2 * dilation,
            Border::Zero | Border::Replicate => 1,
        });
    }
    let query = [batch, op.heads * draw.extent(18), image[0], image[1]];
    (op.into(), inputs(&op, query))
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let case = |story, op: Qk, query| {
        let shapes = inputs(&op, query);
        Case::new(story, op, &shapes.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let with = |border, taps: usize, heads| Qk { border, ..Qk::new([taps; 2], heads) };
    let bias = |op| Qk { bias: true, ..op };
    let mask = |op| Qk { mask: true, ..op };
    let rows = [3, 5, 7].into_iter().flat_map(|taps| {
        let row = |border, width| {
            let op = bias(Qk { kernel_size: [3, taps], ..with(border, taps, 2) });
            case("rows of whole vec4s", op, [3, 10, 17, width])
        };
        [row(Border::Zero, 20), row(Border::Zero, 4), row(Border::Shift, 20), row(Border::Shift, 8)]
    });
    let others = vec![
        case("stand-alone attention", bias(with(Border::Zero, 7, 2)), [2, 32, 9, 11]),
        case("keys outside left out", bias(mask(with(Border::Zero, 5, 3))), [1, 12, 6, 7]),
        case("a masked window over the whole image", mask(with(Border::Zero, 9, 1)), [2, 8, 5, 4]),
        case("neighbourhood attention", bias(with(Border::Shift, 7, 4)), [1, 24, 14, 13]),
        case("a window as large as the image", bias(with(Border::Shift, 5, 1)), [2, 3, 5, 5]),
        case("an even window as large as the image", bias(with(Border::Shift, 4, 2)), [2, 6, 4, 4]),
        case("an even window that is shifted", bias(with(Border::Shift, 4, 1)), [1, 3, 6, 9]),
        case("13 taps along each axis", bias(with(Border::Shift, 13, 1)), [1, 4, 13, 17]),
        case(
            "dilated, with fewer positions of one residue than of the other",
            bias(Qk { dilation: [2, 3], ..with(Border::Shift, 3, 2) }),
            [1, 10, 7, 11],
        ),
        case("reflected", bias(with(Border::Reflect, 3, 2)), [2, 6, 4, 6]),
        case("replicated, several workgroups", with(Border::Replicate, 3, 2), [2, 8, 17, 33]),
        case("a window that is wide", with(Border::Zero, 1, 1), [2, 5, 3, 64]),
        case(
            "axes that differ",
            bias(Qk { kernel_size: [1, 5], dilation: [1, 2], ..with(Border::Zero, 1, 2) }),
            [1, 4, 6, 10],
        ),
        case("shifted, several workgroups", bias(with(Border::Shift, 3, 2)), [3, 8, 18, 20]),
        case("reflected, several workgroups", with(Border::Reflect, 5, 2), [3, 8, 18, 19]),
        case(
            "masked rows, dilated down",
            mask(Qk { dilation: [2, 1], ..with(Border::Zero, 5, 2) }),
            [2, 6, 9, 16],
        ),
        case(
            "shifted rows, dilated down",
            bias(Qk { dilation: [3, 1], ..with(Border::Shift, 7, 1) }),
            [1, 3, 23, 16],
        ),
    ];
    rows.chain(others).collect()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let numbers = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    let query = square([2.0; 9])?;
    let row = |values: &[f32]| tensor(&[1, 1, 1, 4], values);
    // The key of each tap of a row, twice; the first tap has none at the first pixel.
    let taps = |first: f32, last: f32| {
        let all = [first, 2.0, 4.0, 6.0, 2.0, 4.0, 6.0, 8.0, 4.0, 6.0, 8.0, last];
        tensor(&[1, 3, 1, 4], &all)
    };
    let keys = row(&[1.0, 2.0, 3.0, 4.0])?;
    let twice = row(&[4.0; 4])?;
    let three = Qk { scale: 0.5, ..Qk::new([1, 3], 1) };
    let shifted = Qk { border: Border::Shift, bias: true, ..three };
    // The windows of both pixels at either end are the same; the bias counts the distance from the pixel.
    let distances = tensor(&[1, 1, 5], &[10.0, 20.0, 30.0, 40.0, 50.0])?;
    let of_shifted = [32.0, 22.0, 24.0, 14.0, 44.0, 34.0, 36.0, 26.0, 56.0, 46.0, 48.0, 38.0];
    Ok(vec![
        (
            Qk::new([1, 1], 1).into(),
            vec![query, numbers],
            square([2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0, 18.0])?,
        ),
        (three.into(), vec![twice.clone(), keys.clone()], taps(0.0, 0.0)?),
        (
            Qk { mask: true, ..three }.into(),
            vec![twice.clone(), keys.clone()],
            taps(MASKED, MASKED)?,
        ),
        (shifted.into(), vec![twice, keys, distances], tensor(&[1, 3, 1, 4], &of_shifted)?),
    ])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        Qk { bias: true, ..Qk::new([3, 3], 2) },
        &[&[9, 8, 16, 32], &[9, 8, 16, 32], &[2, 5, 5]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let op = Qk { scale: 0.25, ..Qk::na2d_qk([7, 7], [1, 1], 2) };
    (op.into(), inputs(&op, [batch, 32, size.max(7), size.max(7)]))
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "attention/qk_rows",
        "keys left of the first column are those of the row",
        "place < vec4<u32>(params.width)",
        "place < vec4<u32>(0xffffffffu)",
    ),
    (
        "attention/qk_rows",
        "rows above the image are the first",
        "vec4<bool>(inside)",
        "vec4<bool>(true)",
    ),
    (
        "attention/qk_rows",
        "keys of shifted windows are those from the own vec4 on",
        "let first = max(column, 1u) - 1u",
        "let first = column",
    ),
    (
        "attention/qk_rows",
        "a tap of a shifted window too many",
        "if tap < K {",
        "if tap < K - 1u {",
    ),
    (
        "attention/qk_rows",
        "the bias does not know how far the window is shifted",
        "place + K - 1u - pixels[p]",
        "tap + K / 2u",
    ),
    ("attention/qk", "the scale is left out", "params.scale * sums[t]", "sums[t]"),
    (
        "attention/qk",
        "keys outside of the image are not zero",
        "params.scale * sums[t], inside",
        "params.scale * sums[t], vec4<bool>(true)",
    ),
    ("attention/qk", "heads share a bias", "head * distances_of_head + ", ""),
    (
        "attention/qk",
        "keys outside of the image are never left out",
        "vec4<bool>(params.mask != 0u) & !inside",
        "vec4<bool>(false)",
    ),
    (
        "attention/qk",
        "the bias of a shifted window is that of one in the middle",
        "(kx - vec4<i32>(pixels))",
        "(vec4<i32>(i32(tap % window.kernel_width * window.dilation_x)) - i32(window.padding_left))",
    ),
];

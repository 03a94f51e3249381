//! The cases of `avg_pool2d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, square, tensor};
use involution::ops::AvgPool2d;
use involution::shape::{Padding, ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    let window = draw.pool_window([h, w], [1, 1]);
    let (ceil_mode, count_include_pad) = (draw.yes(), draw.yes());
    let x = vec![n, draw.size(6), h, w];
    (AvgPool2d { window, ceil_mode, count_include_pad }.into(), vec![x])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let window = Window::new([300, 300]);
    let padded = window.stride([7, 5]).padding(Padding::symmetric(3, 2));
    let long = vec![
        Case::new("a window of 300x300", AvgPool2d::new(window), &[&[1, 2, 301, 303]]),
        Case::new(
            "a window of 300x300 that hangs over, places on the input counted",
            AvgPool2d { window: padded, ceil_mode: true, count_include_pad: false },
            &[&[2, 1, 310, 308]],
        ),
    ];
    [
        vec![
            Case::new(
                "RedNet's pooled reduction",
                AvgPool2d::new(Window::new([2, 2]).stride([2, 2])),
                &[&[1, 16, 15, 14]],
            ),
            Case::new(
                "two by two over rows of whole vec4s, of which one is left over",
                AvgPool2d::new(Window::new([2, 2]).stride([2, 2])),
                &[&[2, 5, 13, 24]],
            ),
            Case::new(
                "two by two over rows of whole vec4s, several workgroups",
                AvgPool2d::new(Window::new([2, 2]).stride([2, 2])),
                &[&[2, 9, 34, 24]],
            ),
            Case::new(
                "two by two over planes of a vec4",
                AvgPool2d::new(Window::new([2, 2]).stride([2, 2])),
                &[&[3, 30, 2, 8]],
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
        long.into_iter().map(Case::positive).collect(),
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = square([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])?;
    Ok(vec![(
        AvgPool2d::new(Window::new([2, 2])).into(),
        vec![counting],
        tensor(&[1, 1, 2, 2], &[3.0, 4.0, 6.0, 7.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new(
        "cut along the batch",
        AvgPool2d::new(Window::new([1, 2]).stride([1, 2])),
        &[&[9, 8, 16, 32]],
    )
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (AvgPool2d::new(Window::new([2, 2]).stride([2, 2])).into(), vec![vec![batch, 64, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    ("reduce/avg_pool2d", "the divisor is off by one row", "= y1 - y0;", "= y1 - y0 + 1u;"),
    (
        "reduce/avg_pool_pairs",
        "planes follow each other without the row that is left over",
        "(plane * params.height + oy * 2u)",
        "(plane * params.out_height + oy) * 2u",
    ),
    ("reduce/avg_pool_pairs", "the right pixels are the left ones", "left.yw", "left.xz"),
];

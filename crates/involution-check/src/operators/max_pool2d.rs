//! The cases of `max_pool2d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, full};
use involution::ops::MaxPool2d;
use involution::shape::{Padding, ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, [h, w]) = draw.image();
    let dilation = [draw.size(2), draw.size(3)];
    let window = draw.pool_window([h, w], dilation);
    let ceil_mode = draw.yes();
    (MaxPool2d { window, ceil_mode }.into(), vec![vec![n, draw.size(6), h, w]])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let window = Window::new([300, 300]);
    let padded = window.stride([7, 5]).padding(Padding::symmetric(3, 2));
    let long = vec![
        Case::new("a window of 300x300", MaxPool2d::new(window), &[&[1, 2, 301, 303]]),
        Case::new(
            "a window of 300x300, dilated, that hangs over",
            MaxPool2d { window: padded.dilation([2, 1]), ceil_mode: true },
            &[&[2, 1, 610, 308]],
        ),
    ];
    let pool = |stride, dilation| {
        let window = Window::new([3, 3]).stride([stride; 2]).dilation([dilation, 1]);
        MaxPool2d { window: window.padding(Padding::symmetric(dilation, 1)), ceil_mode: false }
    };
    [
        vec![
            Case::new("the stem of RedNet", pool(2, 1), &[&[2, 5, 23, 24]]),
            Case::new(
                "the stem of RedNet on more rows than a workgroup",
                pool(2, 1),
                &[&[2, 3, 46, 32]],
            ),
            Case::new("rows of vec4s", pool(1, 1), &[&[2, 3, 9, 20]]),
            Case::new("rows of vec4s, several workgroups", pool(1, 1), &[&[2, 6, 17, 20]]),
            Case::new("rows of one vec4, apart", pool(1, 2), &[&[1, 3, 11, 4]]),
        ],
        long.into_iter().map(Case::positive).collect(),
    ]
    .concat()
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        MaxPool2d { window: Window::new([2, 2]).padding(1), ceil_mode: false }.into(),
        vec![full(&[1, 1, 1, 1], -3.0)?],
        full(&[1, 1, 2, 2], -3.0)?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    Case::new("cut along the batch", MaxPool2d::new(Window::new([3, 1])), &[&[9, 8, 18, 32]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    (
        MaxPool2d::new(Window::new([3, 3]).padding(1).stride([2, 2])).into(),
        vec![vec![batch, 64, size, size]],
    )
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/max_pool2d",
        "the output row is counted in strides of the width",
        "oy * params.window.stride_y",
        "oy * params.window.stride_x",
    ),
    (
        "reduce/max_pool_rows",
        "the first window of a vec4 begins a pixel too early",
        "column * S - 1u].w",
        "column * S - 1u].z",
    ),
    (
        "reduce/max_pool_rows",
        "planes have the height of x",
        "out_row / params.out_height",
        "out_row / params.height",
    ),
];

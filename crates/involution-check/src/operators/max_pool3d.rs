//! The cases of `max_pool3d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::MaxPool3d;
use involution::shape::{ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, volume) = draw.volume();
    let dilation = [draw.size(2), draw.size(2), draw.size(3)];
    let window = draw.pool_window(volume, dilation);
    let ceil_mode = draw.yes();
    let x = [&[n, draw.size(5)], &volume[..]].concat();
    (MaxPool3d { window, ceil_mode }.into(), vec![x])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let stem = MaxPool3d::new(Window::new([1, 3, 3]).stride([1, 2, 2]).padding([0, 1, 1]));
    let three = Window::new([3, 3, 3]).stride([2, 2, 2]).padding(1);
    let long = Window::new([40, 30, 34]).stride([3, 7, 5]).padding([3, 2, 4]);
    let long = long.dilation([1, 2, 1]);
    vec![
        Case::new("the stem of a network of videos", stem, &[&[2, 3, 4, 11, 14]]),
        Case::new("several workgroups", MaxPool3d::new(three), &[&[2, 5, 9, 15, 17]]),
        Case::new(
            "a window of 40x30x34, dilated, that hangs over",
            MaxPool3d { window: long, ceil_mode: true },
            &[&[1, 2, 44, 62, 37]],
        )
        .positive(),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        MaxPool3d::new(Window::new([2, 1, 2])).into(),
        vec![tensor(&[1, 1, 2, 2, 2], &[-1.0, -2.0, 3.0, 4.0, -5.0, -6.0, 7.0, 0.0])?],
        tensor(&[1, 1, 1, 2, 1], &[-1.0, 7.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let window = Window::new([3, 1, 1]);
    Case::new("cut along the batch", MaxPool3d::new(window), &[&[9, 2, 6, 8, 64]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let window = Window::new([3, 3, 3]).stride([2, 2, 2]).padding(1);
    (MaxPool3d::new(window).into(), vec![vec![batch, 64, 8, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/max_pool2d",
        "the output slice is counted in strides of the rows",
        "params.window.stride_z - params.window.padding_front",
        "params.window.stride_y - params.window.padding_front",
    ),
    (
        "reduce/max_pool2d",
        "the slices of the window are neighbours",
        "params.window.kernel_height * params.window.dilation_z",
        "params.window.kernel_height",
    ),
];

//! The cases of `avg_pool3d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::AvgPool3d;
use involution::shape::{ShapeError, Window};

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (n, volume) = draw.volume();
    let window = draw.pool_window(volume, [1, 1, 1]);
    let (ceil_mode, count_include_pad) = (draw.yes(), draw.yes());
    let x = [&[n, draw.size(5)], &volume[..]].concat();
    (AvgPool3d { window, ceil_mode, count_include_pad }.into(), vec![x])
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let two = AvgPool3d::new(Window::new([2, 2, 2]).stride([2, 2, 2]));
    let three = AvgPool3d::new(Window::new([3, 3, 3]).stride([2, 2, 2]).padding(1));
    let long = Window::new([40, 30, 34]);
    let padded = long.stride([3, 7, 5]).padding([3, 2, 4]);
    let mut cases = vec![
        Case::new("halved along each axis, the last places left out", two, &[&[2, 3, 5, 7, 9]]),
        Case::new("several workgroups", two, &[&[2, 6, 8, 12, 16]]),
        Case::new(
            "the last windows of ceil_mode count less padding",
            AvgPool3d { ceil_mode: true, ..three },
            &[&[1, 3, 4, 8, 6]],
        ),
        Case::new(
            "places on the input counted",
            AvgPool3d { count_include_pad: false, ..three },
            &[&[2, 2, 5, 4, 7]],
        ),
    ];
    let long = [
        Case::new("a window of 40x30x34", AvgPool3d::new(long), &[&[1, 2, 41, 30, 35]]),
        Case::new(
            "a window of 40x30x34 that hangs over, places on the input counted",
            AvgPool3d { window: padded, ceil_mode: true, count_include_pad: false },
            &[&[1, 1, 44, 33, 37]],
        ),
    ];
    cases.extend(long.map(Case::positive));
    cases
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    Ok(vec![(
        AvgPool3d::new(Window::new([2, 1, 2])).into(),
        vec![tensor(&[1, 1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])?],
        tensor(&[1, 1, 1, 2, 1], &[3.5, 5.5])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let window = Window::new([2, 1, 2]).stride([2, 1, 2]);
    Case::new("cut along the batch", AvgPool3d::new(window), &[&[9, 4, 4, 8, 32]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let window = Window::new([2, 2, 2]).stride([2, 2, 2]);
    (AvgPool3d::new(window).into(), vec![vec![batch, 64, 8, size, size]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "reduce/avg_pool2d",
        "slices in the padding are not counted",
        "(z1 - z0) * (y1 - y0)",
        "(back - front) * (y1 - y0)",
    ),
    (
        "reduce/avg_pool2d",
        "the first slice of the window is that of the padded input",
        "- params.window.padding_front;",
        ";",
    ),
];

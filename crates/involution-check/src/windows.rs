//! Windows whose axes differ, or that are as wide as some tiles.

use involution::ops::Involution;
use involution::shape::{Padding, Window};

/// Kernel size, stride and columns of four output pixels: one column, fewer than the eight lanes that exchange values,
/// and more.
pub const ROWS: [[usize; 3]; 6] =
    [[3, 1, 1], [3, 2, 3], [5, 1, 9], [5, 2, 9], [7, 1, 3], [7, 2, 10]];

/// Windows of 3x3 with a padding of one but for one number of one axis, each with an image: taps, stride and dilation over
/// rows of whole fours, also where they are halved, and over others; padding of each side over others, above over both.
pub fn uneven() -> Vec<(Window, [usize; 2])> {
    let square = Window::new([3, 3]).padding(1);
    let windows = [
        Window::new([5, 3]).padding(Padding::symmetric(2, 1)),
        Window::new([3, 5]).padding(Padding::symmetric(1, 2)),
        square.stride([1, 2]),
        square.stride([2, 1]),
        square.dilation([2, 1]).padding(Padding::symmetric(2, 1)),
        square.dilation([1, 2]).padding(Padding::symmetric(1, 2)),
    ];
    let padded = [[0, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 0]].map(|[top, left, bottom, right]| {
        (square.padding(Padding::Explicit([[top, bottom], [left, right]])), [6, 9])
    });
    let on = |image| windows.map(|window| (window, image));
    let above = Padding::Explicit([[0, 1], [1, 1]]);
    [&on([5, 16])[..], &[(square.padding(above), [5, 16])], &on([6, 9]), &padded].concat()
}

/// A window dilated over rows alone, on images of whole fours and others, wider than eight lanes.
pub fn dilated() -> [(Window, [usize; 2]); 2] {
    let window = Window::new([3, 3]).dilation([2, 1]).padding(Padding::symmetric(2, 1));
    [(window, [7, 72]), (window, [7, 70])]
}

/// The involution of this window, the shape of its input and that of its kernel. A window that fits no image does not
/// stand in this file.
pub fn of_window(
    window: Window,
    x: [usize; 4],
    groups: usize,
) -> (Involution, [usize; 4], [usize; 4]) {
    let [height, width] = window.output_size([x[2], x[3]]).unwrap_or([1, 1]);
    (Involution::new(window, groups), x, [x[0], groups * window.taps(), height, width])
}

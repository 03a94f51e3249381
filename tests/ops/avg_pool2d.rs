use involution::ops::{AvgPool2d, Conv2d};
use involution::reference::Array;
use involution::{Padding, ShapeError, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn with(window: Window) -> AvgPool2d {
    AvgPool2d::new(window)
}

fn window() -> Window {
    Window::new([3, 2])
}

const X: [usize; 4] = [1, 2, 7, 6];

#[test]
fn takes_an_image() {
    refuses!(with(window()), [], ShapeError::InputCount { found: 0, .. });
    refuses!(with(window()), [X, X], ShapeError::InputCount { found: 2, .. });
    refuses!(with(window()), [[2, 7, 6]], ShapeError::Rank { tensor: "x", .. });
    for x in [[0, 2, 7, 6], [1, 0, 7, 6], [1, 2, 0, 6], [1, 2, 7, 0]] {
        refuses!(with(window()), [x], ShapeError::Empty { tensor: "x", .. });
    }
}

#[test]
fn the_window_fits_and_is_never_in_the_padding_alone() {
    let tall = with(Window::new([8, 2]));
    refuses!(tall, [X], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [8, 2] && *i == [7, 6]);
    let padded = with(window().padding(Padding::symmetric(0, 2)));
    refuses!(padded, [X], ShapeError::PoolPadding { padding: 2, window: 2 });
    let below = with(window().padding(Padding::Explicit([[0, 3], [0, 0]])));
    refuses!(below, [X], ShapeError::PoolPadding { padding: 3, window: 3 });
    let far = with(window().padding(usize::MAX));
    refuses!(far, [X], ShapeError::Overflow { what: "padding", .. });
}

#[test]
fn parameters_have_a_meaning() {
    refuses!(
        with(window().dilation([1, 2])),
        [X],
        ShapeError::Parameter { parameter: "dilation", .. }
    );
    refuses!(
        with(window().dilation([0, 1])),
        [X],
        ShapeError::Parameter { parameter: "dilation", .. }
    );
    refuses!(with(window().stride([0, 1])), [X], ShapeError::Parameter { parameter: "stride", .. });
    refuses!(
        with(window().stride([1, usize::MAX])),
        [X],
        ShapeError::Parameter { parameter: "stride", .. }
    );
    let nothing = Window { kernel_size: [0, 2], ..window() };
    refuses!(with(nothing), [X], ShapeError::Parameter { parameter: "kernel_size", .. });
    let huge = Window { kernel_size: [3, usize::MAX], ..window() };
    refuses!(with(huge), [X], ShapeError::Parameter { parameter: "kernel_size", .. });
}

/// With the padding counted, it is a depthwise convolution with equal weights.
#[test]
fn it_is_a_depthwise_convolution() {
    let window = window().stride([2, 1]).padding(1);
    let x = numbers([2, 3, 7, 6], 1);
    let weight = Array::from_fn([3, 1, 3, 2], |_| 1.0 / 6.0);
    let conv = Conv2d { stride: [2, 1], padding: 1.into(), groups: 3, ..Conv2d::default() };
    assert_same(&evaluate(with(window), &[&x]), &evaluate(conv, &[&x, &weight]));
}

/// Ones average to one wherever the window lies, unless padding is counted.
#[test]
fn only_input_counts() {
    let ones = Array::from_fn([1, 1, 8, 7], |_| 1.0);
    for ceil_mode in [false, true] {
        let window = Window::new([3, 3]).stride([2, 3]).padding(1);
        let pool = AvgPool2d { ceil_mode, count_include_pad: false, ..with(window) };
        let out = evaluate(pool, &[&ones]);
        assert_eq!(out.shape, if ceil_mode { [1, 1, 5, 3] } else { [1, 1, 4, 3] });
        assert!(out.data.iter().all(|&mean| mean == 1.0));
    }
}

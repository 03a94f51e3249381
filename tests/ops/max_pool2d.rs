use involution::ops::{Activate, Activation, MaxPool2d};
use involution::reference::Array;
use involution::{Padding, ShapeError, Window};

use crate::harness::{evaluate, numbers, refuses};

fn with(window: Window) -> MaxPool2d {
    MaxPool2d::new(window)
}

fn window() -> Window {
    Window::new([3, 2])
}

const X: [usize; 4] = [1, 2, 7, 6];

#[test]
fn takes_an_image() {
    refuses!(with(window()), [], ShapeError::InputCount { found: 0, .. });
    refuses!(with(window()), [X, X], ShapeError::InputCount { found: 2, .. });
    refuses!(with(window()), [[1, 1, 2, 7, 6]], ShapeError::Rank { tensor: "x", .. });
    for x in [[0, 2, 7, 6], [1, 0, 7, 6], [1, 2, 0, 6], [1, 2, 7, 0]] {
        refuses!(with(window()), [x], ShapeError::Empty { tensor: "x", .. });
    }
}

#[test]
fn the_window_fits_and_is_never_in_the_padding_alone() {
    let dilated = with(window().dilation([4, 1]));
    refuses!(dilated, [X], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [9, 2] && *i == [7, 6]);
    let padded = with(window().padding(Padding::symmetric(3, 0)));
    refuses!(padded, [X], ShapeError::PoolPadding { padding: 3, window: 3 });
    let right = with(window().padding(Padding::Explicit([[0, 0], [0, 2]])));
    refuses!(right, [X], ShapeError::PoolPadding { padding: 2, window: 2 });
    let far = with(window().padding(usize::MAX));
    refuses!(far, [X], ShapeError::Overflow { what: "padding", .. });
}

#[test]
fn parameters_have_a_meaning() {
    for (parameter, window) in [
        ("kernel_size", Window { kernel_size: [3, 0], ..window() }),
        ("kernel_size", Window { kernel_size: [usize::MAX, 2], ..window() }),
        ("stride", window().stride([1, 0])),
        ("stride", window().stride([usize::MAX, 1])),
        ("dilation", window().dilation([0, 1])),
        ("dilation", window().dilation([1, usize::MAX])),
    ] {
        refuses!(with(window), [X], ShapeError::Parameter { parameter: p, .. } if *p == parameter);
    }
    let dilated = with(window().dilation([1 << 30, 1]));
    refuses!(dilated, [X], ShapeError::Overflow { what: "kernel_size with dilation", .. });
}

/// A maximum and a growing function may change places.
#[test]
fn activations_pass_through_it() {
    let pool = with(window().stride([1, 2]).padding(1).dilation([2, 1]));
    let relu = Activate { activation: Activation::Relu };
    let x = numbers([2, 3, 9, 8], 1);
    let before = evaluate(pool, &[&evaluate(relu, &[&x])]);
    let after = evaluate(relu, &[&evaluate(pool, &[&x])]);
    assert_eq!(before, after);
}

/// Padding is below every number, also below the lowest.
#[test]
fn padding_never_wins() {
    let lowest = f64::from(f32::MIN);
    let x = Array::from_fn([1, 1, 3, 3], |_| lowest);
    let out = evaluate(with(Window::new([3, 3]).padding(2)), &[&x]);
    assert_eq!(out.shape, [1, 1, 5, 5]);
    assert!(out.data.iter().all(|&value| value == lowest));
}

/// Where dilation lets a window miss the input altogether, nothing is the largest: minus infinity, as in PyTorch.
#[test]
fn a_window_over_nothing_gives_minus_infinity() {
    let pool = with(Window::new([2, 1]).padding(Padding::symmetric(1, 0)).dilation([2, 1]));
    let x = involution::Tensor::filled([1, 1, 1, 5], 3.0).unwrap();
    let want = involution_check::expected(&pool.into(), &[&x]).unwrap();
    assert_eq!(want.value.data, [f64::NEG_INFINITY; 5]);
    crate::harness::check_call(&pool.into(), &[x], &want).unwrap();
}

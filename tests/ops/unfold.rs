use involution::ops::{Fold, Unfold};
use involution::{Padding, ShapeError, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> Unfold {
    Unfold { window: Window::new([3, 2]) }
}

#[test]
fn takes_one_tensor() {
    refuses!(plain(), [], ShapeError::InputCount { found: 0, .. });
    refuses!(plain(), [[1, 2, 5, 5], [1]], ShapeError::InputCount { found: 2, .. });
    let error = ShapeError::InputCount { expected: vec!["x"], found: 0 };
    assert_eq!(error.to_string(), "takes 1 tensor (x), got 0");
}

#[test]
fn x_is_an_image() {
    refuses!(plain(), [[2, 5, 5]], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [[1, 1, 2, 5, 5]], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [[]], ShapeError::Rank { tensor: "x", .. });
}

#[test]
fn no_dimension_is_empty() {
    for empty in 0..4 {
        let mut x = [1, 2, 5, 5];
        x[empty] = 0;
        refuses!(plain(), [x], ShapeError::Empty { tensor: "x", .. });
    }
}

#[test]
fn the_window_fits() {
    let (window, input) = ([3, 2], [2, 5]);
    refuses!(plain(), [[1, 1, 2, 5]], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == window && *i == input);
    let dilated = Unfold { window: plain().window.dilation([2, 5]) };
    refuses!(dilated, [[1, 1, 5, 5]], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [5, 6] && *i == [5, 5]);
    let padded = Unfold { window: plain().window.padding(1) };
    refuses!(padded, [[1, 1, 0, 5]], ShapeError::Empty { .. });
}

#[test]
fn parameters_have_a_meaning() {
    let window = plain().window;
    let x = [1, 2, 5, 5];
    let with = |window| Unfold { window };
    for (parameter, window) in [
        ("kernel_size", Window { kernel_size: [0, 2], ..window }),
        ("kernel_size", Window { kernel_size: [2, usize::MAX], ..window }),
        ("stride", window.stride([1, 0])),
        ("stride", window.stride([usize::MAX, 1])),
        ("dilation", window.dilation([0, 1])),
        ("dilation", window.dilation([1, 1 << 31])),
    ] {
        refuses!(with(window), [x], ShapeError::Parameter { parameter: p, .. } if *p == parameter);
    }
    let far = (1 << 31) - 1;
    refuses!(
        with(window.dilation([far, 1])),
        [x],
        ShapeError::Overflow { what: "kernel_size with dilation", .. }
    );
    refuses!(with(window.padding(usize::MAX)), [x], ShapeError::Overflow { what: "padding", .. });
    let padding = Padding::symmetric(far, 0);
    refuses!(
        with(window.padding(padding)),
        [x],
        ShapeError::Overflow { what: "the padded input", .. }
    );
    refuses!(
        with(window),
        [[usize::MAX, 2, 3, 3]],
        ShapeError::Overflow { what: "the number of elements", .. }
    );
}

/// Where windows lie side by side, folding puts everything back.
#[test]
fn folding_undoes_it() {
    let window = Window::new([2, 3]).stride([2, 3]);
    let x = numbers([2, 3, 8, 9], 1);
    let columns = evaluate(Unfold { window }, &[&x]);
    assert_same(&evaluate(Fold { window, output_size: [8, 9] }, &[&columns]), &x);
}

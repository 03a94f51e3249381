use involution::ops::{Fold, Unfold};
use involution::reference::Array;
use involution::{Padding, ShapeError, Window};

use crate::harness::{evaluate, numbers, refuses};

fn plain() -> Fold {
    Fold { window: Window::new([3, 2]), output_size: [6, 5] }
}

#[test]
fn takes_one_tensor() {
    refuses!(plain(), [], ShapeError::InputCount { found: 0, .. });
    refuses!(plain(), [[1, 12, 16], [1]], ShapeError::InputCount { found: 2, .. });
}

#[test]
fn x_is_a_batch_of_columns() {
    refuses!(plain(), [[12, 16]], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [[1, 2, 6, 16]], ShapeError::Rank { tensor: "x", .. });
    for x in [[0, 12, 16], [1, 0, 16], [1, 12, 0]] {
        refuses!(plain(), [x], ShapeError::Empty { tensor: "x", .. });
    }
}

#[test]
fn rows_are_whole_windows() {
    refuses!(plain(), [[1, 13, 16]], ShapeError::NotDivisible { value: 13, divisor: 6, .. });
}

#[test]
fn columns_are_the_positions_of_the_window() {
    for found in [15, 17, 1] {
        refuses!(
            plain(),
            [[1, 12, found]],
            ShapeError::Dimension { tensor: "x", dimension: "columns", expected: 16, found: f, .. }
                if *f == found
        );
    }
}

#[test]
fn parameters_have_a_meaning() {
    let x = [1, 12, 16];
    for output_size in [[0, 5], [6, 0]] {
        refuses!(
            Fold { output_size, ..plain() },
            [x],
            ShapeError::Parameter { parameter: "output_size", .. }
        );
    }
    refuses!(
        Fold { output_size: [2, 5], ..plain() },
        [x],
        ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [3, 2] && *i == [2, 5]
    );
    refuses!(
        Fold { output_size: [usize::MAX, 5], ..plain() },
        [x],
        ShapeError::Overflow { what: "the padded input", .. }
    );
    let with = |window| Fold { window, ..plain() };
    let window = plain().window;
    refuses!(with(window.stride([0, 1])), [x], ShapeError::Parameter { parameter: "stride", .. });
    refuses!(
        with(window.dilation([1, 0])),
        [x],
        ShapeError::Parameter { parameter: "dilation", .. }
    );
    refuses!(with(window.padding(usize::MAX)), [x], ShapeError::Overflow { what: "padding", .. });
}

/// Folding is the transpose of unfolding: <unfold(x), y> = <x, fold(y)> for any x and y.
#[test]
fn it_is_the_transpose_of_unfolding() {
    let padding = Padding::Explicit([[2, 1], [0, 3]]);
    let window = Window::new([3, 2]).stride([2, 1]).padding(padding).dilation([1, 2]);
    let x = numbers([2, 3, 7, 8], 1);
    let unfolded = evaluate(Unfold { window }, &[&x]);
    let [n, rows, columns] = [unfolded.shape[0], unfolded.shape[1], unfolded.shape[2]];
    let y = numbers([n, rows, columns], 2);
    let folded = evaluate(Fold { window, output_size: [7, 8] }, &[&y]);
    let dot =
        |a: &Array, b: &Array| -> f64 { a.data.iter().zip(&b.data).map(|(a, b)| a * b).sum() };
    let (left, right) = (dot(&unfolded, &y), dot(&x, &folded));
    assert!((left - right).abs() < 1e-10, "{left} and {right}");
}

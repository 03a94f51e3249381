use involution::ops::{AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool, Op};
use involution::{Shape, ShapeError, Window};

use crate::harness::{assert_same, described, evaluate, numbers, refuses};

fn to(output_size: [usize; 2]) -> AdaptiveAvgPool2d {
    AdaptiveAvgPool2d { output_size }
}

const X: [usize; 4] = [1, 2, 7, 6];

#[test]
fn takes_an_image() {
    refuses!(to([3, 2]), [], ShapeError::InputCount { found: 0, .. });
    refuses!(to([3, 2]), [X, X], ShapeError::InputCount { found: 2, .. });
    refuses!(to([3, 2]), [[2, 7, 6]], ShapeError::Rank { tensor: "x", .. });
    for x in [[0, 2, 7, 6], [1, 0, 7, 6], [1, 2, 0, 6], [1, 2, 7, 0]] {
        refuses!(to([3, 2]), [x], ShapeError::Empty { tensor: "x", .. });
    }
}

#[test]
fn there_is_a_window_at_least_and_not_too_many() {
    for output_size in [[0, 2], [3, 0], [1 << 31, 2], [3, usize::MAX]] {
        refuses!(to(output_size), [X], ShapeError::Parameter { parameter: "output_size", .. });
    }
    let most = (1 << 31) - 1;
    refuses!(to([most, most]), [X], ShapeError::Overflow { .. });
}

/// The shader finds the ends of windows in 32 bits: refused where they do not fit, and only there.
#[test]
fn the_ends_of_windows_are_counted_in_32_bits() {
    let candidates =
        |width, windows| described(&to([1, windows]).into(), &[&Shape::from([1, 1, 1, width])]);
    let most = (1 << 16) - 1;
    for (width, windows) in [
        (most - 1, most),
        (1_000_000_007, most),
        // However large, where nothing is left over, or little.
        (1 << 30, 1 << 20),
        ((1 << 30) + 4094, 1 << 20),
        (1 << 20, 1 << 20),
    ] {
        assert!(candidates(width, windows).is_ok(), "{width} -> {windows}");
    }
    for (width, windows) in [((1 << 16) - 1, 1 << 16), ((1 << 30) + 4095, 1 << 20)] {
        let refused = candidates(width, windows);
        let overflow = ShapeError::Overflow { what: "the ends of windows", bits: 32 };
        assert_eq!(refused, Err(overflow), "{width} -> {windows}");
    }
}

/// An addition for each value of each window.
#[test]
fn operations_are_counted() {
    for size in 1..30_usize {
        for windows in 1..30 {
            let ends =
                (0..windows).map(|i| ((i + 1) * size).div_ceil(windows) - i * size / windows);
            let once = ends.sum::<usize>() as u64;
            let flops = to([windows, 4]).flops(&[&Shape::from([3, 5, size, 8])]);
            assert_eq!(flops, Ok(3 * 5 * 8 * once), "{size} -> {windows}");
        }
    }
}

/// Where the windows divide the input, they are those of a pooling with that stride.
#[test]
fn it_is_an_average_pooling() {
    let x = numbers([2, 3, 12, 10], 1);
    let pool = AvgPool2d::new(Window::new([4, 2]).stride([4, 2]));
    assert_same(&evaluate(to([3, 5]), &[&x]), &evaluate(pool, &[&x]));
    // To n from 2n + 1: each window reaches a pixel into the next.
    let x = numbers([2, 3, 7, 9], 2);
    let pool = AvgPool2d::new(Window::new([3, 3]).stride([2, 2]));
    assert_same(&evaluate(to([3, 4]), &[&x]), &evaluate(pool, &[&x]));
}

#[test]
fn one_window_is_a_global_pooling_and_one_for_each_pixel_a_copy() {
    let x = numbers([2, 3, 7, 6], 1);
    assert_same(&evaluate(to([1, 1]), &[&x]), &evaluate(GlobalAvgPool, &[&x]));
    assert_eq!(evaluate(to([7, 6]), &[&x]), x);
}

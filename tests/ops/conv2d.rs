use involution::ops::{Activation, Conv2d, Op, Unfold};
use involution::reference::Array;
use involution::{Padding, Shape, ShapeError, Window};
use involution_check::check_candidate;
use involution_check::{Case, expected};

use crate::adapters;
use crate::harness::{assert_same, candidates, evaluate, numbers, refuses, views};

fn plain() -> Conv2d {
    Conv2d::default()
}

const X: [usize; 4] = [2, 6, 9, 8];
const WEIGHT: [usize; 4] = [4, 6, 3, 2];

#[test]
fn takes_a_weight_and_the_bias_it_was_promised() {
    let biased = Conv2d { bias: true, ..plain() };
    refuses!(plain(), [X], ShapeError::InputCount { found: 1, .. });
    refuses!(plain(), [X, WEIGHT, [4]], ShapeError::InputCount { found: 3, .. });
    refuses!(biased, [X, WEIGHT], ShapeError::InputCount { expected: e, found: 2 }
        if *e == ["x", "weight", "bias"]);
}

#[test]
fn a_residual_has_the_shape_of_the_output() {
    let residual = Conv2d { residual: true, ..plain() };
    let output = [2, 4, 7, 7];
    refuses!(residual, [X, WEIGHT], ShapeError::InputCount { expected: e, found: 2 }
        if *e == ["x", "weight", "residual"]);
    for axis in 0..4 {
        let mut wrong = output;
        wrong[axis] += 1;
        refuses!(residual, [X, WEIGHT, wrong], ShapeError::Dimension { tensor: "residual", .. });
    }
    refuses!(residual, [X, WEIGHT, [4, 7, 7]], ShapeError::Rank { tensor: "residual", .. });
    let both = Conv2d { bias: true, ..residual };
    let shapes = [Shape::from(X), WEIGHT.into(), [4].into(), output.into()];
    let views: Vec<&Shape> = shapes.iter().collect();
    assert_eq!(both.output_shape(&views).unwrap(), Shape::from(output));
    assert_eq!(both.batched(&views), [true, false, false, true]);
    // Two additions for each of the 392 output values, beside 2 x 36 for the sums.
    assert_eq!(both.flops(&views).unwrap(), 392 * (72 + 2));
}

#[test]
fn a_residual_is_added_before_the_activation() {
    let op = Conv2d { residual: true, activation: Activation::Relu, ..plain() };
    let row = |values: [f64; 2]| Array::from_fn([1, 1, 1, 2], |[.., column]| values[column]);
    let weight = Array::from_fn([1, 1, 1, 1], |_| 3.0);
    let found = evaluate(op, &[&row([1.0, 2.0]), &weight, &row([-4.0, -5.0])]);
    assert_eq!(found.data, [0.0, 1.0]);
}

#[test]
fn ranks_are_named() {
    refuses!(plain(), [[6, 9, 8], WEIGHT], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [X, [4, 6, 3]], ShapeError::Rank { tensor: "weight", .. });
    let biased = Conv2d { bias: true, ..plain() };
    refuses!(biased, [X, WEIGHT, [4, 1]], ShapeError::Rank { tensor: "bias", .. });
}

#[test]
fn no_dimension_is_empty() {
    for empty in 0..4 {
        let (mut x, mut weight) = (X, WEIGHT);
        x[empty] = 0;
        weight[empty] = 0;
        refuses!(plain(), [x, WEIGHT], ShapeError::Empty { tensor: "x", .. });
        refuses!(plain(), [X, weight], ShapeError::Empty { tensor: "weight", .. });
    }
    let biased = Conv2d { bias: true, ..plain() };
    refuses!(biased, [X, WEIGHT, [0]], ShapeError::Empty { tensor: "bias", .. });
}

#[test]
fn channels_agree() {
    refuses!(
        plain(),
        [X, [4, 5, 3, 2]],
        ShapeError::Dimension {
            tensor: "weight",
            dimension: "input channels per group",
            expected: 6,
            found: 5,
            ..
        }
    );
    let biased = Conv2d { bias: true, ..plain() };
    refuses!(
        biased,
        [X, WEIGHT, [5]],
        ShapeError::Dimension { tensor: "bias", expected: 4, found: 5, .. }
    );
}

#[test]
fn groups_divide_the_channels() {
    let grouped = |groups| Conv2d { groups, ..plain() };
    let divided = [4, 2, 3, 2];
    refuses!(grouped(4), [X, divided], ShapeError::NotDivisible { value: 6, divisor: 4, .. });
    refuses!(grouped(3), [X, divided], ShapeError::NotDivisible { value: 4, divisor: 3, .. });
    refuses!(grouped(0), [X, divided], ShapeError::NotDivisible { divisor: 0, .. });
    refuses!(grouped(usize::MAX), [X, divided], ShapeError::NotDivisible { .. });
    refuses!(
        grouped(2),
        [X, WEIGHT],
        ShapeError::Dimension { tensor: "weight", expected: 3, found: 6, .. }
    );
}

#[test]
fn the_window_fits() {
    refuses!(
        plain(),
        [X, [4, 6, 3, 9]],
        ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [3, 9] && *i == [9, 8]
    );
    let dilated = Conv2d { dilation: [5, 1], padding: Padding::symmetric(0, 1), ..plain() };
    refuses!(dilated, [X, WEIGHT], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [11, 2] && *i == [9, 10]);
}

#[test]
fn parameters_have_a_meaning() {
    for (parameter, conv) in [
        ("stride", Conv2d { stride: [0, 1], ..plain() }),
        ("stride", Conv2d { stride: [1, usize::MAX], ..plain() }),
        ("dilation", Conv2d { dilation: [1, 0], ..plain() }),
        ("dilation", Conv2d { dilation: [usize::MAX, 1], ..plain() }),
    ] {
        refuses!(conv, [X, WEIGHT], ShapeError::Parameter { parameter: p, .. } if *p == parameter);
    }
    let padded = Conv2d { padding: usize::MAX.into(), ..plain() };
    refuses!(padded, [X, WEIGHT], ShapeError::Overflow { what: "padding", .. });
    let dilated = Conv2d { dilation: [(1 << 31) - 1, 1], ..plain() };
    refuses!(dilated, [X, WEIGHT], ShapeError::Overflow { what: "kernel_size with dilation", .. });
    refuses!(plain(), [X, [usize::MAX, 6, 3, 2]], ShapeError::Overflow { .. });
}

/// Kernels that are made for square windows are offered where the two axes agree, and for nothing else.
#[test]
fn windows_with_unequal_axes_are_right_with_every_candidate() {
    let symmetric = Padding::symmetric;
    let lopsided = Padding::Explicit([[1, 1], [1, 0]]);
    let conv = |stride, padding, dilation| Conv2d { stride, padding, dilation, ..plain() };
    // The window, its taps, and the width of x.
    let cases = [
        (conv([1, 1], symmetric(2, 1), [1, 1]), [5, 3], 16),
        (conv([1, 1], symmetric(1, 2), [1, 1]), [3, 5], 16),
        (conv([1, 1], symmetric(2, 1), [1, 1]), [5, 3], 15),
        (conv([1, 2], symmetric(1, 1), [1, 1]), [3, 3], 16),
        (conv([2, 1], symmetric(1, 1), [1, 1]), [3, 3], 16),
        (conv([1, 2], symmetric(1, 1), [1, 1]), [3, 3], 15),
        (conv([1, 1], symmetric(2, 1), [2, 1]), [3, 3], 16),
        (conv([1, 1], symmetric(1, 2), [1, 2]), [3, 3], 16),
        (conv([1, 1], symmetric(1, 1), [1, 2]), [3, 3], 15),
        (conv([1, 1], symmetric(0, 1), [1, 1]), [3, 3], 16),
        (conv([1, 1], symmetric(1, 0), [1, 1]), [3, 3], 18),
        (conv([1, 1], lopsided, [1, 1]), [3, 3], 9),
        (conv([1, 1], lopsided, [1, 1]), [3, 3], 17),
        (conv([2, 2], lopsided, [1, 1]), [3, 3], 9),
    ];
    adapters::each(|gpu| {
        for (conv, [rows, columns], width) in cases {
            for (groups, channels) in [(1, 4), (4, 1)] {
                let op = Conv2d { groups, ..conv };
                let shapes: [&[usize]; 2] = [&[2, 4, 9, width], &[16, channels, rows, columns]];
                let case = Case::new("unequal axes", op, &shapes);
                let inputs = case.inputs();
                let inputs = views(&inputs);
                let want = expected(&case.operator, &inputs).unwrap();
                for name in candidates(gpu, &case.operator, &inputs).unwrap() {
                    let found = check_candidate(gpu, &case.operator, &inputs, &want, &name);
                    let found =
                        found.unwrap().unwrap_or_else(|why| panic!("{name}: {case}: {why}"));
                    assert!(found.passed(), "{name}: {case}: {found:?}");
                    adapters::count(1);
                }
            }
        }
    });
}

/// The number of terms, twice, for each output value, and one more for a bias.
#[test]
fn operations_are_counted() {
    let conv = Conv2d { groups: 2, bias: true, activation: Activation::Relu, ..plain() };
    let shapes = [Shape::from(X), Shape::from([4, 3, 3, 2]), Shape::from([4])];
    let shapes: Vec<&Shape> = shapes.iter().collect();
    let outputs = 2 * 4 * 7 * 7;
    assert_eq!(conv.flops(&shapes), Ok(outputs * (2 * 3 * 3 * 2 + 1 + 1)));
}

/// Convolution is a product of the weight with the unfolded input, group by group.
#[test]
fn it_is_a_product_with_the_unfolded_input() {
    let window = Window::new([3, 2]).stride([2, 1]).padding(Padding::Same).dilation([1, 2]);
    let (x, weight) = (numbers([2, 6, 9, 8], 1), numbers([4, 3, 3, 2], 2));
    let conv = Conv2d {
        stride: window.stride,
        padding: window.padding,
        dilation: window.dilation,
        groups: 2,
        ..plain()
    };
    let columns = evaluate(Unfold { window }, &[&x]);
    let out = evaluate(conv, &[&x, &weight]);
    let terms = 3 * 6; // input channels of a group times taps
    let product = Array::from_fn([2, 4, columns.shape[2]], |[n, o, l]| {
        let group = o / 2;
        (0..terms)
            .map(|t| weight.data[o * terms + t] * columns.at(&[n, group * terms + t, l]))
            .sum()
    });
    assert_same(&out, &product);
}

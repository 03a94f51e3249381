use involution::ops::{Activation, Add, Conv2d};
use involution::reference::Array;
use involution::{Shape, ShapeError};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> Add {
    Add::default()
}

#[test]
fn takes_two_tensors_with_elements() {
    refuses!(plain(), [[4]], ShapeError::InputCount { found: 1, .. });
    refuses!(plain(), [[4], [4], [4]], ShapeError::InputCount { expected: e, found: 3 }
        if *e == ["x", "y"]);
    refuses!(plain(), [[0, 4], [4]], ShapeError::Empty { tensor: "x", .. });
    refuses!(plain(), [[4], [4, 0]], ShapeError::Empty { tensor: "y", .. });
}

#[test]
fn sizes_are_equal_or_one() {
    for (a, b) in
        [(&[3, 4][..], &[3][..]), (&[2, 3], &[3, 3]), (&[2, 1, 3], &[4, 2]), (&[5], &[2, 4])]
    {
        let [x, y] = [Shape::new(a), Shape::new(b)];
        refuses!(plain(), [a, b], ShapeError::Broadcast { x: found, y: other }
            if (found, other) == (&x, &y));
        refuses!(plain(), [b, a], ShapeError::Broadcast { x: found, y: other }
            if (found, other) == (&y, &x));
    }
}

#[test]
fn the_result_can_be_counted() {
    refuses!(plain(), [[1 << 40, 1], [1 << 40]], ShapeError::Overflow { .. });
    refuses!(plain(), [[usize::MAX], [1]], ShapeError::Overflow { .. });
}

/// Seven dimensions that broadcast in turn are more runs than the kernel counts.
#[test]
fn more_runs_than_the_kernel_counts_are_refused() {
    let (x, y) = ([2, 1, 2, 1, 2, 1, 2], [1, 2, 1, 2, 1, 2, 1]);
    refuses!(plain(), [x, y], ShapeError::Rank { .. });
}

/// Repeating an operand by hand gives the same sum, and the operands may change places.
#[test]
fn broadcasting_repeats() {
    let (x, y) = (numbers([2, 1, 3, 4], 1), numbers([5, 1, 4], 2));
    let repeated = |[n, c, i, j]: [usize; 4]| (x.at(&[n, 0, i, j]), y.at(&[c, 0, j]));
    let sum = Array::from_fn([2, 5, 3, 4], |at| repeated(at).0 + repeated(at).1);
    let out = evaluate(plain(), &[&x, &y]);
    assert_eq!(out.shape, sum.shape);
    assert_same(&out, &sum);
    assert_same(&evaluate(plain(), &[&y, &x]), &sum);
}

/// A bias per channel is the bias of a convolution.
#[test]
fn it_adds_the_bias_of_a_convolution() {
    let (x, weight, bias) = (numbers([2, 3, 4, 5], 1), numbers([6, 3, 1, 1], 2), numbers([6], 3));
    let activation = Activation::Silu;
    let fused = Conv2d { bias: true, activation, ..Conv2d::default() };
    let between = evaluate(Conv2d::default(), &[&x, &weight]);
    let per_channel = Array { shape: vec![6, 1, 1], ..bias.clone() };
    assert_same(
        &evaluate(Add { activation }, &[&between, &per_channel]),
        &evaluate(fused, &[&x, &weight, &bias]),
    );
}

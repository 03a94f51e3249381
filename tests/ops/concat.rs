use involution::ShapeError;
use involution::ops::{Concat, Conv2d};
use involution::reference::Array;

use crate::harness::{assert_same, evaluate, numbers, refuses};

#[test]
fn takes_two_tensors_that_differ_in_channels_alone() {
    refuses!(Concat, [[2, 3]], ShapeError::InputCount { found: 1, .. });
    refuses!(Concat, [[4], [4]], ShapeError::Rank { tensor: "x", .. });
    refuses!(Concat, [[2, 3, 4], [2, 3]], ShapeError::Rank { tensor: "y", .. });
    refuses!(Concat, [[2, 0, 4], [2, 3, 4]], ShapeError::Empty { tensor: "x", .. });
    refuses!(
        Concat,
        [[2, 3, 4], [1, 3, 4]],
        ShapeError::Dimension { tensor: "y", dimension: "batch", .. }
    );
    refuses!(
        Concat,
        [[2, 3, 4], [2, 3, 5]],
        ShapeError::Dimension { tensor: "y", dimension: "size", .. }
    );
}

/// With a weight of ones and zeros.
#[test]
fn a_convolution_finds_the_channels_of_the_second_behind_those_of_the_first() {
    let (x, y) = (numbers([2, 2, 3, 4], 1), numbers([2, 1, 3, 4], 2));
    let last = Array { shape: vec![1, 3, 1, 1], data: vec![0.0, 0.0, 1.0] };
    assert_same(&evaluate(Conv2d::default(), &[&evaluate(Concat, &[&x, &y]), &last]), &y);
}

use involution::ops::{AvgPool2d, GlobalAvgPool};
use involution::{ShapeError, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

#[test]
fn takes_planes_of_any_rank() {
    refuses!(GlobalAvgPool, [], ShapeError::InputCount { found: 0, .. });
    refuses!(GlobalAvgPool, [[1, 2, 3, 4], [1]], ShapeError::InputCount { found: 2, .. });
    refuses!(GlobalAvgPool, [[2, 3]], ShapeError::Rank { tensor: "x", .. });
    for x in [[0, 2, 7, 6], [1, 0, 7, 6], [1, 2, 0, 6], [1, 2, 7, 0]] {
        refuses!(GlobalAvgPool, [x], ShapeError::Empty { tensor: "x", .. });
    }
    refuses!(GlobalAvgPool, [[1, 2, usize::MAX, 6]], ShapeError::Overflow { .. });
}

/// One window over everything.
#[test]
fn it_is_an_average_pooling() {
    let x = numbers([2, 3, 7, 6], 1);
    let pool = AvgPool2d::new(Window::new([7, 6]));
    assert_same(&evaluate(GlobalAvgPool, &[&x]), &evaluate(pool, &[&x]));
}

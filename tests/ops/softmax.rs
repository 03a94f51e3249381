use involution::ShapeError;
use involution::ops::Softmax;
use involution::reference::Array;

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn along(axis: isize) -> Softmax {
    Softmax { axis, temperature: 1.0 }
}

#[test]
fn takes_one_tensor_with_elements() {
    refuses!(along(0), [], ShapeError::InputCount { found: 0, .. });
    refuses!(along(0), [[4], [4]], ShapeError::InputCount { found: 2, .. });
    refuses!(along(0), [[]], ShapeError::Rank { tensor: "x", .. });
    refuses!(along(0), [[0]], ShapeError::Empty { tensor: "x", .. });
    refuses!(along(0), [[3, 0]], ShapeError::Empty { tensor: "x", .. });
    refuses!(along(0), [[usize::MAX, 2]], ShapeError::Overflow { .. });
}

#[test]
fn the_axis_is_one_of_the_tensors() {
    for axis in [2, -3, isize::MAX, isize::MIN] {
        refuses!(along(axis), [[3, 4]], ShapeError::Axis { axis: a, .. } if *a == axis);
    }
}

#[test]
fn the_temperature_is_above_zero() {
    for temperature in [0.0, -0.0, -1.0, 1e-39, f32::NAN, f32::INFINITY] {
        let softmax = Softmax { axis: 0, temperature };
        refuses!(softmax, [[3, 4]], ShapeError::Parameter { parameter: "temperature", .. });
    }
}

#[test]
fn rows_sum_to_one_and_a_shift_changes_nothing() {
    let x = numbers([3, 5, 4], 1);
    let out = evaluate(along(1), &[&x]);
    for (n, k) in (0..3).flat_map(|n| (0..4).map(move |k| (n, k))) {
        let sum: f64 = (0..5).map(|i| out.at(&[n, i, k])).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
    let shifted = Array::from_fn([3, 5, 4], |[n, i, k]| x.at(&[n, i, k]) + 100.0 * (n + k) as f64);
    assert_same(&out, &evaluate(along(-2), &[&shifted]));
}

/// The temperature divides what goes in.
#[test]
fn temperature_scales_the_input() {
    let x = numbers([6, 7], 1);
    let scaled = Array::from_fn([6, 7], |[i, j]| x.at(&[i, j]) / 0.25);
    let warm = Softmax { axis: -1, temperature: 0.25 };
    assert_same(&evaluate(warm, &[&x]), &evaluate(along(-1), &[&scaled]));
}

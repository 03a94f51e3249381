use involution::kernels::{self, DeviceProfile};
use involution::ops::{Add, AvgPool2d, Interpolation, Operator, Resize};
use involution::reference::Array;
use involution::{Shape, ShapeError, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn to(output_size: [usize; 2], mode: Interpolation) -> Resize {
    Resize::new(output_size, mode)
}

const X: [usize; 4] = [1, 2, 6, 8];

#[test]
fn takes_an_image_and_what_is_added() {
    let resize = to([3, 5], Interpolation::Nearest);
    refuses!(resize, [], ShapeError::InputCount { found: 0, .. });
    refuses!(resize, [X, X], ShapeError::InputCount { found: 2, .. });
    refuses!(resize, [[1, 1, 2, 7, 6]], ShapeError::Rank { tensor: "x", .. });
    refuses!(resize, [[1, 0, 2, 7]], ShapeError::Empty { tensor: "x", .. });
    let sum = Resize { residual: true, ..resize };
    for (dimension, residual) in [
        ("batch", [2, 2, 3, 5]),
        ("channels", [1, 3, 3, 5]),
        ("height", [1, 2, 6, 5]),
        ("width", [1, 2, 3, 8]),
    ] {
        refuses!(sum, [X, residual], ShapeError::Dimension { tensor: "residual", dimension: d, .. }
            if *d == dimension);
    }
    for output_size in [[0, 5], [3, 0]] {
        refuses!(
            to(output_size, Interpolation::Bilinear),
            [X],
            ShapeError::Parameter { parameter: "output_size", .. }
        );
    }
}

#[test]
fn an_image_lies_within_x() {
    for size in [[0, 5], [7, 8], [6, 9]] {
        let resize = Resize { input_size: Some(size), ..to([3, 5], Interpolation::Bilinear) };
        refuses!(resize, [X], ShapeError::Parameter { parameter: "input_size", .. });
    }
}

/// What is padding may be anything.
#[test]
fn an_image_with_padding_is_the_image_alone() {
    let x = numbers(X, 1);
    let image = Array::from_fn([1, 2, 4, 5], |index| x.at(&index));
    for (_, mode) in Interpolation::ALL {
        let resize = to([11, 7], mode);
        let of_part = Resize { input_size: Some([4, 5]), ..resize };
        assert_same(&evaluate(of_part, &[&x]), &evaluate(resize, &[&image]));
    }
}

/// Places are counted in a u32, half pixels in bilinear resizing.
#[test]
fn places_fit_an_integer() {
    let allowed = |resize: Resize| {
        let x = Shape::from([1, 1, 1, 1 << 16]);
        kernels::candidates(&Operator::from(resize), &[&x], &DeviceProfile::software())
    };
    assert!(allowed(to([1, (1 << 16) - 1], Interpolation::Nearest)).is_ok());
    assert!(allowed(to([1, (1 << 15) - 1], Interpolation::Bilinear)).is_ok());
    for (width, mode) in [(1 << 16, Interpolation::Nearest), (1 << 15, Interpolation::Bilinear)] {
        let error = allowed(to([1, width], mode)).unwrap_err();
        assert!(matches!(error, ShapeError::Overflow { .. }), "{error}");
    }
}

#[test]
fn the_size_that_it_has_is_a_copy() {
    let x = numbers(X, 1);
    for (_, mode) in Interpolation::ALL {
        assert_same(&evaluate(to([6, 8], mode), &[&x]), &x);
    }
}

/// At half the size every pixel lies in the middle of four.
#[test]
fn half_the_size_is_an_average_of_four() {
    let x = numbers(X, 1);
    let window = Window::new([2, 2]).stride([2, 2]);
    let average = AvgPool2d { window, ceil_mode: false, count_include_pad: true };
    assert_same(&evaluate(to([3, 4], Interpolation::Bilinear), &[&x]), &evaluate(average, &[&x]));
}

#[test]
fn a_residual_is_a_sum_afterwards() {
    let (x, y) = (numbers(X, 1), numbers([1, 2, 11, 7], 2));
    for (_, mode) in Interpolation::ALL {
        let resize = to([11, 7], mode);
        let sum = evaluate(Resize { residual: true, ..resize }, &[&x, &y]);
        assert_same(&sum, &evaluate(Add::default(), &[&evaluate(resize, &[&x]), &y]));
    }
}

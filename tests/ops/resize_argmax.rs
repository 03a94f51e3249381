use involution::kernels::{self, DeviceProfile};
use involution::ops::{Argmax, Interpolation, Operator, Resize, ResizeArgmax};
use involution::{Shape, ShapeError};

use crate::harness::{assert_same, evaluate, numbers, refuses};

const X: [usize; 4] = [2, 7, 5, 6];

#[test]
fn takes_images_and_sizes_within_them() {
    let once = ResizeArgmax::new([8, 9]);
    refuses!(once, [], ShapeError::InputCount { found: 0, .. });
    refuses!(once, [[2, 7, 5]], ShapeError::Rank { tensor: "x", .. });
    refuses!(
        ResizeArgmax::new([8, 0]),
        [X],
        ShapeError::Parameter { parameter: "output_size", .. }
    );
    let via = ResizeArgmax { via: Some([0, 4]), ..once };
    refuses!(via, [X], ShapeError::Parameter { parameter: "via", .. });
    // The part is one of x, or of what is between.
    let part = ResizeArgmax { input_size: Some([6, 6]), ..once };
    refuses!(part, [X], ShapeError::Parameter { parameter: "input_size", .. });
    let part = ResizeArgmax { via: Some([6, 6]), ..part };
    let x = Shape::from(X);
    assert!(kernels::candidates(&Operator::from(part), &[&x], &DeviceProfile::software()).is_ok());
    let part = ResizeArgmax { input_size: Some([6, 7]), ..part };
    refuses!(part, [X], ShapeError::Parameter { parameter: "input_size", .. });
}

/// Places are counted in a u32, both times.
#[test]
fn places_fit_an_integer() {
    let x = Shape::from([1, 1, 1, 1 << 16]);
    let once = ResizeArgmax::new([1, 1 << 15]);
    let twice = ResizeArgmax { via: Some([1, 1 << 15]), ..ResizeArgmax::new([1, 1]) };
    for op in [once, twice] {
        let error = kernels::candidates(&Operator::from(op), &[&x], &DeviceProfile::software())
            .unwrap_err();
        assert!(matches!(error, ShapeError::Overflow { .. }), "{error}");
    }
}

#[test]
fn resizes_one_after_another_and_an_argmax_are_one() {
    let x = numbers(X, 1);
    let to = |output_size| Resize::new(output_size, Interpolation::Bilinear);
    let via =
        ResizeArgmax { output_size: [11, 9], input_size: Some([17, 13]), via: Some([20, 24]) };
    let between = evaluate(to([20, 24]), &[&x]);
    let cut = Resize { input_size: Some([17, 13]), ..to([11, 9]) };
    assert_same(&evaluate(via, &[&x]), &evaluate(Argmax, &[&evaluate(cut, &[&between])]));
    let once = ResizeArgmax::new([11, 9]);
    assert_same(&evaluate(once, &[&x]), &evaluate(Argmax, &[&evaluate(to([11, 9]), &[&x])]));
}

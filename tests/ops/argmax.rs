use involution::kernels::{self, DeviceProfile};
use involution::ops::{Argmax, Operator, Softmax};
use involution::tensor::DType;
use involution::{Shape, ShapeError};

use crate::harness::{assert_same, evaluate, numbers, refuses};

#[test]
fn takes_channels_of_at_least_one_value() {
    refuses!(Argmax, [], ShapeError::InputCount { found: 0, .. });
    refuses!(Argmax, [[4]], ShapeError::Rank { tensor: "x", .. });
    refuses!(Argmax, [[2, 0, 3]], ShapeError::Empty { tensor: "x", .. });
}

/// More channels than the type that tensors are stored in can count are refused.
#[test]
fn indices_are_exact() {
    refuses!(
        Argmax,
        [[1, (1 << 24) + 1]],
        ShapeError::Parameter { parameter: "channels of x", .. }
    );
    let single = DeviceProfile::software();
    let half = DeviceProfile { storage: DType::F16, ..single.clone() };
    let candidates = |channels, profile| {
        kernels::candidates(&Operator::from(Argmax), &[&Shape::from([1, channels, 3])], profile)
    };
    assert!(candidates(1 << 24, &single).is_ok());
    assert!(candidates((1 << 11) + 1, &half).is_ok());
    let error = candidates((1 << 11) + 2, &half).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the largest index must be at most 2048 in half precision (store tensors in single precision), it is 2049"
    );
}

/// Softmax keeps the order of values.
#[test]
fn a_softmax_before_it_changes_nothing() {
    let x = numbers([2, 7, 3, 5], 1);
    let softmax = evaluate(Softmax { axis: 1, temperature: 1.0 }, &[&x]);
    assert_same(&evaluate(Argmax, &[&softmax]), &evaluate(Argmax, &[&x]));
}

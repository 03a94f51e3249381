use involution::ShapeError;
use involution::ops::{Activate, Activation};
use involution::reference::Array;

use crate::harness::{assert_same, evaluate, refuses};

fn plain() -> Activate {
    Activate { activation: Activation::Silu }
}

#[test]
fn takes_one_tensor_of_any_shape_with_elements() {
    refuses!(plain(), [], ShapeError::InputCount { found: 0, .. });
    refuses!(plain(), [[4], [4]], ShapeError::InputCount { found: 2, .. });
    refuses!(plain(), [[0]], ShapeError::Empty { tensor: "x", .. });
    refuses!(plain(), [[3, 0, 2]], ShapeError::Empty { tensor: "x", .. });
    refuses!(plain(), [[usize::MAX, 2]], ShapeError::Overflow { .. });
}

/// A tensor without dimensions is one number.
#[test]
fn a_scalar_is_activated() {
    let x = involution::Tensor::new([], vec![2.0]).unwrap();
    let want = involution_check::expected(&plain().into(), &[&x]).unwrap();
    crate::harness::check_call(&plain().into(), &[x], &want).unwrap();
}

#[test]
fn values_are_those_of_their_formulas() {
    let x = [-1e4, -3.0, -1e-30, -0.0, 0.0, 0.5, 3.0, 5.5, 6.5, 1e4];
    type Formula = fn(f64) -> f64;
    let formulas: [(Activation, Formula); 5] = [
        (Activation::None, |v| v),
        (Activation::Relu, |v| v.max(0.0)),
        (Activation::Relu6, |v| v.clamp(0.0, 6.0)),
        (Activation::Sigmoid, |v| 0.5 * (1.0 + (v / 2.0).tanh())),
        (Activation::Silu, |v| v * 0.5 * (1.0 + (v / 2.0).tanh())),
    ];
    assert_eq!(formulas.len(), Activation::ALL.len());
    for (activation, formula) in formulas {
        let out =
            evaluate(Activate { activation }, &[&Array { shape: vec![10], data: x.to_vec() }]);
        let data = x.iter().map(|&v| formula(v)).collect();
        assert_same(&out, &Array { shape: vec![10], data });
    }
}

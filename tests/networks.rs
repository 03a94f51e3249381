//! What the tests of plans, layers and networks share: weights, images, and comparing results.

use involution::kernels::DeviceProfile;
use involution::plan::Weight;
use involution::reference::Array;
use involution::schedule::{Choice, Policy, Schedule, Table, lower};
use involution::{Plan, Result, Shape, StateDict, Tensor};

/// Random weights under which values neither vanish nor grow: matrices of variance 1 / fan-in, variances
/// and scales of normalisations around 1, means and biases around 0.
pub fn state_of(plan: &Plan, seed: u64) -> StateDict {
    let mut rng = fastrand::Rng::with_seed(seed);
    let tensor = |weight: &Weight| {
        let dims = weight.shape.dims();
        let matrix = dims.len() > 1 && !weight.name.ends_with("bias");
        let [from, to] = if weight.name.ends_with("running_var") {
            [0.5, 1.5]
        } else if matrix {
            // A bank of dynamic weights has its kernels before the output channels.
            let outer = if dims.len() == 5 { 2 } else { 1 };
            let fan_in = dims[outer..].iter().product::<usize>() as f32;
            [-(3.0 / fan_in).sqrt(), (3.0 / fan_in).sqrt()]
        } else if weight.name.ends_with("weight") {
            [0.5, 1.5]
        } else {
            [-0.5, 0.5]
        };
        let count = weight.shape.elements().unwrap();
        let data = (0..count).map(|_| from + (to - from) * rng.f32()).collect();
        (weight.name.clone(), Tensor::new(weight.shape.clone(), data).unwrap())
    };
    plan.weights().iter().map(tensor).collect()
}

/// Tensors of zeros for every weight of a plan: what can be told from names and shapes alone.
pub fn zeros_of(plan: &Plan) -> StateDict {
    let zeros =
        |weight: &Weight| (weight.name.clone(), Tensor::filled(weight.shape.clone(), 0.0).unwrap());
    plan.weights().iter().map(zeros).collect()
}

/// How a software adapter carries out a plan.
pub fn lowered(plan: &Plan) -> Result<Schedule> {
    lower(plan, &DeviceProfile::software(), &Policy::default(), &Choice::Preferred)
}

/// A plan as it is printed.
pub fn table(plan: &Plan) -> Table {
    Table::of(plan, &lowered(plan).unwrap()).unwrap()
}

/// An input of values in -1..1.
pub fn input(dims: &[usize], seed: u64) -> Tensor {
    let mut rng = fastrand::Rng::with_seed(seed);
    let count = dims.iter().product();
    let data = (0..count).map(|_| 2.0 * rng.f32() - 1.0).collect();
    Tensor::new(Shape::new(dims), data).unwrap()
}

/// A weight in double precision.
pub fn weight(weights: &StateDict, name: &str) -> Array {
    Array::from(weights.get(name).unwrap_or_else(|| panic!("no weight {name}")))
}

/// The largest distance of two results, in parts of the largest value.
pub fn distance(found: &Tensor, want: &Tensor) -> f64 {
    assert_eq!(found.shape(), want.shape());
    let largest = want.data().iter().fold(0f64, |most, v| most.max(f64::from(v.abs())));
    assert!(largest > 0.0 && largest.is_finite(), "nothing to compare: the largest is {largest}");
    let off = found.data().iter().zip(want.data()).map(|(a, b)| f64::from((a - b).abs()));
    // A NaN must not vanish in a maximum.
    off.fold(0f64, |most, off| if off.is_nan() || off > most { off } else { most }) / largest
}

/// Two results are the same up to so many parts of the largest value.
pub fn assert_close(what: &str, found: &Tensor, want: &Tensor, tolerance: f64) {
    let distance = distance(found, want);
    assert!(distance <= tolerance, "{what}: {distance:.2e} of the largest value apart");
}

/// The results of two runs, name by name.
pub fn assert_all_close(
    what: &str,
    found: &[(String, Tensor)],
    want: &[(String, Tensor)],
    tolerance: f64,
) {
    let names = |results: &[(String, Tensor)]| -> Vec<String> {
        results.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(found), names(want), "{what}");
    for ((name, found), (_, want)) in found.iter().zip(want) {
        assert_close(&format!("{what}: {name}"), found, want, tolerance);
    }
}

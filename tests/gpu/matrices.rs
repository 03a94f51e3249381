//! Matrix units: which devices have any that kernels can use, and what becomes of those that are wrong.

use involution::Gpu;
use involution::gpu::{Fault, Precision};
use involution::kernels::{Candidate, DeviceProfile, MatrixUnits, candidates};
use involution::ops::{Conv2d, Operator};
use involution::shape::Shape;
use involution::tensor::DType;

use crate::adapters;

const KERNEL: &str = "gemm/cooperative";

fn conv() -> (Operator, [Shape; 2]) {
    (Conv2d::default().into(), [Shape::from([8, 256, 56, 56]), Shape::from([256, 256, 1, 1])])
}

fn is_of_matrices(candidate: &Candidate) -> bool {
    candidate.calls.iter().any(|call| call.kernel.name == KERNEL)
}

fn stores_halves(kind: &str) -> DeviceProfile {
    DeviceProfile { storage: DType::F16, ..DeviceProfile::described(kind).unwrap() }
}

#[test]
fn subgroups_of_one_size_and_square_matrices_are_needed() {
    let units = |side, lanes| Some(MatrixUnits { side, lanes });
    let one_size = DeviceProfile { subgroup_min: 64, ..stores_halves("amd") };
    for (profile, expected) in [
        (stores_halves("nvidia"), units(16, 32)),
        (stores_halves("apple"), units(8, 32)),
        // Subgroups of 32 and of 64 lanes, matrices of 8x16.
        (stores_halves("amd"), None),
        (stores_halves("intel"), None),
        (one_size, units(16, 64)),
        (stores_halves("software"), None),
        (DeviceProfile::described("nvidia").unwrap(), None),
    ] {
        assert_eq!(profile.matrix_units(), expected, "{profile:?}");
        let (op, shapes) = conv();
        let found = candidates(&op, &shapes.each_ref(), &profile).unwrap();
        assert_eq!(found.iter().any(is_of_matrices), expected.is_some(), "{profile:?}");
        assert_eq!(found.last().is_some_and(is_of_matrices), expected.is_some(), "{profile:?}");
    }
}

/// A device whose matrix units read a factor transposed works without them.
#[test]
fn matrix_units_that_are_wrong_are_not_used() {
    adapters::each(|gpu| {
        if gpu.adapter().matrix_side == 0 {
            return adapters::say(&format!("skipped: {} has no matrix units", gpu.adapter().name));
        }
        let open = |fault: Option<(&str, &str)>| {
            adapters::fresh(gpu, |options| {
                options.precision = Precision::F16;
                let fault = fault.map(|(from, to)| Fault {
                    kernel: "probe/matrices".to_owned(),
                    from: from.to_owned(),
                    to: to.to_owned(),
                });
                options.testing().faults.extend(fault);
            })
        };
        let offers = |gpu: &Gpu| {
            let (op, shapes) = conv();
            gpu.candidates(&op, &shapes.each_ref()).unwrap().iter().any(is_of_matrices)
        };
        assert!(offers(&open(None)));
        assert!(!offers(gpu));
        for fault in [
            ("coopLoadT<Left>", "coopLoad<Left>"),
            ("coopLoad<Right>", "coopLoadT<Right>"),
            ("coopStoreT(sum", "coopStore(sum"),
            ("out[subgroup * SIDE * SIDE + at]", "out[at]"),
            // Does not compile.
            ("coopMultiplyAdd(left, right, sum)", "coopMultiplyAdd(right, left, sum)"),
        ] {
            let faulty = open(Some(fault));
            assert_eq!(faulty.profile().matrix_units(), None, "{fault:?}");
            assert!(!offers(&faulty), "{fault:?}");
        }
        let without = adapters::fresh(gpu, |options| {
            options.precision = Precision::F16;
            options.testing().without_matrix_units = true;
        });
        assert!(!offers(&without));
    });
}

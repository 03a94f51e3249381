//! How choices are made: only what is right is timed, and what comes out can be stored and used.

use std::time::Duration;

use involution::autotune::measure::{Call, Measured, Settings, calls, measure};
use involution::autotune::{Cache, Tuned};
use involution::gpu::{Fault, Gpu};
use involution::kernels::GENERAL;
use involution::models::RedNet;
use involution::ops::{Conv2d, Involution, Operator, Unfold};
use involution::shape::Window;
use involution::{Layer, Shape, Tensor};
use involution_check::{Case, compare, expected};

use super::{folder, pointwise, views};
use crate::adapters;

/// Few samples: which kernel is the fastest is of no concern here.
fn quick() -> Settings {
    Settings { rounds: 3, most_rounds: 3, enough: Duration::ZERO, ..Settings::default() }
}

/// Against the reference, and against the general kernel.
fn both() -> [Settings; 2] {
    [u64::MAX, 0].map(|reference_flops| Settings { reference_flops, ..quick() })
}

fn measured(gpu: &Gpu, op: &Operator, shapes: &[Shape], settings: &Settings) -> Measured {
    measure(gpu, &Call::new(op.clone(), &views(shapes)), None, settings).unwrap()
}

#[test]
fn right_kernels_are_all_timed() {
    adapters::each(|gpu| {
        let (op, shapes) = pointwise();
        for settings in both() {
            let found = measured(gpu, &op, &shapes, &settings);
            // Without those that were made for GPUs, or for software adapters.
            let mut fixed = gpu.fixed_candidates(&op, &views(&shapes)).unwrap();
            fixed.retain(|candidate| candidate.rank >= GENERAL);
            let kernels: Vec<&String> = found.rows.iter().map(|row| &row.kernel).collect();
            assert_eq!(kernels, fixed.iter().map(|one| &one.name).collect::<Vec<_>>());
            for row in &found.rows {
                assert_eq!(row.refused, None, "{}", row.kernel);
                let time = row.time.unwrap();
                assert!(!time.min.is_zero() && time.min <= time.median);
            }
            let entry = found.entry().unwrap();
            let (chosen, fixed) = (found.chosen().unwrap(), found.fixed().unwrap());
            assert_eq!((&entry.kernel, &entry.fixed), (&chosen.kernel, &fixed.kernel));
            assert_eq!(found.differs(), entry.kernel != entry.fixed);
            assert!(entry.ms > 0.0 && entry.ms <= entry.fixed_ms.unwrap());
            adapters::count(found.rows.len());
        }
    });
}

/// The operator, its shapes, a fault in kernels that can do it, and what their names have in common. One of them is general: where the others
/// disagree with it, it is the one that has to go.
fn faulty_calls() -> Vec<(Operator, Vec<Shape>, Fault, &'static str)> {
    let fault = |kernel: &str, from: &str, to: &str| {
        let [kernel, from, to] = [kernel, from, to].map(str::to_owned);
        Fault { kernel, from, to }
    };
    let (conv, shapes) = pointwise();
    let involution: Operator = Involution::new(Window::new([3, 5]).padding(1), 2).into();
    let maps = vec![Shape::from([1, 8, 9, 10]), Shape::from([1, 30, 9, 8])];
    let sliding = fault("involution/involution", "in_row(row, inside, ix0 + kx + 3u)", "0.0");
    let pointwise = |from, to| fault("conv/pointwise", from, to);
    vec![
        (
            conv.clone(),
            shapes.clone(),
            pointwise("+ group * group_in) * plane", ") * plane"),
            "conv/pointwise",
        ),
        (involution, maps, sliding, "sliding"),
        // Most of its work left out: by far the fastest.
        (conv.clone(), shapes.clone(), pointwise("ci < group_in", "ci < 1u"), "conv/pointwise"),
        (conv, shapes, fault("conv/conv2d", "+ ci * taps", ""), "conv/conv2d"),
    ]
}

#[test]
fn a_wrong_kernel_is_never_chosen() {
    adapters::each(|gpu| {
        for (op, shapes, fault, wrong) in faulty_calls() {
            let faulty =
                adapters::fresh(gpu, |options| options.testing().faults.push(fault.clone()));
            for settings in both() {
                let found = measured(&faulty, &op, &shapes, &settings);
                let hit = |name: &str| name.contains(wrong);
                assert!(found.rows.iter().any(|row| hit(&row.kernel)), "{fault:?}");
                for row in &found.rows {
                    let hit = hit(&row.kernel);
                    assert_eq!(row.refused.is_some(), hit, "{}: {:?}", row.kernel, row.refused);
                    assert_eq!(row.time.is_none(), hit, "{}", row.kernel);
                }
                let chosen = found.chosen().unwrap();
                assert!(!hit(&chosen.kernel), "{}", chosen.kernel);
                // Not even an earlier choice of it holds.
                let call = Call::new(op.clone(), &views(&shapes));
                for row in &found.rows {
                    let again = measure(&faulty, &call, Some(&row.kernel), &settings).unwrap();
                    assert!(!hit(&again.chosen().unwrap().kernel), "{}", row.kernel);
                }
                adapters::count(found.rows.len());
            }
        }
    });
}

/// Where a fault is in the only kernels there are, nothing is stored.
#[test]
fn where_every_kernel_is_wrong_nothing_is_chosen() {
    adapters::each(|gpu| {
        let faulty = adapters::fresh(gpu, |options| {
            options.testing().faults.push(Fault {
                kernel: "conv/conv2d".to_owned(),
                from: "iy < params.height &&".to_owned(),
                to: "iy <= params.height &&".to_owned(),
            });
        });
        // Dilated: the kernels that read rows at once do without.
        let conv = Conv2d { padding: 2.into(), dilation: [2, 2], ..Conv2d::default() };
        let shapes = [Shape::from([1, 3, 9, 9]), Shape::from([5, 3, 3, 3])];
        let found = measured(&faulty, &conv.into(), &shapes, &quick());
        assert!(found.rows.len() == 2 && found.chosen().is_none() && found.entry().is_none());
    });
}

#[test]
fn a_call_with_one_kernel_is_left_alone() {
    adapters::each(|gpu| {
        let unfold: Operator = Unfold { window: Window::new([3, 3]) }.into();
        let found = measured(gpu, &unfold, &[Shape::from([1, 2, 5, 5])], &quick());
        assert_eq!((found.rows.len(), found.timer), (1, None));
        assert!(!found.differs() && found.entry().is_none());
    });
}

/// From end to end: measured, stored, read by another device, run, and compared with the definition.
#[test]
fn what_was_tuned_stays_within_the_bound() {
    adapters::each(|gpu| {
        let rednet = RedNet::digits();
        let plan = rednet.example_plan().unwrap().keep(&["logits"]).unwrap().fuse();
        let calls = calls(&plan);
        let steps: usize = calls.iter().map(|call| call.steps).sum();
        assert!(calls.len() > 10 && steps > calls.len() && steps <= plan.steps().len());
        let mut cache = Cache::new(gpu.adapter().identity());
        for call in &calls {
            let found = measure(gpu, call, None, &quick()).unwrap();
            assert!(found.rows.iter().all(|row| row.refused.is_none()), "{found:?}");
            // The slowest, so that many differ from the fixed choice.
            let slowest = found.rows.iter().max_by_key(|row| row.time.map(|time| time.median));
            let Some(mut entry) = found.entry() else { continue };
            entry.kernel = slowest.unwrap().kernel.clone();
            cache.insert(entry);
        }
        assert!(cache.choices().len() > 5);
        let path = folder("bound").join("tuned.json");
        cache.save(&path).unwrap();
        let tuned = adapters::fresh(gpu, |options| options.tuned = Tuned::File(path.clone()));
        assert_eq!(tuned.tuned(), &cache.choices());
        for Call { op, shapes, key, .. } in &calls {
            let case = Case {
                operator: op.clone(),
                shapes: shapes.clone(),
                seed: 11,
                scale: 1.0,
                positive: false,
                story: "",
            };
            let inputs = case.inputs();
            let inputs: Vec<&Tensor> = inputs.iter().collect();
            let result = tuned.run(op.clone(), &inputs).unwrap();
            let comparison = compare(&expected(op, &inputs).unwrap(), &result);
            assert!(comparison.passed(), "{key}: {comparison:?}");
            adapters::count(1);
        }
    });
}

//! Networks on devices: any shape, any thread, little memory, and failures that say what they are.

use std::time::Duration;

use involution::gpu::{Network, Timing};
use involution::models::{LSNet, MobileNetV2, RedNet};
use involution::nn::{Involution2d, PoolTo};
use involution::{Error, Gpu, Layer, Limit, Shape, StateDict, Tensor, reference};

use super::plan;
use crate::adapters;
use crate::networks::{assert_all_close, assert_close, input, state_of};

/// The network for digits with random weights, for images of any size.
fn network(gpu: &Gpu) -> Network {
    let model = RedNet::digits().pool_to(PoolTo::Output);
    let weights = state_of(&plan(&model), 41);
    gpu.load(model, weights).unwrap()
}

/// What the reference makes of an input, all results or some.
fn defined(x: &Tensor, outputs: &[&str]) -> Vec<(String, Tensor)> {
    let model = RedNet::digits().pool_to(PoolTo::Output);
    let plan = model.plan(x.shape()).unwrap().keep(outputs).unwrap();
    reference::run_plan(&plan, &state_of(&plan, 41), &[x]).unwrap()
}

#[test]
fn a_plan_that_is_not_fused_gives_the_same_in_more_dispatches() {
    adapters::each(|gpu| {
        let model = std::sync::Arc::new(RedNet::digits());
        let weights = state_of(&plan(&*model), 41);
        let fused = gpu.load_shared(model.clone(), weights.clone()).unwrap();
        let unfused = gpu.load_unfused(model, weights).unwrap();
        let x = input(&[2, 1, 8, 8], 1);
        assert_close("unfused", &unfused.run(&x).unwrap(), &fused.run(&x).unwrap(), 1e-5);
        let dispatches =
            |network: &Network| network.dispatches(x.shape(), &["logits"]).unwrap().len();
        assert!(dispatches(&unfused) > dispatches(&fused));
        assert!(dispatches(&unfused) >= plan(unfused.layer()).steps().len() - 1);
    });
}

/// Every kind of block, with and without vec4s in a row, and logits that are the mean of two heads.
#[test]
fn lsnets_are_right() {
    adapters::each(|gpu| {
        for (distilled, size) in [(false, 96), (true, 72)] {
            let model = LSNet::t().distilled(distilled);
            let x = input(&[2, 3, size, size], 7);
            let plan = model.plan(x.shape()).unwrap();
            // Blocks refine their input, as in a trained network: random ones would amplify a change of the input in its last
            // bit to 5e-4 of the largest value, whatever computes them.
            let last = [".mixer.bn.weight", ".proj.1.bn.weight", ".pw2.bn.weight"];
            let refining = |(name, tensor): (&str, &Tensor)| {
                let factor = if last.iter().any(|end| name.ends_with(end)) { 0.1 } else { 1.0 };
                let data = tensor.data().iter().map(|value| value * factor).collect();
                (name.to_owned(), Tensor::new(tensor.shape().clone(), data).unwrap())
            };
            let weights: StateDict = state_of(&plan, 43).iter().map(refining).collect();
            let names = ["logits", "c4", "c6"];
            let defined = plan.keep(&names).unwrap();
            let want = reference::run_plan(&defined, &weights, &[&x]).unwrap();
            let model = model.attention_size(Some(2));
            let network = gpu.load(model, weights).unwrap();
            let found = network.run_for(&x, &names).unwrap();
            assert_all_close(&format!("{size}"), &found, &want, 1e-4);
        }
    });
}

#[test]
fn another_batch_or_size_compiles_nothing() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        network.prepare(&Shape::from([1, 1, 8, 8]), &["logits"]).unwrap();
        let compiled = gpu.pipeline_stats().misses;
        assert!(compiled > 0);
        // Rows of whole fours on every map, and few of them: some kernels are for those, or for more, alone.
        for shape in [[1, 1, 8, 8], [5, 1, 8, 8], [1, 1, 16, 24], [2, 1, 24, 32], [33, 1, 8, 8]] {
            let x = input(&shape, 1);
            let found = network.run(&x).unwrap();
            assert_close(&format!("{shape:?}"), &found, &defined(&x, &["logits"])[0].1, 1e-5);
            assert_eq!(gpu.pipeline_stats().misses, compiled, "{shape:?}");
        }
        adapters::count(5);
    });
}

/// Odd sizes need the pooling to the output's size, and then every result is right.
#[test]
fn any_size_and_any_results() {
    adapters::each(|gpu| {
        let network = network(gpu);
        for shape in [[1, 1, 9, 7], [2, 1, 1, 5], [1, 1, 17, 8]] {
            let x = input(&shape, 2);
            let names = ["logits", "c2", "c3", "layer2.0.conv2.kernel", "stem.1.kernel"];
            // In the plan's order, whatever the order they are asked for in, and each once.
            let want = defined(&x, &names);
            let found = network.run_for(&x, &names).unwrap();
            assert_all_close(&format!("{shape:?}"), &found, &want, 1e-5);
            let twice = network.run_for(&x, &["c3", "logits", "c3"]).unwrap();
            let got: Vec<&str> = twice.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(got, ["c3", "logits"]);
            assert_all_close("twice", &twice, &defined(&x, &["c3", "logits"]), 1e-5);
            assert_eq!(network.run_for(&x, &[]).unwrap(), []);
        }
        let error = network.run_for(&input(&[1, 1, 8, 8], 0), &["c9"]).unwrap_err();
        assert!(matches!(&error, Error::UnknownOutput { output, .. } if output == "c9"), "{error}");
        let error = network.run(&input(&[1, 2, 8, 8], 0)).unwrap_err();
        assert!(matches!(error, Error::Layer { .. }), "{error}");
    });
}

/// From its first timestamp to its last a run takes what its dispatches take one by one, and what the host waits less
/// what a submission takes. Other programs may come between any two of these, so that one run of many will do.
#[test]
fn timestamps_add_up_to_what_the_host_waits() {
    adapters::each(|gpu| {
        let network = network(gpu);
        let shape = Shape::from([32, 1, 32, 32]);
        network.prepare(&shape, &["logits"]).unwrap();
        let submission = gpu.limits().unwrap().submission;
        let near = |a: Duration, b: Duration, part: f64| {
            (a.as_secs_f64() / b.as_secs_f64() - 1.0).abs() <= part
        };
        let adds_up = |timing: &Timing| {
            let (span, sum) = (timing.span.unwrap(), timing.gpu().unwrap());
            near(span, sum, 0.05) && near(span, timing.wall.saturating_sub(submission), 0.15)
        };
        let runs = (0..40).map(|_| network.time(&shape, &["logits"]).unwrap());
        let timed: Vec<Timing> = runs.filter(|timing| timing.dispatches.is_some()).collect();
        assert_eq!(timed.is_empty(), !gpu.adapter().timestamps, "timestamps that are no clock");
        assert!(timed.is_empty() || timed.iter().any(adds_up), "{timed:?} {submission:?}");
        adapters::count(1);
    });
}

/// More shapes in turn than are kept prepared: each is right, and what is not kept is given back.
#[test]
fn shapes_come_and_go() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        let inputs: Vec<Tensor> =
            (1..=7).map(|batch| input(&[batch, 1, 8, 8 + 2 * (batch % 2)], 3)).collect();
        let first: Vec<Tensor> = inputs.iter().map(|x| network.run(x).unwrap()).collect();
        for (x, found) in inputs.iter().zip(&first) {
            assert_close("first", found, &defined(x, &["logits"])[0].1, 1e-5);
        }
        let held = gpu.pool_stats().in_use;
        for _ in 0..3 {
            for (x, found) in inputs.iter().zip(&first).rev() {
                assert_eq!(network.run(x).as_ref(), Ok(found));
            }
            for (x, found) in inputs.iter().zip(&first) {
                assert_eq!(network.run(x).as_ref(), Ok(found));
            }
        }
        // As many plans, of the same sizes, as after the first round.
        assert_eq!(gpu.pool_stats().in_use, held);
        // A plan that is kept is not bound anew, nor is one whose results are named twice.
        let before = gpu.pool_stats();
        for _ in 0..5 {
            network.run_for(&inputs[6], &["logits", "logits"]).unwrap();
        }
        assert_eq!(gpu.pool_stats(), before);
        drop(network);
        assert_eq!(gpu.pool_stats().in_use, 0);
        adapters::count(7);
    });
}

#[test]
fn threads_share_a_network() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        // Two shapes and four inputs among six threads, so that plans are shared and are not.
        let inputs: Vec<Tensor> =
            (0..4).map(|index| input(&[1 + index % 2, 1, 8, 8], 50 + index as u64)).collect();
        let want: Vec<Tensor> =
            inputs.iter().map(|x| defined(x, &["logits"]).remove(0).1).collect();
        std::thread::scope(|scope| {
            for thread in 0..6 {
                let (network, inputs, want) = (network.clone(), &inputs, &want);
                scope.spawn(move || {
                    for round in 0..12 {
                        let index = (thread + round) % inputs.len();
                        let found = network.run(&inputs[index]).unwrap();
                        assert_close(&format!("{thread} {round}"), &found, &want[index], 1e-5);
                    }
                });
            }
        });
        drop(network);
        assert_eq!(gpu.pool_stats().in_use, 0);
        adapters::count(4);
    });
}

/// Channels of a group that are more than a kernel of eight lanes holds taps for: usually the kernels are stored.
#[test]
fn with_little_memory_the_kernels_of_an_involution_are_never_stored() {
    adapters::each(|gpu| {
        let x = input(&[1, 24, 32, 32], 3);
        let run = |low_memory: bool| {
            let gpu = adapters::fresh(gpu, |options| options.low_memory = low_memory);
            let layer = Involution2d::with_projection(24, 24);
            let weights = state_of(&layer.plan(x.shape()).unwrap(), 46);
            let network = gpu.load(layer, weights).unwrap();
            let y = network.run(&x).unwrap();
            (y, gpu.pool_stats().peak)
        };
        let ((usual, most), (other, less)) = (run(false), run(true));
        assert_close("low memory", &other, &usual, 1e-5);
        let kernel = 4 * 49 * 32 * 32;
        assert!(less + kernel <= most, "{less} of {most} bytes: a kernel has {kernel}");
    });
}

/// A network whose kernels a device cannot bind runs there group by group, in the memory that its plan says.
#[test]
fn kernels_that_cannot_be_bound_change_nothing() {
    adapters::each(|gpu| {
        let x = input(&[1, 256, 24, 20], 3);
        let run = |limit: Option<u64>| {
            let gpu = adapters::fresh(gpu, |options| options.max_binding_size = limit);
            let layer = Involution2d::paper(256, [7, 7]);
            let weights = state_of(&layer.plan(x.shape()).unwrap(), 46);
            let network = gpu.load(layer, weights).unwrap();
            // Twice, as what is in the memory of a run may be left from the one before.
            let (first, second) = (network.run(&x).unwrap(), network.run(&x).unwrap());
            assert_eq!(first, second);
            let (_, schedule) = network.plan(x.shape(), &["out"]).unwrap();
            let (peak, planned) = (gpu.pool_stats().peak as f64, schedule.memory.peak() as f64);
            assert!(peak <= 1.15 * planned, "{peak} bytes lent, {planned} planned");
            second
        };
        // A kernel has 1,505,280 bytes, x has 491,520.
        let usual = run(None);
        for limit in [800_000, 500_000] {
            assert_close("within a limit", &run(Some(limit)), &usual, 1e-5);
        }
    });
}

/// What the pool lent at most is what the plan said, to within a twentieth.
fn memory_is_as_planned(gpu: &Gpu, model: impl Layer + 'static, x: &[usize]) {
    let gpu = adapters::fresh(gpu, |_| {});
    let weights = state_of(&plan(&model), 42);
    let output = model.output();
    let network = gpu.load(model, weights).unwrap();
    network.run(&input(x, 5)).unwrap();
    let (plan, schedule) = network.plan(&Shape::new(x), &[output]).unwrap();
    schedule.check(&plan).unwrap();
    let memory = schedule.memory;
    let (peak, planned) = (gpu.pool_stats().peak as f64, memory.peak() as f64);
    assert!((peak / planned - 1.0).abs() < 0.05, "{peak} bytes lent, {planned} planned");
    // Values share slots: without, all of them would lie side by side.
    let side_by_side: u64 = plan
        .steps()
        .iter()
        .map(|step| 4 * plan.shape(step.output).elements().unwrap() as u64)
        .sum();
    assert!(memory.activations() < side_by_side / 2, "{} of {side_by_side}", memory.activations());
    assert!(memory.activations() as f64 <= 1.3 * memory.live as f64);
}

#[test]
fn memory_on_the_device_is_what_the_plan_said() {
    adapters::each(|gpu| {
        memory_is_as_planned(gpu, RedNet::digits(), &[64, 1, 8, 8]);
        memory_is_as_planned(gpu, MobileNetV2::new(1000), &[4, 3, 96, 96]);
    });
}

#[test]
fn a_lost_device_is_an_error_of_the_network() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let network = network(&gpu);
        let x = input(&[2, 1, 8, 8], 6);
        let before = network.run(&x).unwrap();
        gpu.destroy();
        let shape = x.shape().clone();
        let another = input(&[3, 1, 8, 8], 6);
        for (what, result) in [
            ("run", network.run(&x).map(|_| ())),
            ("run_for", network.run_for(&x, &["c2"]).map(|_| ())),
            ("another shape", network.run(&another).map(|_| ())),
            ("prepare", network.prepare(another.shape(), &["logits"])),
            ("time", network.time(&shape, &["logits"]).map(|_| ())),
        ] {
            let error = result.unwrap_err();
            assert!(is_lost(&error), "{what}: {error:?}");
        }
        let again = self::network(&gpu.recreate().unwrap());
        assert_eq!(again.run(&x).unwrap(), before);
    });
}

/// Perhaps with the layer at which it was found out.
fn is_lost(error: &Error) -> bool {
    match error {
        Error::DeviceLost { .. } => true,
        Error::Layer { source, .. } => is_lost(source),
        _ => false,
    }
}

/// A batch that no buffer can hold is refused with the layer and the tensor, and costs nothing.
#[test]
fn a_batch_that_is_too_large_is_refused_before_anything_is_allocated() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_buffer_size = Some(1 << 20));
        let network = network(&small);
        let fresh = small.pool_stats();
        let huge = Shape::from([100_000, 1, 8, 8]);
        for refused in [
            network.prepare(&huge, &["logits"]),
            network.prepare(&Shape::from([1, 1, 4000, 4000]), &["c2"]),
            network.run(&input(&[700, 1, 8, 8], 1)).map(|_| ()),
        ] {
            let error = refused.unwrap_err();
            let Error::Layer { layer, source } = &error else { panic!("{error:?}") };
            assert!(!layer.is_empty());
            let Error::Limit { limit: Limit::BufferSize, needed, allowed, .. } = source.as_ref()
            else {
                panic!("{error:?}")
            };
            assert!(needed > allowed && *allowed == 1 << 20);
            assert_eq!((small.pool_stats(), small.pipeline_stats().misses), (fresh, 0));
        }
        assert_eq!(fresh, Default::default());
        // A size that multiplies past any counter, too.
        network.prepare(&Shape::from([usize::MAX, 1, 8, 8]), &["logits"]).unwrap_err();
        // And a batch that fits still runs.
        let x = input(&[8, 1, 8, 8], 7);
        assert_close("after", &network.run(&x).unwrap(), &defined(&x, &["logits"])[0].1, 1e-5);
    });
}

/// Tensors that are too large to bind are cut along the batch: the results are the same.
#[test]
fn a_batch_is_cut_where_bindings_are_small() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(64 << 10));
        let x = input(&[40, 1, 8, 8], 8);
        let names = ["c2", "c3", "logits"];
        let cut = network(&small).run_for(&x, &names).unwrap();
        let whole = network(gpu).run_for(&x, &names).unwrap();
        assert_all_close("cut", &cut, &whole, 1e-6);
        assert_all_close("defined", &cut, &defined(&x, &names), 1e-5);
        // Some of its tensors are larger than what can be bound.
        let (plan, _) = network(gpu).plan(x.shape(), &names).unwrap();
        let sizes = plan
            .steps()
            .iter()
            .map(|step| plan.bytes(step.output, involution::tensor::DType::F32).unwrap());
        assert!(sizes.max().unwrap() > 2 * (64 << 10));
        // A single image that does not fit is refused, with what would help.
        let error = network(&small).run(&input(&[1, 1, 256, 256], 9)).unwrap_err();
        let Error::Layer { source, .. } = &error else { panic!("{error:?}") };
        let limit = matches!(source.as_ref(), Error::Limit { limit: Limit::BindingSize, .. });
        assert!(limit, "{error:?}");
        adapters::count(1);
    });
}

/// Nothing but shapes decides whether a dispatch is timed: each step has its own.
#[test]
fn a_prepared_network_can_be_timed() {
    adapters::each(|gpu| {
        let network = network(gpu);
        let x = Shape::from([2, 1, 8, 8]);
        network.time(&x, &["logits"]).unwrap();
        // What the input held then has no say in the next result.
        let image = input(&[2, 1, 8, 8], 10);
        let found = network.run(&image).unwrap();
        assert_close("after timing", &found, &defined(&image, &["logits"])[0].1, 1e-5);
    });
}

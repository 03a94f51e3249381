//! Long work is cut into several submissions: more of them for a smaller budget, and the same results.

use std::time::Duration;

use involution::gpu::Choice;
use involution::models::RedNet;
use involution::ops::{Conv2d, Op, Operator};
use involution::{Gpu, Layer, Shape, Tensor};
use involution_check::{compare, expected};

use super::{run, some_work};
use crate::networks::{input, state_of};
use crate::{adapters, harness};
use involution_check::batched;

/// An adapter of which no work at all is expected to be done in time.
fn hasty(gpu: &Gpu) -> Gpu {
    adapters::fresh(gpu, |options| options.submission_budget = Some(Duration::from_nanos(1)))
}

fn submissions<T>(gpu: &Gpu, work: impl FnOnce() -> T) -> (u64, T) {
    let before = gpu.submissions();
    let value = work();
    (gpu.submissions() - before, value)
}

#[test]
fn long_calls_are_cut_along_the_batch() {
    adapters::each(|gpu| {
        let (patient, hasty) = (adapters::fresh(gpu, |_| {}), hasty(gpu));
        for case in batched() {
            let inputs = case.inputs();
            let inputs = harness::views(&inputs);
            let want = expected(&case.operator, &inputs).unwrap();
            let batch = inputs[0].shape().dims()[0] as u64;
            for name in harness::candidates(&hasty, &case.operator, &inputs).unwrap() {
                let choice = Choice::Named(name.clone());
                let (cut, found) =
                    submissions(&hasty, || run(&hasty, &case.operator, &inputs, &choice));
                let comparison = compare(&want, &found.unwrap());
                assert!(comparison.passed(), "{name}: {case}: {comparison:?}");
                // One for each sample at the least: these can be cut anywhere.
                assert!(cut >= batch, "{name}: {case}: {cut}");
                let (whole, _) =
                    submissions(&patient, || run(&patient, &case.operator, &inputs, &choice));
                assert_eq!(whole, 1, "{name}: {case}");
                adapters::count(1);
            }
        }
        // What cannot be cut runs whole: samples of 3 * 9 * 8 elements do not begin where a window may.
        let (op, inputs) = some_work();
        let (op, inputs) = (op, harness::views(&inputs));
        assert!(op.batched(&inputs.iter().map(|input| input.shape()).collect::<Vec<_>>())[0]);
        let found = hasty.run(op.clone(), &inputs).unwrap();
        assert!(compare(&expected(&op, &inputs).unwrap(), &found).passed());
    });
}

/// The budget is one of work: twice as much of it, half as many parts.
#[test]
fn the_budget_says_how_many_parts() {
    adapters::each(|gpu| {
        let conv = Operator::from(Conv2d { padding: 1.into(), ..Conv2d::default() });
        let tensor = |dims: &[usize], seed| input(dims, seed);
        let (x, weight) = (tensor(&[16, 32, 16, 16], 1), tensor(&[32, 32, 3, 3], 2));
        let whole = conv.cost(&[x.shape(), weight.shape()]).unwrap();
        // As slow a device as is thought possible: of a convolution of so many channels, its operations decide.
        let [flops, bytes] = [whole.flops as f64 / 50e9, whole.bytes as f64 / 5e9];
        assert!(flops > 5.0 * bytes, "{whole:?}");
        let seconds = flops;
        let mut parts = Vec::new();
        for share in [1.01, 0.51, 0.26, 0.13] {
            let budget = Duration::from_secs_f64(share * seconds);
            let gpu = adapters::fresh(gpu, |options| options.submission_budget = Some(budget));
            let (count, found) = submissions(&gpu, || gpu.run(conv.clone(), &[&x, &weight]));
            assert!(compare(&expected(&conv, &[&x, &weight]).unwrap(), &found.unwrap()).passed());
            parts.push(count);
        }
        assert_eq!(parts, [1, 2, 4, 8]);
    });
}

/// With fewer samples a kernel may be preferred that needs more than the device can bind: then there are no fewer.
#[cfg(feature = "tune")]
#[test]
fn a_call_is_not_cut_into_parts_that_do_not_fit() {
    use crate::tune::{entry, folder, views};
    let conv = Operator::from(Conv2d { padding: 2.into(), ..Conv2d::default() });
    let weight = [72, 16, 5, 5];
    let shapes = |batch| vec![Shape::from([batch, 16, 4, 4]), Shape::from(weight)];
    // The weights have 113 KiB; packed, with the channels of whole tiles, they have 150.
    let (packed, allowed) = ("software/rows[K=5,S=1,aligned]", 128 << 10);
    let inputs = [input(&[4, 16, 4, 4], 1), input(&weight, 2)];
    let inputs = harness::views(&inputs);
    let want = expected(&conv, &inputs).unwrap();
    adapters::each(|gpu| {
        let named = gpu.candidates(&conv, &views(&shapes(4))).unwrap();
        if !named.iter().any(|candidate| candidate.name == packed) {
            return; // its lanes cannot hear each other
        }
        assert!(named.last().unwrap().scratch.is_empty());
        let mut cache = involution::autotune::Cache::new(gpu.adapter().identity());
        for batch in [1, 2] {
            cache.insert(entry(&conv, &shapes(batch), packed));
        }
        let path = folder("parts").join("tuned.json");
        cache.save(&path).unwrap();
        let hasty = adapters::fresh(gpu, |options| {
            options.tuned = involution::autotune::Tuned::File(path);
            options.submission_budget = Some(Duration::from_nanos(1));
            options.max_binding_size = Some(allowed);
        });
        let preferred = hasty.candidates(&conv, &views(&shapes(2))).unwrap().pop().unwrap();
        assert_eq!(preferred.name, packed);
        assert!(preferred.scratch.iter().any(|&elements| 4 * elements as u64 > allowed));
        let (count, found) = submissions(&hasty, || hasty.run(conv.clone(), &inputs));
        assert!(compare(&want, &found.unwrap()).passed());
        assert_eq!(count, 1);
    });
}

#[test]
fn a_network_is_submitted_in_parts_and_timed_whole() {
    adapters::each(|gpu| {
        let (patient, hasty) = (adapters::fresh(gpu, |_| {}), hasty(gpu));
        let model = RedNet::digits;
        let weights = state_of(&model().example_plan().unwrap(), 44);
        let load = |gpu: &Gpu| gpu.load(model(), weights.clone()).unwrap();
        let (one, many) = (load(&patient), load(&hasty));
        let x: Tensor = input(&[4, 1, 8, 8], 45);
        for network in [&one, &many] {
            network.prepare(x.shape(), &["logits"]).unwrap();
        }
        let (whole, want) = submissions(&patient, || one.run(&x).unwrap());
        let (cut, found) = submissions(&hasty, || many.run(&x).unwrap());
        let dispatches = many.dispatches(x.shape(), &["logits"]).unwrap().len();
        assert_eq!((whole, cut), (1, dispatches as u64));
        crate::networks::assert_close("cut", &found, &want, 1e-5);
        // The timestamps are written by several submissions and read after the last.
        let (cut, timing) = submissions(&hasty, || many.time(x.shape(), &["logits"]).unwrap());
        assert_eq!(cut, dispatches as u64);
        if let Some(times) = timing.dispatches {
            assert_eq!(times.len(), dispatches);
        }
        // A stream of them keeps its order.
        let inputs: Vec<Tensor> = (0..5).map(|seed| input(&[2, 1, 8, 8], seed)).collect();
        for (x, found) in inputs.iter().zip(many.stream(&inputs)) {
            crate::networks::assert_close("stream", &found.unwrap(), &one.run(x).unwrap(), 1e-5);
        }
    });
}

//! Long work is cut into several submissions: more of them for a smaller budget, and the same results.

use std::time::Duration;

use involution::check::{compare, expected};
use involution::gpu::Choice;
use involution::models::RedNet;
use involution::ops::{Conv2d, Op, Operator};
use involution::{Gpu, Layer, Tensor};

use super::limits::batched;
use super::{run, some_work};
use crate::networks::{input, state_of};
use crate::{adapters, harness};

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
        let (x, weight) = (tensor(&[16, 8, 16, 16], 1), tensor(&[8, 8, 3, 3], 2));
        let whole = conv.cost(&[x.shape(), weight.shape()]).unwrap();
        // As slow a device as is thought possible.
        let seconds = (whole.flops as f64 / 50e9).max(whole.bytes as f64 / 5e9);
        let mut parts = Vec::new();
        for share in [1.01, 0.51, 0.26, 0.13] {
            let budget = Duration::from_secs_f64(share * seconds);
            let gpu = adapters::fresh(gpu, |options| options.submission_budget = Some(budget));
            let (count, found) = submissions(&gpu, || gpu.run(conv.clone(), &[&x, &weight]));
            assert!(compare(&expected(&conv, &[&x, &weight]).unwrap(), &found.unwrap()).passed());
            parts.push(count);
        }
        assert_eq!(parts[0], 1);
        assert!(parts.windows(2).all(|pair| pair[0] < pair[1]), "{parts:?}");
    });
}

#[test]
fn a_network_is_submitted_in_parts_and_timed_whole() {
    adapters::each(|gpu| {
        let (patient, hasty) = (adapters::fresh(gpu, |_| {}), hasty(gpu));
        let model = RedNet::digits;
        let weights = state_of(&model().plan(&model().example_input()).unwrap(), 44);
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

//! Kernels compile once, however often and by however many threads they are asked for; times add up.

use std::collections::HashSet;
use std::sync::Barrier;

use involution::gpu::{Choice, Fault, Gpu, Timer};
use involution::ops::{Activate, Op, Operator};
use involution::shaders::elementwise::ACTIVATION;
use involution::{Error, Tensor};
use involution_check::{compare, expected};

use super::{run, some_work};
use crate::{adapters, harness};

/// Distinct pipelines of the preferred candidate.
fn kernels_of(gpu: &Gpu, op: &Operator, inputs: &[&Tensor]) -> usize {
    let preferred = gpu.candidates(op, &harness::shapes(inputs)).unwrap().pop().unwrap();
    preferred.calls.iter().map(|call| call.key()).collect::<HashSet<_>>().len()
}

#[test]
fn a_second_run_compiles_nothing() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let (op, inputs) = some_work();
        let inputs = harness::views(&inputs);
        let first = gpu.run(op.clone(), &inputs).unwrap();
        let compiled = gpu.pipeline_stats();
        assert_eq!(compiled.misses, kernels_of(&gpu, &op, &inputs) as u64);
        let second = gpu.run(op.clone(), &inputs).unwrap();
        let after = gpu.pipeline_stats();
        assert_eq!(after.misses, compiled.misses);
        assert!(after.hits > compiled.hits);
        assert_eq!(first, second);
        // Sizes are not compiled in: another image runs the same kernel, rows of whole fours as these.
        let wider = harness::numbers([1, 6, 21, 36], 4).to_tensor().unwrap();
        gpu.run(op, &[&wider, inputs[1], inputs[2]]).unwrap();
        assert_eq!(gpu.pipeline_stats().misses, compiled.misses);
    });
}

#[test]
fn many_threads_at_once_compile_each_kernel_once() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let case = harness::sample("dynamic_conv2d", 1).pop().unwrap();
        let inputs = case.inputs();
        let inputs = harness::views(&inputs);
        let threads = 8;
        let barrier = Barrier::new(threads);
        let results: Vec<_> = std::thread::scope(|scope| {
            let one = || {
                barrier.wait();
                gpu.run(case.operator.clone(), &inputs).unwrap()
            };
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let distinct = kernels_of(&gpu, &case.operator, &inputs) as u64;
        assert!(distinct >= 2);
        assert_eq!(gpu.pipeline_stats().misses, distinct);
        let want = expected(&case.operator, &inputs).unwrap();
        assert!(results.iter().all(|result| compare(&want, result).passed()));
        adapters::count(threads);
    });
}

/// A kernel that does not compile is an error with its name and the place in its source, each time anew;
/// within a call it is tried once, and not for each smaller part of the batch.
#[test]
fn a_kernel_that_does_not_compile_is_an_error_with_its_line() {
    adapters::each(|gpu| {
        // What does not parse, and what is not valid: a store to what is only read.
        let faults = [
            ("out[index] =", "out[index] = nonsense +"),
            ("{\n            out[index]", "{\n            x[index] = x[0]; out[index]"),
        ];
        // Of the variant that the adapter takes.
        let lines =
            ACTIVATION.source.lines().zip(1..).filter(|(text, _)| text.contains("out[index] ="));
        let places: Vec<String> =
            lines.map(|(_, line)| format!("shaders/elementwise/activation.wgsl:{line}:")).collect();
        let batch = Tensor::filled([1000, 64], 1.0).unwrap();
        let broken = faults.map(|(from, to)| {
            let [kernel, from, to] = ["elementwise/activation", from, to].map(str::to_owned);
            let fault = Fault { kernel, from, to };
            let broken = adapters::fresh(gpu, |options| options.testing().faults.push(fault));
            for attempts in 1..3 {
                let error = broken.run(Activate::default(), &[&batch]).unwrap_err();
                let Error::Kernel { kernel, message } = &error else { panic!("{error}") };
                assert_eq!(kernel, "elementwise/activation");
                assert!(places.iter().any(|place| message.contains(place)), "{message}");
                assert_eq!(broken.pipeline_stats().misses, attempts);
            }
            broken
        });
        let [broken, _] = broken;
        // Nothing else is the worse for it.
        let (op, inputs) = some_work();
        broken.run(op, &harness::views(&inputs)).unwrap();
        assert_eq!(broken.pool_stats().in_use, 0);
    });
}

#[test]
fn a_candidate_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    adapters::each(|gpu| {
        let (op, inputs) = some_work();
        let inputs = harness::views(&inputs);
        let names = harness::candidates(gpu, &op, &inputs).unwrap();
        assert!(names.len() > 1);
        let error = run(gpu, &op, &inputs, &Choice::Named("conv3d".to_owned())).unwrap_err();
        let Error::UnknownKernel { op: at, kernel, known } = error else { panic!("{error}") };
        assert_eq!((at, kernel.as_str(), known), (op.name(), "conv3d", names.join(", ")));
        // The preferred one is the last, and a prepared call knows which one it is.
        let uploaded: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
        let uploaded: Vec<_> = uploaded.iter().collect();
        let preferred = gpu.prepare(&op, &uploaded, &Choice::Preferred).unwrap();
        assert_eq!(Some(preferred.candidate()), names.last().map(String::as_str));
        for name in names {
            let choice = Choice::Named(name.clone());
            assert_eq!(gpu.prepare(&op, &uploaded, &choice).unwrap().candidate(), name);
        }
    });
}

/// Times of dispatches are real times: they fit into the time that the host waited.
#[test]
fn dispatch_times_fit_into_the_wall_clock() {
    adapters::each(|gpu| {
        let case = harness::sample("dynamic_conv2d", 3).pop().unwrap();
        let inputs = case.inputs();
        let uploaded: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
        let uploaded: Vec<_> = uploaded.iter().collect();
        let prepared = gpu.prepare(&case.operator, &uploaded, &Choice::Preferred).unwrap();
        let candidates = gpu.candidates(&case.operator, &case.shapes.iter().collect::<Vec<_>>());
        let dispatches = candidates.unwrap().last().unwrap().calls.len();
        let mut timed = 0;
        for _ in 0..20 {
            let timing = gpu.submit_timed(&prepared).unwrap();
            assert!(!timing.wall.is_zero());
            assert_eq!(timing.timer() == Timer::Timestamps, timing.dispatches.is_some());
            assert_eq!(timing.gpu().is_some(), timing.dispatches.is_some());
            if let (Some(times), Some(sum)) = (&timing.dispatches, timing.gpu()) {
                timed += 1;
                assert_eq!(times.len(), dispatches);
                assert!(sum <= timing.wall.mul_f64(1.05), "{sum:?} of {:?}", timing.wall);
            }
        }
        assert!(timed == 0 || gpu.adapter().timestamps, "times without a clock");
        // Several pieces of work in one submission; what lies between the dispatches is part of the span.
        let others =
            [0, 1].map(|_| gpu.prepare(&case.operator, &uploaded, &Choice::Preferred).unwrap());
        let timing = gpu.submit_timed(&prepared.then(&others)).unwrap();
        if let (Some(times), Some(span)) = (&timing.dispatches, timing.span) {
            assert!(times.len() == 3 * dispatches && times.iter().all(|&time| time <= span));
        }
        let found = others.map(|other| gpu.download(other.output()).unwrap());
        assert_eq!(found[0], found[1]);
        // A timed submission computes the same.
        let want = expected(&case.operator, &harness::views(&inputs)).unwrap();
        assert!(compare(&want, &gpu.download(prepared.output()).unwrap()).passed());
        adapters::count(1);
    });
}

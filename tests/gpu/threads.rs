//! Any thread may use a device, many at once.

use std::sync::mpsc::channel;
use std::sync::{Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use involution::gpu::{
    AdapterInfo, Choice, Gpu, GpuTensor, Guarded, Network, Options, Prepared, Timing,
};
use involution::kernels::KernelCall;
use involution::nn::ConvBnAct;
use involution::ops::{NAMES, Operator};
use involution::{Error, Layer, Shape, Tensor};
use involution_check::{compare, expected};

use crate::networks::{input, state_of};
use crate::{adapters, harness};

#[test]
fn everything_goes_between_threads() {
    fn check<T: Send + Sync + 'static>() {}
    check::<Gpu>();
    check::<GpuTensor>();
    check::<Prepared>();
    check::<Operator>();
    check::<Error>();
    check::<Tensor>();
    check::<Shape>();
    check::<KernelCall>();
    check::<(AdapterInfo, Choice, Options, Guarded, Timing)>();
    fn future<T: Send>(_: T) {}
    adapters::each(|gpu| {
        let host = Tensor::filled([4], 1.0).unwrap();
        let x = gpu.upload(&host).unwrap();
        future(gpu.download_async(&x));
        future(gpu.run_async(involution::ops::GlobalAvgPool, &[&host]));
    });
}

/// Different operators from several threads at once, on one device: none disturbs another.
#[test]
fn several_threads_run_different_operators_at_once() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let rounds = 6;
        std::thread::scope(|scope| {
            for (thread, names) in NAMES.chunks(4).enumerate() {
                let gpu = &gpu;
                scope.spawn(move || {
                    for name in names {
                        for case in harness::sample(name, rounds) {
                            let inputs = case.inputs();
                            let inputs = harness::views(&inputs);
                            let want = expected(&case.operator, &inputs).unwrap();
                            let result = gpu.run(case.operator.clone(), &inputs).unwrap();
                            let comparison = compare(&want, &result);
                            assert!(comparison.passed(), "thread {thread}: {case}: {comparison:?}");
                        }
                    }
                });
            }
        });
        adapters::count(rounds * NAMES.len());
        assert_eq!(gpu.pool_stats().in_use, 0);
    });
}

/// Tensors that one thread makes, another uses and a third downloads, with work in flight all the while.
#[test]
fn work_is_ordered_as_it_was_submitted() {
    adapters::each(|gpu| {
        let (op, inputs) = super::some_work();
        let want = expected(&op, &harness::views(&inputs)).unwrap();
        let (send, receive) = std::sync::mpsc::channel::<GpuTensor>();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                // More submissions than may be in flight.
                for _ in 0..100 {
                    let uploaded: Vec<_> = inputs.iter().map(|x| gpu.upload(x).unwrap()).collect();
                    let uploaded: Vec<_> = uploaded.iter().collect();
                    send.send(gpu.apply(op.clone(), &uploaded).unwrap()).unwrap();
                }
            });
            for output in receive {
                assert!(compare(&want, &gpu.download(&output).unwrap()).passed());
                adapters::count(1);
            }
        });
    });
}

/// A layer on a device of its own, where nothing is compiled yet.
fn network(gpu: &Gpu) -> Network {
    let layer = ConvBnAct::new(4, 4, [3, 3]);
    let weights = state_of(&layer.example_plan().unwrap(), 7);
    adapters::fresh(gpu, |_| {}).load(layer, weights).unwrap()
}

/// While one thread compiles for a new shape, and is held up in it, another runs a shape that is ready.
#[test]
fn a_shape_that_is_ready_does_not_wait_for_one_that_compiles() {
    adapters::each(|gpu| {
        let network = network(gpu);
        let (ready, other) = (input(&[1, 4, 8, 8], 1), Shape::from([2, 4, 8, 8]));
        let output = [network.layer().output()];
        let want = network.run(&ready).unwrap();
        let (compiling, held_up) = channel();
        let (finished, released) = channel();
        let in_time = std::thread::scope(|scope| {
            let network = &network;
            let holder = scope.spawn(move || {
                let mut in_time = None;
                let progress = |_| {
                    // At the first kernel only.
                    in_time.get_or_insert_with(|| {
                        compiling.send(()).unwrap();
                        released.recv_timeout(Duration::from_secs(20)).is_ok()
                    });
                };
                network.prepare_with(&other, &output, progress).unwrap();
                in_time
            });
            held_up.recv().unwrap();
            for _ in 0..3 {
                assert_eq!(network.run(&ready).unwrap(), want);
            }
            finished.send(()).ok();
            holder.join().unwrap()
        });
        assert_eq!(in_time, Some(true), "the shape that was ready waited for the other");
        adapters::count(3);
    });
}

/// Threads that ask for the same new shape at the same time: one of them makes it, the others wait for it.
#[test]
fn a_shape_is_prepared_once() {
    adapters::each(|gpu| {
        let network = network(gpu);
        let (threads, seen) = (4, Mutex::new(Vec::new()));
        let (start, output) = (Barrier::new(threads), [network.layer().output()]);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (network, seen, start) = (&network, &seen, &start);
                scope.spawn(move || {
                    start.wait();
                    let note = |_| seen.lock().unwrap().push(thread);
                    network.prepare_with(&Shape::from([1, 4, 8, 8]), &output, note).unwrap();
                });
            }
        });
        let seen = seen.into_inner().unwrap();
        assert!(!seen.is_empty() && seen.iter().all(|thread| *thread == seen[0]), "{seen:?}");
    });
}

/// Tasks that share a thread: while one waits for the device the others go on, and each gets its own result.
#[test]
fn tasks_take_turns() {
    adapters::each(|gpu| {
        let network = network(gpu);
        let output = [network.layer().output()];
        let inputs: Vec<Tensor> = (1..4).map(|n| input(&[n, 4, 8, 8], n as u64)).collect();
        let start = |x| Box::pin(network.run_for_async(x, &output));
        let mut tasks: Vec<_> = inputs.iter().map(start).collect();
        let mut results = vec![None; tasks.len()];
        let mut context = Context::from_waker(Waker::noop());
        while results.contains(&None) {
            for (task, result) in tasks.iter_mut().zip(&mut results) {
                if result.is_none()
                    && let Poll::Ready(done) = task.as_mut().poll(&mut context)
                {
                    *result = Some(done.unwrap());
                }
            }
        }
        for (x, result) in inputs.iter().zip(results) {
            assert_eq!(result, Some(network.run_for(x, &output).unwrap()));
        }
        adapters::count(inputs.len());
    });
}

//! Any thread may use a device, many at once.

use involution::gpu::{AdapterInfo, Choice, Gpu, GpuTensor, Guarded, Options, Prepared, Timing};
use involution::kernel::KernelCall;
use involution::ops::{NAMES, Operator};
use involution::{Error, Shape, Tensor};
use involution_check::{compare, expected};

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

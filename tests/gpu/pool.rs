//! The buffer pool: what is lent comes back, a steady workload allocates nothing, and nothing is kept for ever.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use involution::Tensor;
use involution::gpu::Choice;
use involution::ops::{Conv2d, NAMES};
use involution_check::{Case, compare, expected};

use super::some_work;
use crate::{adapters, harness};

#[test]
fn a_steady_workload_allocates_nothing_and_gives_everything_back() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let cases: Vec<_> = NAMES.iter().flat_map(|name| harness::sample(name, 1)).collect();
        let inputs: Vec<_> = cases.iter().map(|case| case.inputs()).collect();
        let round = || {
            for (case, inputs) in cases.iter().zip(&inputs) {
                gpu.run(case.operator.clone(), &harness::views(inputs)).unwrap();
                assert_eq!(gpu.pool_stats().in_use, 0, "{case}");
            }
        };
        round();
        let first = gpu.pool_stats();
        assert!(first.allocations > 0 && first.reserved >= first.peak && first.peak > 0);
        let rounds = 200usize.div_ceil(cases.len());
        (0..rounds).for_each(|_| round());
        assert_eq!(gpu.pool_stats(), first);

        gpu.trim();
        let trimmed = gpu.pool_stats();
        assert_eq!((trimmed.in_use, trimmed.reserved), (0, 0));
        round();
        assert!(gpu.pool_stats().allocations > first.allocations);
    });
}

#[test]
fn leases_last_as_long_as_their_tensors() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let x = Tensor::filled([1000], 1.0).unwrap();
        let uploaded = gpu.upload(&x).unwrap();
        let held = gpu.pool_stats().in_use;
        assert!((4000..=5000).contains(&held), "{held}");
        let shared = uploaded.clone();
        assert_eq!(gpu.pool_stats().in_use, held);
        drop(uploaded);
        assert_eq!(gpu.pool_stats().in_use, held);
        // What is lent is not trimmed away.
        gpu.trim();
        assert_eq!(gpu.download(&shared).unwrap(), x);
        drop(shared);
        assert_eq!(gpu.pool_stats().in_use, 0);

        let (op, inputs) = some_work();
        let uploaded: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
        let views: Vec<_> = uploaded.iter().collect();
        let prepared = gpu.prepare(&op, &views, &Default::default()).unwrap();
        let output = prepared.output().clone();
        gpu.submit(&prepared).unwrap();
        // The inputs may go before the work is done: the prepared call holds them, and nobody else is lent
        // their buffers meanwhile.
        drop(uploaded);
        let others = inputs.iter().map(|input| Tensor::filled(input.shape().clone(), 9.0).unwrap());
        let others: Vec<_> = others.map(|other| gpu.upload(&other).unwrap()).collect();
        gpu.submit(&prepared).unwrap();
        drop((prepared, others));
        let want = expected(&op, &harness::views(&inputs)).unwrap();
        assert!(compare(&want, &gpu.download(&output).unwrap()).passed());
        assert_eq!(gpu.pool_stats().in_use, gpu_bytes(output.bytes()));
        drop(output);
        assert_eq!(gpu.pool_stats().in_use, 0);
    });
}

/// What a call that was prepared writes between its dispatches is lent to nobody else before the call is done with.
#[test]
fn scratch_lasts_as_long_as_its_call() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        // 32 x 32 weights, laid out anew in a scratch buffer of as many bytes as the pool lends at once.
        let case =
            Case::new("packed weights", Conv2d::default(), &[&[1, 32, 5, 5], &[32, 32, 1, 1]]);
        let inputs = case.inputs();
        let want = expected(&case.operator, &harness::views(&inputs)).unwrap();
        let uploaded: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
        let views: Vec<_> = uploaded.iter().collect();
        let shapes = harness::shapes(&harness::views(&inputs));
        let ways = gpu.candidates(&case.operator, &shapes).unwrap();
        let ways: Vec<_> = ways.into_iter().filter(|way| !way.scratch.is_empty()).collect();
        for way in &ways {
            let name = Choice::Named(way.name.clone());
            let prepared = gpu.prepare(&case.operator, &views, &name).unwrap();
            // These lie where the scratch would if it were lent no longer.
            let others: Vec<_> = way
                .scratch
                .iter()
                .map(|&elements| Tensor::filled([elements], 9.0).unwrap())
                .map(|other| (gpu.upload(&other).unwrap(), other))
                .collect();
            let second = gpu.prepare(&case.operator, &views, &name).unwrap();
            gpu.submit(&second).unwrap();
            gpu.submit(&prepared).unwrap();
            for (on_gpu, other) in &others {
                assert_eq!(gpu.download(on_gpu).unwrap(), *other, "{}", way.name);
            }
            for prepared in [prepared, second] {
                let found = gpu.download(prepared.output()).unwrap();
                assert!(compare(&want, &found).passed(), "{}", way.name);
            }
        }
        // Software adapters with lanes that hear each other have such a way, and the tests run on one.
        assert!(gpu.adapter().subgroup_size < 8 || !ways.is_empty());
    });
}

/// A buffer that was given back while the device still reads it may be lent again, but what is written to it then
/// has to wait for its turn, also where the host could write straight into it.
#[test]
fn an_upload_does_not_overtake_the_work_before_it() {
    adapters::each(|gpu| {
        let (op, inputs) = some_work();
        let want = expected(&op, &harness::views(&inputs)).unwrap();
        for _ in 0..10 {
            let gpu = adapters::fresh(gpu, |_| {});
            let uploaded: Vec<_> = inputs.iter().map(|input| gpu.upload(input).unwrap()).collect();
            let mut outputs = Vec::new();
            for _ in 0..5 {
                outputs.push(gpu.apply(op.clone(), &uploaded.iter().collect::<Vec<_>>()).unwrap());
            }
            let made = gpu.pool_stats().allocations;
            drop(uploaded);
            let other = |input: &Tensor| Tensor::filled(input.shape().clone(), 9.0).unwrap();
            let others: Vec<_> =
                inputs.iter().map(|input| gpu.upload(&other(input)).unwrap()).collect();
            // They lie where the inputs lay.
            assert_eq!(gpu.pool_stats().allocations, made);
            for output in outputs {
                assert!(compare(&want, &gpu.download(&output).unwrap()).passed());
            }
            for (input, on_gpu) in inputs.iter().zip(&others) {
                assert_eq!(gpu.download(on_gpu).unwrap(), other(input));
            }
        }
    });
}

/// Buffers come in classes a quarter of a power of two apart.
fn gpu_bytes(bytes: u64) -> u64 {
    let step = (1 << bytes.max(256).ilog2()) / 4;
    bytes.max(256).div_ceil(step) * step
}

/// Whoever stops waiting for a download, and whenever: later ones are right and nothing stays lent.
#[test]
fn a_download_that_nobody_waits_for_does_not_poison_the_pool() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let tensor = |seed| harness::numbers([64, 64], seed).to_tensor().unwrap();
        for seed in 0..20 {
            let (a, b) = (tensor(seed), tensor(seed + 100));
            let (on_gpu, other) = (gpu.upload(&a).unwrap(), gpu.upload(&b).unwrap());
            {
                let mut download = pin!(gpu.download_async(&on_gpu));
                let mut context = Context::from_waker(Waker::noop());
                // Whether it is done or not, it goes here.
                if let Poll::Ready(done) = download.as_mut().poll(&mut context) {
                    assert_eq!(done.unwrap(), a);
                }
            }
            drop(gpu.download_async(&on_gpu));
            assert_eq!(gpu.download(&other).unwrap(), b);
            assert_eq!(gpu.download(&on_gpu).unwrap(), a);
        }
        let stats = gpu.pool_stats();
        assert_eq!(stats.in_use, 0);
        gpu.trim();
        assert_eq!(gpu.pool_stats().reserved, 0);
    });
}

/// A refusal allocates nothing.
#[test]
fn what_is_refused_is_not_allocated() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let (op, inputs) = some_work();
        gpu.run(op, &[&inputs[1], &inputs[0], &inputs[2]]).unwrap_err();
        assert_eq!(gpu.pool_stats(), Default::default());
    });
}

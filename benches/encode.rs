//! Benchmarks the host side of a call: binding, submission and pipeline lookup.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use involution::gpu::{Choice, GpuTensor};
use involution::kernels::KernelKey;
use involution::ops::{Conv2d, DynamicConv2d};
use involution::{Gpu, Tensor};
use involution_check::{Case, compare, expected};

/// Calls of one and of three dispatches, small enough that the device never limits them.
fn cases() -> [Case; 2] {
    let conv = Conv2d { padding: 1.into(), bias: true, ..Conv2d::default() };
    [
        Case::new("one dispatch", conv, &[&[1, 8, 8, 8], &[8, 8, 3, 3], &[8]]),
        Case::new(
            "three dispatches",
            DynamicConv2d { conv },
            &[&[1, 8, 8, 8], &[1, 4], &[4, 8, 8, 3, 3], &[4, 8]],
        ),
    ]
}

fn encode(criterion: &mut Criterion) {
    let gpu = match Gpu::new() {
        Ok(gpu) => gpu,
        Err(error) => {
            eprintln!("nothing to measure: {error}");
            return;
        }
    };
    let mut group = criterion.benchmark_group("encode");
    for case in cases() {
        let inputs = case.inputs();
        let views: Vec<&Tensor> = inputs.iter().collect();
        let want = expected(&case.operator, &views).unwrap();
        let result = gpu.run(case.operator.clone(), &views).unwrap();
        assert!(compare(&want, &result).passed(), "wrong before it is fast: {case}");

        let uploaded: Vec<GpuTensor> = inputs.iter().map(|x| gpu.upload(x).unwrap()).collect();
        let uploaded: Vec<&GpuTensor> = uploaded.iter().collect();
        let prepare = || gpu.prepare(&case.operator, &uploaded, &Choice::Preferred).unwrap();
        group.bench_function(format!("prepare, {}", case.story), |b| {
            b.iter(|| black_box(prepare()))
        });

        let prepared = prepare();
        group.bench_function(format!("submit, {}", case.story), |b| {
            b.iter(|| gpu.submit(&prepared).unwrap());
        });
        assert!(compare(&want, &gpu.download(prepared.output()).unwrap()).passed(), "{case}");

        let shapes: Vec<_> = case.shapes.iter().collect();
        group.bench_function(format!("check, {}", case.story), |b| {
            b.iter(|| gpu.check(black_box(&case.operator), &shapes).unwrap());
        });
    }
    // Ten compiled keys: lookups, and an empty dispatch for each.
    let [case, _] = cases();
    let shapes: Vec<_> = case.shapes.iter().collect();
    let call = gpu.candidates(&case.operator, &shapes).unwrap().pop().unwrap().calls.remove(0);
    let keys: Vec<KernelKey> = vec![call.key(); 10];
    gpu.warm_up(&keys).unwrap();
    let compiled = gpu.pipeline_stats().misses;
    group.bench_function("warm up ten that are warm", |b| b.iter(|| gpu.warm_up(&keys).unwrap()));
    assert_eq!(gpu.pipeline_stats().misses, compiled, "compiled although it was there");
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(30)
}

criterion_group! { name = benches; config = short(); targets = encode }
criterion_main!(benches);

//! Benchmarks the reference. It is written for clarity, but every test waits for it, so it must not become slower.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use involution::ops::{Conv2d, Involution, Op};
use involution::{Shape, Tensor, Window, reference};
use involution_check::{Case, compare, expected};

fn cases() -> [Case; 2] {
    let conv = Conv2d { padding: 1.into(), ..Conv2d::default() };
    let involution = Involution::new(Window::new([7, 7]).padding(3), 2);
    [
        Case::new("convolution of 3x3", conv, &[&[1, 16, 28, 28], &[16, 16, 3, 3]]),
        Case::new("involution of 7x7", involution, &[&[1, 32, 14, 14], &[1, 98, 14, 14]]),
    ]
}

fn reference(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("reference");
    for case in cases() {
        let inputs = case.inputs();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let run = || reference::run(&case.operator, &inputs).unwrap();
        let want = expected(&case.operator, &inputs).unwrap();
        assert!(compare(&want, &run()).passed(), "{case}");
        let shapes: Vec<&Shape> = case.shapes.iter().collect();
        group.throughput(Throughput::Elements(case.operator.flops(&shapes).unwrap()));
        group.bench_function(case.story, |b| b.iter(|| black_box(run())));
    }
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
}

criterion_group! { name = benches; config = short(); targets = reference }
criterion_main!(benches);

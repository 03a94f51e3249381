//! Small devices: batches are cut, and what fits nowhere is refused by name.

use involution::gpu::Choice;
use involution::ops::{
    Activate, DynamicConv2d, Involution, Linear, MaxPool2d, NAMES, Op, SpanInvolution, Unfold,
};
use involution::{Error, Gpu, Limit, Operator, Shape, Tensor, Window};
use involution_check::{Case, batched, compare, expected};

use super::run;
use crate::{adapters, harness};

/// How a small device did with the cases of an operator.
#[derive(Default)]
struct Tally {
    ran: usize,
    refused: usize,
}

/// Runs every candidate of every case; only a refusal for this limit is allowed.
fn tally(gpu: &Gpu, cases: &[Case], limit: Limit) -> Tally {
    let mut tally = Tally::default();
    for case in cases {
        let inputs = case.inputs();
        let inputs = harness::views(&inputs);
        let want = expected(&case.operator, &inputs).unwrap();
        for name in harness::candidates(gpu, &case.operator, &inputs).unwrap() {
            let choice = Choice::Named(name.clone());
            match run(gpu, &case.operator, &inputs, &choice) {
                Ok(result) => {
                    let comparison = compare(&want, &result);
                    assert!(comparison.passed(), "{name}: {case}: {comparison:?}");
                    tally.ran += 1;
                }
                Err(Error::Limit { limit: reached, needed, allowed, .. }) if reached == limit => {
                    assert!(needed > allowed, "{name}: {case}");
                    tally.refused += 1;
                }
                // A kernel that takes the whole need not take the parts that it is cut into.
                Err(Error::UnknownKernel { kernel, .. }) if limit == Limit::BindingSize => {
                    assert_eq!(kernel, name, "{case}");
                    tally.refused += 1;
                }
                Err(error) => panic!("{name}: {case}: {error}"),
            }
        }
    }
    tally
}

/// A grid beyond both dimensions is refused with its size.
#[test]
fn a_grid_that_does_not_fold_is_refused() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_workgroups = Some(3));
        let x = Tensor::filled([1, 1, 200, 500], 1.0).unwrap();
        let error = small.run(MaxPool2d::new(Window::new([1, 1])), &[&x]).unwrap_err();
        let Error::Limit { what, limit: Limit::Workgroups, needed, allowed: 9, .. } = error else {
            panic!("{error}")
        };
        assert_eq!(what, "the grid");
        assert!(needed >= 100_000 / 4 / 256, "{needed}");
        assert_eq!(small.pool_stats().allocations, 0);
    });
}

#[test]
fn a_batch_that_cannot_be_bound_is_cut() {
    let allowed = 64 << 10;
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(allowed));
        for case in batched() {
            let shapes: Vec<&Shape> = case.shapes.iter().collect();
            let output = case.operator.output_shape(&shapes).unwrap();
            let bytes = shapes.iter().copied().chain([&output]).map(|s| 4 * s.elements().unwrap());
            assert!(bytes.max().unwrap() > allowed as usize, "nothing to cut: {case}");
            let inputs = case.inputs();
            let inputs = harness::views(&inputs);
            let want = expected(&case.operator, &inputs).unwrap();
            for name in harness::candidates(gpu, &case.operator, &inputs).unwrap() {
                let choice = Choice::Named(name.clone());
                let cut = run(&small, &case.operator, &inputs, &choice)
                    .unwrap_or_else(|error| panic!("{name}: {case}: {error}"));
                let comparison = compare(&want, &cut);
                assert!(comparison.passed(), "{name}: {case}: {comparison:?}");
                let whole = run(gpu, &case.operator, &inputs, &choice).unwrap();
                assert!(compare(&want, &whole).passed(), "{name}: {case}");
                assert_eq!(cut.shape(), whole.shape());
                adapters::count(2);
            }
            // The preferred kernel of a part may be another than that of the whole.
            let result = small.run(case.operator.clone(), &inputs).unwrap();
            assert!(compare(&want, &result).passed(), "{case}");
        }
        assert_eq!(small.pool_stats().in_use, 0);
    });
}

/// Generated cases on a device that can bind little: right, or refused for that reason.
#[test]
fn generated_cases_are_cut_or_refused() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(4096));
        for name in NAMES {
            let tally = tally(&small, &harness::sample(name, 80), Limit::BindingSize);
            adapters::count(tally.ran);
            assert!(tally.ran > 0, "{name}");
        }
        assert_eq!(small.pool_stats().in_use, 0);
    });
}

/// A kernel that is too large to be stored at once: group by group, without being stored, or both.
#[test]
fn what_cannot_be_bound_is_cut_between_groups_or_done_otherwise() {
    let involution =
        Involution { affine: true, ..Involution::new(Window::new([7, 7]).padding(3), 16) };
    let op = SpanInvolution { involution, bias: true };
    let shapes: [&[usize]; 6] =
        [&[2, 256, 12, 12], &[2, 64, 12, 12], &[784, 64, 1, 1], &[784], &[256], &[256]];
    let case = Case::new("a kernel of 451,584 bytes a sample", op, &shapes);
    let inputs = case.inputs();
    let inputs = harness::views(&inputs);
    let want = expected(&case.operator, &inputs).unwrap();
    adapters::each(|gpu| {
        for allowed in [1 << 20, 250_000, 210_000, 160_000] {
            let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(allowed));
            let result = small.run(case.operator.clone(), &inputs).unwrap();
            let comparison = compare(&want, &result);
            assert!(comparison.passed(), "{allowed}: {comparison:?}");
            assert_eq!(small.pool_stats().in_use, 0);
            adapters::count(1);
        }
        // Eight groups of x, the fewest that begin where a binding may, have 73,728 bytes.
        let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(65_536));
        let error = small.run(case.operator.clone(), &inputs).unwrap_err();
        assert!(matches!(error, Error::Limit { limit: Limit::BindingSize, .. }), "{error}");
    });
}

/// The refusal names the tensor, its shape, what it needs and what there is.
fn refused(gpu: &Gpu, op: impl Into<Operator>, shapes: &[&[usize]], tensor: &str, limit: Limit) {
    let tensors = shapes.iter().map(|&dims| Tensor::filled(Shape::new(dims), 0.0).unwrap());
    let tensors: Vec<Tensor> = tensors.collect();
    let before = gpu.pool_stats();
    let op = op.into();
    let error = gpu.run(op.clone(), &harness::views(&tensors)).unwrap_err();
    let Error::Limit { what, limit: reached, needed, allowed, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((what.as_str(), *reached), (tensor, limit), "{error}");
    assert!(needed > allowed, "{error}");
    for part in [tensor, &needed.to_string(), &allowed.to_string()] {
        assert!(error.to_string().contains(part), "'{part}' is missing: {error}");
    }
    assert_eq!(gpu.pool_stats(), before, "allocated although refused");
    // What is refused can be asked for without its tensors.
    assert_eq!(gpu.check(&op, &harness::shapes(&harness::views(&tensors))), Err(error));
}

#[test]
fn a_sample_that_cannot_be_bound_is_refused_by_name() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(64 << 10));
        let binding = Limit::BindingSize;
        let pool = MaxPool2d::new(Window::new([64, 1]));
        refused(&small, pool, &[&[4, 1, 256, 128]], "x [4, 1, 256, 128]", binding);
        let unfold = Unfold { window: Window::new([4, 4]) };
        refused(&small, unfold, &[&[2, 2, 64, 64]], "the output [2, 32, 3721]", binding);
        let linear = Linear::default();
        refused(&small, linear, &[&[2, 256], &[128, 256]], "weight [128, 256]", binding);
        let dynamic = DynamicConv2d::default();
        let shapes: [&[usize]; 3] = [&[4, 32, 3, 3], &[4, 1], &[1, 64, 32, 3, 3]];
        refused(&small, dynamic, &shapes, "weight [1, 64, 32, 3, 3]", binding);
        // A vector has no batch to cut along.
        let vector = Tensor::filled([1 << 15], 0.0).unwrap();
        let linear =
            small.run(Linear::default(), &[&vector, &Tensor::filled([1, 1 << 15], 0.0).unwrap()]);
        assert!(
            matches!(linear, Err(Error::Limit { limit: Limit::BindingSize, .. })),
            "{linear:?}"
        );
    });
}

/// Parts of a batch start where the device lets a binding start. Where samples are of an odd size, so many of
/// them may be needed for one that they do not fit, though each would: another image would be no cure.
#[test]
fn a_batch_of_samples_that_cannot_be_cut_is_to_be_smaller() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| options.max_binding_size = Some(4096));
        let relu = Activate { activation: involution::ops::Activation::Relu };
        let cure = |gpu: &Gpu, shape: [usize; 2]| {
            let op = Operator::from(relu);
            match gpu.check(&op, &[&Shape::from(shape)]) {
                Err(Error::Limit { limit: Limit::BindingSize, cure, .. }) => cure,
                other => panic!("{shape:?}: {other:?}"),
            }
        };
        // An odd number of values: aligned after 8 samples at the earliest. Fewer than that, and more.
        for batch in [3, 70] {
            let said = cure(&small, [batch, 1001]);
            assert!(said.ends_with("use a smaller batch"), "{said}");
        }
        // The cure cures: so do two, which fit without being cut.
        for (batch, size) in [(1, 1001), (2, 501)] {
            small.run(relu, &[&Tensor::filled([batch, size], 1.0).unwrap()]).unwrap();
        }
        let said = cure(&small, [70, 1025]);
        assert!(said.starts_with("one sample of it must fit"), "{said}");
    });
}

#[test]
fn a_tensor_larger_than_a_buffer_is_refused_by_name() {
    adapters::each(|gpu| {
        let small = adapters::fresh(gpu, |options| {
            options.max_buffer_size = Some(1 << 20);
            options.max_binding_size = Some(1 << 20);
        });
        let buffer = Limit::BufferSize;
        let x = "x [3, 300, 300]";
        refused(&small, Activate::default(), &[&[3, 300, 300]], x, buffer);
        let unfold = Unfold { window: Window::new([5, 5]) };
        refused(&small, unfold, &[&[1, 2, 100, 100]], "the output [1, 50, 9216]", buffer);
        // So is an upload alone.
        let tensor = Tensor::filled([3, 300, 300], 0.0).unwrap();
        let error = small.upload(&tensor).unwrap_err();
        assert!(
            matches!(error, Error::Limit { limit: Limit::BufferSize, needed: 1_080_000, .. }),
            "{error}"
        );
        // What just fits, runs.
        let fits = Tensor::filled([1 << 18], -1.0).unwrap();
        let relu = Activate { activation: involution::ops::Activation::Relu };
        assert_eq!(small.run(relu, &[&fits]).unwrap(), Tensor::filled([1 << 18], 0.0).unwrap());
    });
}

/// Three GiB, as a shape alone: cut or refused for what the adapter allows, and never a wrong size.
#[test]
fn huge_tensors_are_cut_or_refused_without_being_allocated() {
    adapters::each(|gpu| {
        let gpu = adapters::fresh(gpu, |_| {});
        let info = gpu.adapter().clone();
        for (batch, sample) in [(1, 3 << 30), (3, 1 << 30), (96, 32 << 20), (3, 1 << 40)] {
            let x = Shape::from([batch, 1, 1 << 10, sample / 4 / (1 << 10)]);
            let pool = MaxPool2d::new(Window::new([1, 2])).into();
            let bytes = (batch * sample) as u64;
            let answer = gpu.check(&pool, &[&x]);
            let (limit, allowed, needed) = if bytes > info.max_buffer_size {
                (Limit::BufferSize, info.max_buffer_size, bytes)
            } else if sample as u64 > info.max_binding_size {
                (Limit::BindingSize, info.max_binding_size, bytes)
            } else {
                assert_eq!(answer, Ok(()), "{x}");
                continue;
            };
            match answer {
                Err(Error::Limit {
                    op: "max_pool2d",
                    what,
                    limit: l,
                    needed: n,
                    allowed: a,
                    ..
                }) => {
                    assert_eq!((what, l, n, a), (format!("x {x}"), limit, needed, allowed));
                }
                other => panic!("{x}: {other:?}"),
            }
        }
        let (vast, one) = (Shape::from([1 << 20, 1 << 20, 1 << 18, 1]), Shape::from([1]));
        let answer = gpu.check(&Activate::default().into(), &[&vast]);
        assert!(matches!(answer, Err(Error::Limit { limit: Limit::BufferSize, .. })), "{answer:?}");
        gpu.check(&Activate::default().into(), &[&one]).unwrap();
        assert_eq!(gpu.pool_stats(), Default::default());
    });
}

/// Limits only ever lower what the adapter allows.
#[test]
fn limits_cannot_be_raised() {
    adapters::each(|gpu| {
        let greedy = adapters::fresh(gpu, |options| {
            options.max_buffer_size = Some(u64::MAX);
            options.max_binding_size = Some(u64::MAX);
            options.max_workgroups = Some(u32::MAX);
        });
        assert_eq!(greedy.adapter(), gpu.adapter());
        let (op, inputs) = super::some_work();
        greedy.run(op, &harness::views(&inputs)).unwrap();
    });
}

//! Loops: no kernel makes more iterations than its call says, and none that would make more than a device allows is run.

use std::collections::BTreeSet;

use involution::gpu::shader;
use involution::gpu::{Choice, Fault};
use involution::kernels;
use involution::ops::{Conv2d, Linear, Operator, Softmax};
use involution::{Error, Gpu, Limit, Shape, Tensor};
use involution_check::verify::{Report, Settings, verify};
use involution_check::{expected, fixed};

use crate::adapters;

/// Faults that end the loops of an invocation by force after so many iterations, as some drivers do. Loops whose length
/// stands in the shader are not counted.
fn ended_after(trips: usize) -> Vec<Fault> {
    let mut faults = Vec::new();
    for kernel in kernels::all() {
        let texts = kernel
            .variants
            .iter()
            .map(|&variant| shader::load(kernel, variant, &[]).unwrap().text.wgsl);
        let texts: Vec<String> = texts.collect();
        let mut replace = |from: &str, to: String| {
            faults.push(Fault { kernel: kernel.name.to_owned(), from: from.to_owned(), to });
        };
        let heads = texts.iter().flat_map(|text| {
            text.match_indices("for (var ").map(|(at, _)| text[at..].split_once(") {").unwrap().0)
        });
        for head in heads.collect::<BTreeSet<_>>() {
            let [start, bound, step] = *head.split("; ").collect::<Vec<_>>() else {
                panic!("{}: {head}", kernel.name);
            };
            let end = bound.split(" < ").nth(1).unwrap_or("0u").trim_end_matches('u');
            // A number, or made of the variant's: `3u * S + K`.
            let fixed = end.chars().all(|c| !c.is_ascii_lowercase() || c == 'u');
            if !fixed {
                replace(head, format!("{start}; ({bound}) && may_go_on(); {step}"));
            }
        }
        let counter = format!(
            "var<private> trips_left: u32 = {trips}u;\n\
             fn may_go_on() -> bool {{\n\
                 let more = trips_left > 0u;\n\
                 trips_left -= select(0u, 1u, more);\n\
                 return more;\n\
             }}\n\
             @compute"
        );
        replace("@compute", counter);
    }
    faults
}

/// What `verify` finds on a device whose loops end after so many iterations, and that says so or not.
fn verified(gpu: &Gpu, trips: usize, known: bool, operators: &[&str]) -> Report {
    let gpu = adapters::fresh(gpu, |options| {
        options.testing().faults = ended_after(trips);
        options.testing().max_trips = known.then_some(trips);
    });
    let operators = operators.iter().map(|&name| name.to_owned()).collect();
    let settings = Settings { operators, seed: 5, cases: 12, kernel: None };
    verify(Some(&gpu), &settings, &mut |_, _| ()).unwrap()
}

#[test]
fn no_call_makes_more_iterations_than_it_says() {
    adapters::each(|gpu| {
        let mut ran = BTreeSet::new();
        for trips in [40, 700] {
            let report = verified(gpu, trips, true, &[]);
            assert_eq!(report.failures, [], "after {trips}");
            ran.extend(report.rows.into_iter().map(|row| row.kernel));
        }
        assert!(ran.len() > 30, "{ran:?}");
    });
}

#[test]
fn a_device_that_ends_loops_and_does_not_say_so_is_caught() {
    let operators = ["linear", "avg_pool2d", "softmax", "involution"];
    adapters::each(|gpu| {
        let report = verified(gpu, 20, false, &operators);
        for operator in operators {
            let caught = report.failures.iter().any(|failure| failure.case.starts_with(operator));
            assert!(caught, "{operator}");
        }
    });
}

/// How a device of so many iterations refuses a kernel, and the kernel that it prefers to it.
fn refused(
    gpu: &Gpu,
    trips: usize,
    op: &Operator,
    shapes: &[&[usize]],
    kernel: &str,
) -> (Error, String) {
    let gpu = adapters::fresh(gpu, |options| options.testing().max_trips = Some(trips));
    assert!(gpu.max_trips() <= Some(trips));
    let inputs: Vec<Tensor> =
        shapes.iter().map(|&dims| Tensor::filled(Shape::new(dims), 1.0).unwrap()).collect();
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let choice = Choice::Named(kernel.to_owned());
    let refusal = gpu.run_guarded(op, &inputs, &choice).unwrap_err();
    let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
    let preferred = gpu.candidates(op, &shapes).unwrap().pop().unwrap();
    let fits = preferred.calls.iter().all(|call| call.trips <= trips);
    assert_eq!(gpu.check(op, &shapes).is_ok(), fits);
    (refusal, preferred.name)
}

#[test]
fn what_needs_more_iterations_than_there_are_is_refused_by_name() {
    let softmax = Softmax::default().into();
    let linear = Linear::default().into();
    let limit = |op, kernel: &str, needed, allowed| Error::Limit {
        op,
        what: format!("the kernel {kernel}"),
        limit: Limit::Trips,
        needed,
        allowed,
        cure: "use a shorter sum, a smaller window or image, or a newer driver",
    };
    adapters::each(|gpu| {
        let (error, instead) = refused(gpu, 100, &softmax, &[&[1, 1000]], "reduce/softmax");
        assert_eq!(error, limit("softmax", "reduce/softmax", 3000, 100));
        assert_eq!(instead, "reduce/softmax[workgroup]");
        let (error, _) = refused(gpu, 40, &softmax, &[&[1, 1000]], "reduce/softmax[workgroup]");
        assert_eq!(error, limit("softmax", "reduce/softmax[workgroup]", 48, 40));
        let shapes: [&[usize]; 2] = [&[1, 640], &[5, 640]];
        let (error, instead) = refused(gpu, 12, &linear, &shapes, "gemm/linear[T=8]");
        assert_eq!(error, limit("linear", "gemm/linear[T=8]", 640, 12));
        assert_eq!(instead, "gemm/linear[T=4,workgroup]");
    });
}

/// A sum over input channels that is split gives what its parts have left, whichever of the two buffers is first.
#[test]
fn the_general_convolution_is_split_over_dispatches() {
    let conv = Conv2d { groups: 2, ..Conv2d::default() };
    for (channels, dispatches) in [(574, 1), (575, 2), (1149, 3)] {
        let x = Shape::from([1, 2 * channels, 7, 7]);
        let weight = Shape::from([2, channels, 7, 7]);
        let general = kernels::general(&conv.into(), &[&x, &weight]).unwrap().unwrap();
        assert_eq!(general.calls.len(), dispatches, "{channels}");
        assert!(general.calls.iter().all(|call| call.trips <= 1 << 15));
        assert_eq!(general.scratch.len(), usize::from(dispatches > 1));
    }
}

/// The bound of a sum of 90,000 values is so wide that a window may be rows beside its place: in two passes each value is
/// added up in far fewer steps, and has to be that near to the reference.
#[test]
fn means_in_two_passes_are_of_the_right_places() {
    adapters::each(|gpu| {
        for operator in ["avg_pool2d", "global_avg_pool", "adaptive_avg_pool2d"] {
            let mut ran = 0;
            for case in fixed(operator).into_iter().filter(|case| case.positive) {
                let inputs = case.inputs();
                let inputs: Vec<&Tensor> = inputs.iter().collect();
                let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
                let want = expected(&case.operator, &inputs).unwrap().value;
                let candidates = gpu.candidates(&case.operator, &shapes).unwrap();
                for candidate in candidates.into_iter().filter(|c| c.calls.len() == 2) {
                    let steps: usize = candidate.calls.iter().map(|call| call.trips + 4).sum();
                    let choice = Choice::Named(candidate.name);
                    let output = gpu.run_guarded(&case.operator, &inputs, &choice).unwrap().output;
                    for (&got, want) in output.data().iter().zip(&want.data) {
                        let off = (f64::from(got) - want).abs() / want;
                        assert!(
                            off <= steps as f64 * f64::from(f32::EPSILON) / 2.0,
                            "{case}: {off}"
                        );
                    }
                    ran += 1;
                }
            }
            assert!(ran > 0, "{operator}");
        }
    });
}

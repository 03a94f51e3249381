//! The checks themselves: each kind of wrong result must be flagged, or a green suite means nothing.

use involution::gpu::Fault;
use involution::kernels::Candidate;
use involution::ops::{Activate, Activation, Conv2d, DynamicConv2d, Involution, Operator};
use involution::reference::{self, Array};
use involution::{Error, Tensor, Window};
use involution_check::check_candidate;
use involution_check::verify::{Settings, verify};
use involution_check::{Case, Comparison, Expected, compare, expected};

use crate::{adapters, harness};

/// An involution, what is expected of it, and its right result in single precision.
fn subject() -> (Operator, Vec<Tensor>, Expected, Tensor) {
    let case = Case::new(
        "a subject for wrong results",
        Involution::new(Window::new([3, 3]).padding(1), 2),
        &[&[2, 6, 5, 7], &[2, 18, 5, 7]],
    );
    let inputs = case.inputs();
    let want = expected(&case.operator, &harness::views(&inputs)).unwrap();
    let right = reference::run(&case.operator, &harness::views(&inputs)).unwrap();
    (case.operator, inputs, want, right)
}

/// The comparison with the right result after `spoil` went over it.
fn compared(spoil: impl FnOnce(&mut [f32], &Expected)) -> Comparison {
    let (_, _, want, mut result) = subject();
    assert!(compare(&want, &result).passed());
    spoil(result.data_mut(), &want);
    compare(&want, &result)
}

const PLANE: usize = 5 * 7;

#[test]
fn one_element_off_by_more_than_its_bound_is_flagged() {
    for element in [0, PLANE, 2 * 6 * PLANE - 1] {
        for sign in [-1.0, 1.0] {
            let comparison = compared(|data, want| {
                let off = want.value.data[element] + sign * 1.5 * want.bound[element];
                data[element] = off as f32;
            });
            assert!(!comparison.passed());
            assert_eq!((comparison.misses, comparison.first_miss), (1, Some(element)));
            assert!((1.0..2.0).contains(&comparison.worst_over_bound), "{comparison:?}");
        }
    }
}

#[test]
fn one_element_off_by_less_than_its_bound_passes() {
    let comparison =
        compared(|data, want| data[3] = (want.value.data[3] + 0.5 * want.bound[3]) as f32);
    assert!(comparison.passed());
    assert!(comparison.worst_over_bound > 0.3, "{comparison:?}");
}

/// The bound follows the size of what is summed: a constant tolerance would be one or the other.
#[test]
fn the_bound_is_tight() {
    let (_, _, want, _) = subject();
    let largest = want.bound.iter().fold(0f64, |m, &b| m.max(b));
    assert!(largest < 2e-5, "{largest}");
    assert!(want.bound.iter().all(|&bound| bound > 1e-8));
}

#[test]
fn two_channels_swapped_are_flagged() {
    let comparison = compared(|data, _| {
        let (first, second) = data.split_at_mut(PLANE);
        first.swap_with_slice(&mut second[..PLANE]);
    });
    assert!(comparison.misses > PLANE, "{comparison:?}");
}

#[test]
fn a_dropped_last_row_is_flagged() {
    let comparison = compared(|data, _| {
        let rows = data.len();
        data[rows - 7..].fill(0.0);
    });
    assert_eq!(comparison.misses, 7, "{comparison:?}");
}

#[test]
fn all_zeros_are_flagged() {
    let comparison = compared(|data, _| data.fill(0.0));
    assert_eq!(comparison.misses, 2 * 6 * PLANE, "{comparison:?}");
}

#[test]
fn nan_and_infinities_are_flagged() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let comparison = compared(|data, _| data[17] = value);
        assert_eq!((comparison.misses, comparison.first_miss), (1, Some(17)), "{value}");
        assert_eq!(comparison.worst_over_bound, f64::MAX, "{value}");
    }
}

/// Where the reference has NaN or an infinity, nothing else will do, whatever the bound says.
#[test]
fn nan_and_infinities_that_are_expected_must_be_there() {
    let values = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300];
    for bound in [0.0, 1e-6, f64::INFINITY, f64::NAN] {
        let expected = Expected {
            value: Array { shape: vec![4], data: values.to_vec() },
            bound: vec![bound; 4],
        };
        let compared =
            |data: [f32; 4]| compare(&expected, &Tensor::new([4], data.to_vec()).unwrap());
        // What is too large for single precision is an infinity there.
        let right = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::INFINITY];
        assert!(compared(right).passed(), "bound {bound}");
        for (index, wrong) in [
            (0, 0.0),
            (0, f32::INFINITY),
            (1, f32::MAX),
            (1, f32::NAN),
            (1, f32::NEG_INFINITY),
            (2, f32::INFINITY),
            (2, f32::MIN),
            (3, f32::NAN),
        ] {
            let mut data = right;
            data[index] = wrong;
            assert_eq!(compared(data).misses, 1, "bound {bound}: {wrong} for {}", values[index]);
        }
    }
}

#[test]
fn a_wrong_shape_is_flagged_even_with_the_right_values() {
    let (_, _, want, right) = subject();
    for shape in [[2, 6, 7, 5], [6, 2, 5, 7], [1, 12, 5, 7]] {
        let result = Tensor::new(shape, right.data().to_vec()).unwrap();
        assert!(!compare(&want, &result).passed());
    }
    let short = Tensor::new([2, 6, 5, 6], right.data()[..360].to_vec()).unwrap();
    assert!(!compare(&want, &short).passed());
}

/// Exact operators have no room at all.
#[test]
fn a_copy_must_be_exact() {
    let expected = Expected { value: Array { shape: vec![1], data: vec![1.0] }, bound: vec![0.0] };
    let compared = |value: f32| compare(&expected, &Tensor::new([1], vec![value]).unwrap());
    assert!(compared(1.0).passed());
    assert!(!compared(f32::from_bits(1f32.to_bits() + 1)).passed());
}

/// What the guard says of a kernel with this fault: `activation`, 1000 values, one workgroup.
fn guarded(gpu: &involution::Gpu, from: &str, to: &str) -> Result<Comparison, String> {
    let op = Operator::from(Activate { activation: Activation::Relu });
    let faulty = adapters::fresh(gpu, |options| {
        options.testing().faults.push(Fault {
            kernel: "elementwise/activation".to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        });
    });
    let x = Tensor::new([1000], (0..1000).map(|v| v as f32 - 500.0).collect()).unwrap();
    let want = expected(&op, &[&x]).unwrap();
    check_candidate(&faulty, &op, &[&x], &want, "elementwise/activation").unwrap()
}

const STORE: &str = "out[index] =";

/// What the guard says where so many elements of the slack were written.
fn disturbed(elements: usize) -> String {
    let word = if elements == 1 { "element" } else { "elements" };
    format!("{elements} {word} beside the output or the scratch written")
}

/// A store that a kernel leaves out is found although an older result may lie there.
#[test]
fn unwritten_elements_are_flagged() {
    adapters::each(|gpu| {
        let outcome = guarded(gpu, "if index < params.elements", "if index + 3u < params.elements");
        assert_eq!(outcome, Err("3 elements of the output never written".to_owned()));
    });
}

#[test]
fn disturbed_slack_is_flagged() {
    adapters::each(|gpu| {
        for (from, to, elements) in [
            // Behind the output: the buffer that the kernel sees has 64 elements more.
            ("if index < params.elements", "if index < params.elements + 5u", 5),
            // In spite of a result that is right.
            (STORE, "out[params.elements + 7u] = 1.0; out[index] =", 1),
        ] {
            let outcome = guarded(gpu, from, to);
            assert_eq!(outcome, Err(disturbed(elements)));
        }
    });
}

/// What the guard says of the first way of an operator that calls a kernel, with a fault in that; nothing where the adapter
/// is not one for the kernel.
fn guarded_scratch(
    gpu: &involution::Gpu,
    case: &Case,
    kernel: &str,
    [from, to]: [&str; 2],
) -> Option<Result<Comparison, String>> {
    let faulty = adapters::fresh(gpu, |options| {
        let (from, to) = (from.to_owned(), to.to_owned());
        options.testing().faults.push(Fault { kernel: kernel.to_owned(), from, to });
    });
    let inputs = case.inputs();
    let inputs = harness::views(&inputs);
    let want = expected(&case.operator, &inputs).unwrap();
    let ways = faulty.candidates(&case.operator, &harness::shapes(&inputs)).unwrap();
    let calls = |way: &&Candidate| way.calls.iter().any(|call| call.kernel.name == kernel);
    let name = &ways.iter().find(calls)?.name;
    Some(check_candidate(&faulty, &case.operator, &inputs, &want, name).unwrap())
}

/// WebGPU would drop what is written past the end of a buffer: no kernel may lean on that.
#[test]
fn disturbed_slack_of_scratch_is_flagged() {
    let mixed = Case::new(
        "three samples of twelve weights, of which four are mixed together",
        DynamicConv2d::default(),
        &[&[3, 3, 4, 4], &[3, 2], &[2, 4, 3, 1, 1]],
    );
    let gathered = Case::new(
        "eight planes of three fours",
        Conv2d { stride: [2, 2], ..Conv2d::default() },
        &[&[1, 8, 5, 5], &[16, 8, 1, 1]],
    );
    let transformed = Case::new(
        "eight channels of thirteen fours of tiles",
        Conv2d { padding: 1.into(), ..Conv2d::default() },
        &[&[1, 8, 25, 25], &[16, 8, 3, 3]],
    );
    let planes = ["plane >= params.planes", "plane > params.planes"];
    let tiles = ["sample >= params.samples", "sample > params.samples"];
    adapters::each(|gpu| {
        for (case, kernel, fault, elements) in [
            (&mixed, "conv/dynamic_conv2d", ["first + s < params", "first + s <= params"], 12),
            (&gathered, "software/gather", planes, 12),
            // As many as there are to be seen.
            (&transformed, "software/winograd_input", tiles, 64),
        ] {
            let Some(found) = guarded_scratch(gpu, case, kernel, fault) else {
                assert!(gpu.profile().subgroup_max < 8, "{kernel} is for lanes of eight and more");
                adapters::say(&format!("skipped: {kernel} is not for {}", gpu.adapter()));
                continue;
            };
            assert_eq!(found, Err(disturbed(elements)), "{kernel}");
            let right = guarded_scratch(gpu, case, kernel, [fault[0]; 2]).unwrap();
            assert!(right.unwrap().passed(), "{kernel}");
        }
        // What is left out holds nothing that could be right by chance.
        let unwritten = ["place[i] < params.elements", "place[i] + 1u < params.elements"];
        let found =
            guarded_scratch(gpu, &mixed, "conv/dynamic_conv2d", unwritten).unwrap().unwrap();
        assert!(found.worst_over_bound == f64::MAX, "{found:?}");
    });
}

/// A read past the input finds NaN there, not a zero that happens to be harmless.
#[test]
fn a_read_past_the_input_shows() {
    adapters::each(|gpu| {
        for stray in ["x[index + 1u]", "x[index] + 1e-30 * x[params.elements + 3u]"] {
            let outcome = guarded(gpu, "activate(f32(x[index])", &format!("activate(f32({stray})"));
            // Where the pattern itself went through to the output, the guard takes it for unwritten.
            let unwritten = |why: &String| why.contains("never written");
            let caught = outcome.as_ref().map_or_else(unwritten, |comparison| !comparison.passed());
            assert!(caught, "{stray}: {outcome:?}");
        }
    });
}

#[test]
fn the_same_kernel_without_a_fault_passes() {
    adapters::each(|gpu| assert!(guarded(gpu, STORE, STORE).unwrap().passed()));
}

/// A fault whose text is gone from the shader is an error and not a test that passes.
#[test]
fn a_fault_that_is_not_planted_is_an_error() {
    adapters::each(|gpu| {
        let fault = |from: &str| Fault {
            kernel: "elementwise/activation".to_owned(),
            from: from.to_owned(),
            to: String::new(),
        };
        let faulty =
            adapters::fresh(gpu, |options| options.testing().faults.push(fault("no such text")));
        let x = Tensor::filled([4], 1.0).unwrap();
        let error = faulty.run(Activate::default(), &[&x]).unwrap_err();
        assert!(
            matches!(&error, Error::Kernel { kernel, .. } if kernel == "elementwise/activation"),
            "{error}"
        );
    });
}

/// Verifying by name, with a report that counts: nothing is left out silently.
#[test]
fn verify_reports_every_kernel_and_every_case() {
    let settings = Settings {
        operators: vec!["softmax".to_owned()],
        seed: 3,
        cases: 5,
        ..Settings::default()
    };
    let mut steps = Vec::new();
    let report = verify(None, &settings, &mut |done, of| steps.push((done, of))).unwrap();
    // The known answers.
    assert_eq!((report.cases, report.rows.len(), report.failures.len()), (2, 1, 0));
    assert_eq!(report.rows[0].kernel, "reference");
    assert_eq!(steps, [(1, 1)]);
    adapters::each(|gpu| {
        let mut last = (0, 0);
        let report = verify(Some(gpu), &settings, &mut |done, of| last = (done, of)).unwrap();
        let fixed = involution_check::fixed("softmax").len();
        assert_eq!(report.cases, 2 + fixed + 5);
        assert_eq!(last, (fixed + 5, fixed + 5));
        // Drivers that end long loops get the two long rows by the other kernel alone.
        let ran = report.cases - if gpu.max_trips().is_some() { 2 } else { 0 };
        assert!(report.rows.iter().any(|row| row.kernel == "reduce/softmax" && row.cases == ran));
        assert!(report.failures.is_empty(), "{:?}", report.failures);
    });
    let unknown = Settings { operators: vec!["softmin".to_owned()], ..settings };
    let error = verify(None, &unknown, &mut |_, _| {}).unwrap_err();
    assert!(
        error.to_string().contains("softmin") && error.to_string().contains("softmax"),
        "{error}"
    );
}

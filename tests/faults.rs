//! Wrong shaders, planted one at a time: what the checks are for is to catch these, and each must be caught
//! by the cases of its operator as `involution verify` draws them.

use std::fmt::Write;

use involution::Gpu;
use involution::gpu::{Fault, Precision};
use involution::kernels::all;
use involution::ops::NAMES;
use involution::shaders::Kernel;
use involution_check::verify::{Report, Settings, verify};
use involution_check::{expected, fixed, seeded_faults};

use crate::{adapters, harness};
use table::{EDGES, Row};

mod table;

/// Kernels that bring tensors into the layout of another, which the candidate is named after, and those of a way that
/// has a name of its own.
const HELPERS: &[(&str, &str)] = &[
    ("conv/dynamic_conv2d", "dynamic_conv2d"),
    ("software/prepack", "software/involution"),
    ("software/prepack", "software/rows"),
    ("software/gather", "software/input_stationary"),
    ("software/input_stationary", "conv/winograd"),
    ("software/winograd_weights", "conv/winograd"),
    ("software/winograd_input", "conv/winograd"),
    ("software/winograd_output", "conv/winograd"),
    ("reduce/avg_pool2d", "reduce/avg_pool2d/separable"),
    ("gemm/prepack", "gemm/gemm"),
    ("gemm/prepack", "gemm/cooperative"),
    ("gemm/prepack", "involution/span_rows"),
    ("involution/arrange", "involution/columns"),
    ("involution/arrange", "involution/vec4_rows"),
    ("involution/arrange", "involution/shifted_rows"),
    ("involution/arrange", "involution/upsampled"),
    ("reduce/max_pool2d", "reduce/max_pool2d/separable"),
    ("reduce/adaptive_avg_pool2d", "reduce/adaptive_avg_pool2d/separable"),
];

#[test]
fn every_seeded_fault_is_caught() {
    adapters::each(|gpu| {
        let seeded = seeded_faults().into_iter();
        let rows = seeded.map(|(op, (kernel, wrong, from, to))| (op, kernel, wrong, from, to));
        let faults: Vec<Row> = rows.filter(|(_, kernel, ..)| has(gpu, kernel)).collect();
        let mut table = String::new();
        let mut caught = 0;
        for row @ (operator, kernel, wrong, ..) in &faults {
            let outcome = outcome(gpu, row);
            caught += usize::from(outcome.is_ok());
            let said = outcome.unwrap_or_else(|why| format!("NOT CAUGHT: {why}"));
            let _ = writeln!(table, "  {operator:19} {kernel:25} {wrong:54} {said}");
        }
        adapters::say(&format!(
            "{caught} of {} seeded faults caught on {}:\n{table}",
            faults.len(),
            gpu.adapter()
        ));
        assert_eq!(caught, faults.len(), "\n{table}");
    });
}

/// What shows at one size alone is caught by the case that is there for it, and not by luck.
#[test]
fn every_fault_at_an_edge_is_caught_by_its_case() {
    adapters::each(|gpu| {
        for row @ (operator, kernel, story, ..) in EDGES.iter().filter(|row| has(gpu, row.1)) {
            let faulty = planted(gpu, row);
            let cases = fixed(operator).into_iter().filter(|case| case.story == *story);
            let failures = cases.filter_map(|case| {
                let inputs = case.inputs();
                let inputs = harness::views(&inputs);
                let want = expected(&case.operator, &inputs).unwrap();
                harness::check_on(&faulty, &case.operator, &inputs, &want).err()
            });
            let failures: Vec<String> = failures.collect();
            let of = |why: &str| why.split(" on ").next().unwrap_or_default().to_owned();
            let ran = |why: &String| why.contains(" element") || why.contains("misses");
            let caught = failures.iter().any(|why| of(why).contains(kernel) && ran(why));
            assert!(caught, "{kernel}, {story}: {failures:?}");
        }
    });
}

fn kernel_of(name: &str) -> &'static Kernel {
    all().find(|kernel| kernel.name == name).unwrap()
}

/// Whether an adapter can run this kernel.
fn has(gpu: &Gpu, name: &str) -> bool {
    let (kernel, adapter) = (kernel_of(name), gpu.adapter());
    (adapter.subgroup_size >= 8 || !kernel.subgroups)
        && (adapter.matrix_side > 0 || !kernel.matrices)
}

/// The adapter with the fault in its shader.
fn planted(gpu: &Gpu, &(_, kernel, _, from, to): &Row) -> Gpu {
    adapters::fresh(gpu, |options| {
        if kernel_of(kernel).matrices {
            options.precision = Precision::F16;
        }
        options.testing().faults.push(Fault {
            kernel: kernel.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        });
    })
}

/// How the fault was caught; an error where it was not, or by something that it should not have touched.
fn outcome(gpu: &Gpu, row @ &(operator, kernel, ..): &Row) -> Result<String, String> {
    let faulty = planted(gpu, row);
    let report = verified(&faulty, operator, Some(kernel));
    // A shader that does not compile or run would fail every case, and say nothing about the checks.
    if let Some(other) = report.failures.iter().find(|f| !f.reason.contains(" element")) {
        return Err(format!("{}: {}", other.kernel, other.reason));
    }
    let hit = |name: &str| {
        let mut parts = name.split('+').filter_map(|part| part.split('[').next());
        parts.any(|part| part == kernel || HELPERS.contains(&(kernel, part)))
    };
    if let Some(other) = report.failures.iter().find(|f| !hit(&f.kernel)) {
        return Err(format!("{} failed, which the fault is not in", other.kernel));
    }
    if report.failures.is_empty() {
        return Err(format!("none of {} cases failed", report.cases));
    }
    Ok(report.failures[0].case.clone())
}

fn verified(gpu: &Gpu, operator: &str, kernel: Option<&str>) -> Report {
    let settings = Settings {
        operators: vec![operator.to_owned()],
        seed: 1,
        cases: 50,
        kernel: kernel.map(str::to_owned),
    };
    verify(Some(gpu), &settings, &mut |_, _| {}).unwrap()
}

/// Most adapters are given the shaders that read four floats, not two words; so are software adapters that have no integers
/// of 64 bits.
#[test]
fn kernels_are_right_without_integers_of_64_bits() {
    adapters::each(|gpu| {
        let plain = adapters::fresh(gpu, |options| {
            options.testing().without_int64 = true;
            // No fault: what a shader does not hold cannot be replaced, and the kernel would fail.
            let text = || "alias Packed4 = real4;".to_owned();
            let kernel = "elementwise/add".to_owned();
            options.testing().faults.push(Fault { kernel, from: text(), to: text() });
        });
        for name in
            ["add", "batch_norm", "conv2d", "dynamic_conv2d", "involution", "span_involution"]
        {
            let report = verified(&plain, name, None);
            assert!(report.failures.is_empty(), "{:?}", report.failures);
        }
    });
}

/// The table leaves no kernel out, and the same cases pass where no fault is planted.
#[test]
fn every_kernel_has_a_seeded_fault() {
    for kernel in all() {
        let planted = seeded_faults().iter().any(|(_, (name, ..))| *name == kernel.name);
        let name = kernel.name;
        assert!(
            planted,
            "{name} needs a line in FAULTS of a file in crates/involution-check/src/operators"
        );
    }
    adapters::each(|gpu| {
        for name in NAMES {
            let report = verified(gpu, name, None);
            assert!(report.failures.is_empty(), "{:?}", report.failures);
        }
    });
}

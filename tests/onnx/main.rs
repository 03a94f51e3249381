//! The operator cases of the ONNX project, one named test for each file below `cases/`: on the reference,
//! and with every candidate kernel on every adapter. `skipped.json` says which cases are not here, and why.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// The other binary needs more of what is shared.
#[allow(dead_code)]
#[path = "../adapters.rs"]
mod adapters;
#[path = "../files.rs"]
mod files;
#[allow(dead_code, unused_macros, unused_imports)]
#[path = "../harness.rs"]
mod harness;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use involution::reference::{self, Array};
use involution_check::{Expected, expected};
use libtest_mimic::{Arguments, Failed, Trial};

/// The tolerance of ONNX's own test runner.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let folder = files::directory().join("onnx").join("cases");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 50, "{} cases are not all of them", paths.len());
    let trials = paths.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        Trial::test(name, move || check(&path))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    if !arguments.list && !conclusion.has_failed() {
        adapters::summary();
    }
    conclusion.exit_code()
}

fn check(path: &Path) -> Result<(), Failed> {
    let _running = adapters::Running::start();
    adapters::count(1);
    let files::Stored { operator, inputs, out, .. } = files::onnx(path);
    let views = harness::views(&inputs);
    let tolerance = |value: &f32| ABSOLUTE + RELATIVE * f64::from(value.abs());
    let onnx =
        Expected { value: Array::from(&out), bound: out.data().iter().map(tolerance).collect() };
    let comparison = involution_check::compare(&onnx, &reference::run(&operator, &views)?);
    if !comparison.passed() {
        return Err(format!("the reference is not what ONNX expects: {comparison:?}").into());
    }
    // Both what ONNX asks for and the far tighter bound of the arithmetic.
    harness::check_call(&operator, &inputs, &onnx)?;
    harness::check_call(&operator, &inputs, &expected(&operator, &views)?)?;
    Ok(())
}

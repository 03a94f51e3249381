//! Every test of the crate but the ONNX cases: one binary, so that adapters are opened and kernels compiled once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod adapters;
mod allowed;
mod attributes;
#[path = "../examples/digits.rs"]
#[allow(dead_code)] // the suite calls what main is made of
mod digits_example;
mod faults;
mod files;
mod gpu;
mod harness;
mod harness_can_fail;
mod image;
mod kernels;
mod models;
mod networks;
mod nn;
mod ops;
mod plan;
mod schedule;
mod shaders;
mod structure;
mod tune;
mod weights;
mod worked_examples;

/// The last test by name, and so the last to start.
#[test]
fn zz_cases_on_adapters() {
    adapters::summary();
}

//! Calls with several candidates, and what may be stored for them.

#![allow(dead_code)] // each binary of tests uses some

use std::path::{Path, PathBuf};

use involution::autotune::{Entry, Key};
use involution::ops::{Conv2d, Operator};
use involution::{Gpu, Shape};

/// An empty folder of this name below the build products.
pub fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tune").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A 1x1 convolution in two groups, which several kernels can do on any adapter.
pub fn pointwise() -> (Operator, Vec<Shape>) {
    let conv = Conv2d { groups: 2, ..Conv2d::default() };
    (conv.into(), vec![Shape::from([1, 8, 12, 12]), Shape::from([16, 4, 1, 1])])
}

pub fn views(shapes: &[Shape]) -> Vec<&Shape> {
    shapes.iter().collect()
}

/// The names of the candidates by the fixed order, and by the one that holds for this device.
pub fn names(gpu: &Gpu, op: &Operator, shapes: &[Shape]) -> (Vec<String>, Vec<String>) {
    let shapes = views(shapes);
    let fixed = gpu.fixed_candidates(op, &shapes).unwrap();
    let now = gpu.candidates(op, &shapes).unwrap();
    let names = |candidates: Vec<involution::kernels::Candidate>| {
        candidates.into_iter().map(|candidate| candidate.name).collect()
    };
    (names(fixed), names(now))
}

/// An entry that prefers a kernel for a call.
pub fn entry(op: &Operator, shapes: &[Shape], kernel: &str) -> Entry {
    Entry {
        key: Key::of(op, &views(shapes)),
        kernel: kernel.to_owned(),
        fixed: "the fixed one".to_owned(),
        ms: 0.5,
        fixed_ms: Some(1.25),
    }
}

//! What the compiler does not hold: which file may import from which, and which files an operator has.

mod imports;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::files::directory;
use imports::{Crate, Edges, circles};

fn root() -> PathBuf {
    directory().parent().unwrap().to_owned()
}

/// The folders of sources in the workspace.
const CRATES: &[&str] = &[
    "src",
    "crates/involution-check/src",
    "crates/involution-bench/src",
    "crates/involution-cli/src",
];

/// The modules of the library, each with those that it may import from besides itself: only such as stand above it here.
const LAYERS: &[(&str, &[&str])] = &[
    ("shape", &[]),
    ("error", &["shape"]),
    ("tensor", &["shape", "error"]),
    ("ops", &["shape", "error"]),
    ("plan", &["shape", "error", "tensor", "ops"]),
    ("shaders", &[]),
    ("kernels", &["shape", "error", "tensor", "shaders", "ops"]),
    ("reference", &["shape", "error", "tensor", "ops", "plan"]),
    ("nn", &["shape", "error", "tensor", "ops", "plan"]),
    ("weights", &["shape", "error", "tensor"]),
    ("models", &["shape", "error", "tensor", "ops", "plan", "nn", "weights"]),
    ("image", &["shape", "error", "tensor", "models"]),
    ("store", &[]),
    ("autotune", &["shape", "error", "ops", "store"]),
    ("schedule", &["shape", "error", "tensor", "ops", "plan", "kernels", "autotune"]),
    (
        "gpu",
        &[
            "shape", "error", "tensor", "ops", "plan", "shaders", "kernels", "schedule", "store",
            "autotune",
        ],
    ),
    ("tolerance", &["shape", "error", "tensor", "ops", "kernels", "schedule", "reference", "gpu"]),
    (
        "autotune/measure",
        &[
            "shape",
            "error",
            "tensor",
            "ops",
            "kernels",
            "schedule",
            "plan",
            "reference",
            "autotune",
            "gpu",
            "tolerance",
        ],
    ),
];

/// The first import that goes against [`LAYERS`].
fn against_the_order(edges: &Edges) -> Option<String> {
    let layer = |file: &str| {
        let module = file.trim_end_matches(".rs");
        let holds = |name: &str| {
            module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // A folder within another may be a layer of its own.
        LAYERS.iter().filter(|(name, _)| holds(name)).max_by_key(|(name, _)| name.len())
    };
    let missing = |file| format!("src/{file} is in none of the layers of tests/structure.rs");
    for (file, imports) in edges.iter().filter(|(file, _)| *file != "lib.rs") {
        let Some((of, allowed)) = layer(file) else { return Some(missing(file)) };
        for import in imports {
            let Some((from, _)) = layer(import) else { return Some(missing(import)) };
            if from != of && !allowed.contains(from) {
                return Some(format!(
                    "src/{file} imports from src/{import}: {of} may not know {from}"
                ));
            }
        }
    }
    None
}

#[test]
fn no_files_import_from_each_other() {
    for of in CRATES {
        let edges = Crate::read(&root().join(of)).edges();
        assert!(edges.values().any(|imports| !imports.is_empty()), "{of}: no imports were found");
        let circles = circles(&edges);
        assert!(circles.is_empty(), "{of}: these files import from each other: {circles:#?}");
    }
}

#[test]
fn imports_of_the_library_go_one_way() {
    for (place, (name, allowed)) in LAYERS.iter().enumerate() {
        let above: BTreeSet<&str> = LAYERS[..place].iter().map(|(name, _)| *name).collect();
        assert!(allowed.iter().all(|name| above.contains(name)), "{name} imports from below");
    }
    let edges = Crate::read(&root().join("src")).edges();
    assert_eq!(against_the_order(&edges), None);
    // The scan sees imports at all.
    let ops = &edges["ops/conv2d.rs"];
    assert!(ops.iter().any(|file| file.starts_with("shape/")), "{ops:?}");
}

/// A library of three files, of which the last imports what is asked for.
fn planted(last: &str) -> Edges {
    let files = [
        ("lib.rs", "mod ops; mod shape; pub use shape::Shape;"),
        ("ops/mod.rs", "mod conv2d; pub use conv2d::Conv2d; pub struct Op;"),
        ("ops/conv2d.rs", "use crate::Shape; pub struct Conv2d(Shape);"),
        ("shape.rs", last),
    ];
    Crate::of(files).edges()
}

#[test]
fn circles_and_wrong_arrows_are_found_however_they_are_written() {
    let right = planted("pub struct Shape; #[cfg(test)] mod tests { use crate::ops::Op; }");
    assert_eq!((circles(&right), against_the_order(&right)), (Vec::new(), None));
    for last in [
        "use crate::ops::Conv2d; pub struct Shape;",
        "use super::ops; pub struct Shape(ops::Conv2d);",
        "use crate::{ops::{self, Conv2d as C}}; pub struct Shape;",
        "use crate::ops::*; pub struct Shape(Conv2d);",
        "pub struct Shape; fn f() { let _ = vec![crate::ops::Conv2d::new()]; }",
        "pub struct Shape; fn f() { use crate::ops::Conv2d; }",
    ] {
        let edges = planted(last);
        let both = [&edges["shape.rs"], &edges["ops/conv2d.rs"]];
        assert!(
            both[0].contains("ops/conv2d.rs") && both[1].contains("shape.rs"),
            "{last}: {edges:?}"
        );
        assert_eq!(circles(&edges)[0].len(), 2, "{last}");
        assert!(against_the_order(&edges).unwrap().contains("shape may not know ops"), "{last}");
    }
    // What is defined in the folder's file is of that file, whatever else it declares.
    let edges = planted("pub struct Shape; fn f(_: &crate::ops::Op) {}");
    assert!(circles(&edges).is_empty() && edges["shape.rs"].contains("ops/mod.rs"));
}

/// Users can match versions through the crate's own re-export; nobody else names wgpu.
#[test]
fn wgpu_is_named_in_one_folder() {
    for (file, paths) in Crate::read(&root().join("src")).paths() {
        let named = paths.iter().any(|path| path.first().is_some_and(|first| first == "wgpu"));
        assert!(!named || file.starts_with("gpu/") || file == "lib.rs", "src/{file} names wgpu");
    }
}

/// Whoever reads a message may not know the names of this library: a command says the same in its flags.
#[test]
fn no_message_of_an_error_names_items_of_the_library() {
    for file in ["src/error.rs", "src/shape/error.rs", "src/error/weights.rs", "src/store.rs"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for attribute in text.split("#[error(").skip(1) {
            let message = attribute.split(")]\n").next().unwrap();
            if message == "transparent" {
                continue;
            }
            let quoted: Vec<&str> = message.split('"').skip(1).step_by(2).collect();
            assert!(!quoted.is_empty(), "{file}: {message}");
            for part in quoted {
                assert!(!part.contains("::") && !part.contains("Options"), "{file}: {part}");
                // PyTorch's are what files are saved with.
                let calls = part.replace("state_dict()", "").replace(".float()", "");
                let calls = calls.replace(".contiguous()", "");
                assert!(!calls.contains("()"), "{file}: {part}");
            }
        }
    }
}

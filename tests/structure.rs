//! The shape of the crate: who may import whom, which files an operator has, how long a file may be.

use std::collections::BTreeSet;
use std::path::PathBuf;

use involution::kernels;
use involution::ops::{NAMES, Op};

use crate::files::directory;
use crate::harness::sample;
use crate::shaders::files_below;

fn root() -> PathBuf {
    directory().parent().unwrap().to_owned()
}

/// What each module may import; what is not listed may import nothing of this crate.
const IMPORTS: &[(&str, &[&str])] = &[
    ("shape", &[]),
    ("error", &["shape"]),
    ("tensor", &["shape", "error"]),
    ("ops", &["shape", "error"]),
    ("shaders", &[]),
    ("kernels", &["shaders", "ops", "shape", "error"]),
    ("plan", &["tensor", "shape", "error", "ops", "kernels"]),
    ("reference", &["tensor", "shape", "error", "ops", "plan"]),
    ("nn", &["tensor", "shape", "error", "ops", "plan"]),
    ("weights", &["tensor", "shape", "error"]),
    ("models", &["tensor", "shape", "error", "ops", "plan", "nn", "weights"]),
    ("image", &["tensor", "shape", "error", "models"]),
    ("store", &[]),
    ("tuned", &["shape", "error", "ops", "store"]),
    (
        "gpu",
        &[
            "tensor",
            "shape",
            "error",
            "shaders",
            "kernels",
            "ops",
            "reference",
            "plan",
            "store",
            "tuned",
        ],
    ),
    ("tolerance", &["tensor", "shape", "error", "kernels", "ops", "reference", "gpu"]),
    (
        "tune",
        &[
            "tensor",
            "shape",
            "error",
            "ops",
            "kernels",
            "plan",
            "reference",
            "tuned",
            "gpu",
            "tolerance",
        ],
    ),
];

/// A source file below `src/`, without comments and without its unit tests.
struct Source {
    /// Its path below `src/`, without `.rs`.
    path: String,
    code: String,
}

impl Source {
    /// The module at the top of the crate that it belongs to.
    fn module(&self) -> &str {
        self.path.split('/').next().unwrap()
    }

    /// How many `super::` lead to the top of the crate.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod") { parts - 1 } else { parts }
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let read = |path: String| {
        let text = std::fs::read_to_string(src.join(&path).with_extension("rs")).unwrap();
        Source { code: code_of(&text), path }
    };
    let sources: Vec<Source> = files_below(&src, "rs").into_iter().map(read).collect();
    assert!(sources.len() > 40);
    sources
}

/// The text without comments and without what is compiled for unit tests alone, which stands last.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod").next().unwrap();
    let code = text.lines().map(|line| {
        let comment = line.match_indices("//").find(|(at, _)| {
            // Not within a string, such as an address.
            line[..*at].matches('"').count() % 2 == 0
        });
        comment.map_or(line, |(at, _)| &line[..at])
    });
    code.collect::<Vec<_>>().join("\n")
}

/// The first name of each path that starts with this prefix, also within braces: `crate::{a, b::c}`.
fn named_after<'a>(code: &'a str, prefix: &str) -> Vec<&'a str> {
    let name = |text: &'a str| {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        &text[..end]
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => found.push(name(rest)),
            Some(list) => {
                let (mut depth, mut start) = (0, true);
                for (at, c) in list.char_indices() {
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            found.push(name(&list[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

/// The modules of the crate that a file names.
fn imports(source: &Source) -> BTreeSet<String> {
    let up = "super::".repeat(source.depth());
    let mut names = named_after(&source.code, "crate::");
    names.extend(named_after(&source.code, "$crate::"));
    names.extend(named_after(&source.code, &up));
    names.into_iter().map(|name| home_of(name).to_owned()).collect()
}

/// The module that a name at the top of the crate stands for.
fn home_of(name: &str) -> &str {
    match name {
        "Error" | "Result" | "Limit" => "error",
        "Gpu" | "wgpu" => "gpu",
        "Operator" => "ops",
        "Padding" | "Shape" | "ShapeError" | "Window" => "shape",
        "StateDict" | "Tensor" | "TensorView" => "tensor",
        "Layer" | "Plan" => "plan",
        "WeightsError" | "BadView" | "WeightsLimit" => "error",
        // The macro is part of the module of its name.
        module => module,
    }
}

#[test]
fn imports_go_one_way() {
    let mut seen = BTreeSet::new();
    for source in sources() {
        let module = source.module();
        if module == "lib" {
            continue;
        }
        let allowed = IMPORTS.iter().find(|(name, _)| *name == module);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{module} is not in the table"));
        for import in imports(&source) {
            assert!(
                import == module || allowed.contains(&import.as_str()),
                "src/{}.rs: {module} may not import {import}",
                source.path
            );
            seen.insert((module.to_owned(), import));
        }
    }
    // The scan sees imports at all.
    for (module, import) in
        [("kernels", "ops"), ("reference", "ops"), ("gpu", "error"), ("tolerance", "gpu")]
    {
        assert!(seen.contains(&(module.to_owned(), import.to_owned())), "{module} -> {import}");
    }
}

#[test]
fn the_scan_of_imports_sees_every_way_to_write_one() {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), code: code_of(text) };
    let found =
        |path: &str, text: &str| imports(&source(path, text)).into_iter().collect::<Vec<_>>();
    assert_eq!(found("ops/x", "use crate::gpu::Gpu;"), ["gpu"]);
    assert_eq!(
        found("ops/x", "use crate::{kernel::{Grid, Kernel},\n    Gpu, shape};"),
        ["gpu", "kernel", "shape"]
    );
    assert_eq!(found("ops/x", "fn f() -> crate::Tensor { todo }"), ["tensor"]);
    assert_eq!(found("ops/x", "use super::super::check::compare;"), ["check"]);
    assert_eq!(found("ops/mod", "use super::reference;"), ["reference"]);
    assert_eq!(found("tensor", "use super::gpu::Gpu;"), ["gpu"]);
    assert_eq!(found("ops/x", "use super::{Op, required}; // crate::gpu"), [""; 0]);
    assert_eq!(found("ops/x", "mycrate::gpu; a::crate::gpu;"), [""; 0]);
    assert_eq!(found("ops/x", "fn f() {}\n#[cfg(test)]\nmod tests { use crate::gpu; }"), [""; 0]);
}

/// Users can match versions through the crate's own re-export; nobody else names wgpu.
#[test]
fn wgpu_is_named_in_one_folder() {
    for source in sources() {
        let code = &source.code;
        let named = !named_after(code, "wgpu::").is_empty() || code.contains("use wgpu");
        match source.path.as_str() {
            "lib" => assert_eq!(code.matches("wgpu").count(), 1, "lib.rs re-exports it, no more"),
            path => assert!(!named || path.starts_with("gpu/"), "src/{path}.rs names wgpu"),
        }
    }
}

/// A failure of the library is an `Err`.
#[test]
fn the_library_does_not_panic_on_purpose() {
    for source in sources() {
        let at = |what: &str| format!("src/{}.rs: {what}", source.path);
        let banned = [
            "panic!(",
            "unreachable!(",
            "todo!(",
            "unimplemented!(",
            ".unwrap()",
            "assert!(",
            "assert_eq!(",
            "println!(",
            "dbg!(",
        ];
        for what in banned {
            assert!(!source.code.contains(what), "{}", at(what));
        }
        // `Shape::expect` has five arguments, those of `Option` and `Result` one.
        for (start, what) in source.code.match_indices(".expect(") {
            assert!(arguments(&source.code[start + what.len()..]) > 1, "{}", at(what));
        }
    }
}

/// The number of arguments of the call whose text follows the opening parenthesis.
fn arguments(text: &str) -> usize {
    let (mut depth, mut count) = (0, 1);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => return count,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => count += 1,
            _ => {}
        }
    }
    count
}

#[test]
fn an_operator_is_files_of_one_name() {
    let root = root();
    let modules = std::fs::read_to_string(root.join("tests/ops/mod.rs")).unwrap();
    for name in NAMES {
        assert!(modules.contains(&format!("mod {name};")), "tests/ops/mod.rs leaves out {name}");
        let files = [
            format!("src/ops/{name}.rs"),
            format!("src/reference/{name}.rs"),
            format!("tests/ops/{name}.rs"),
        ];
        for file in files {
            assert!(root.join(&file).is_file(), "{file} is missing");
        }
        let general = format!("/{name}");
        let has_kernel = kernels::all().any(|kernel| kernel.name.ends_with(&general));
        assert!(has_kernel, "no folder of shaders/ has {name}.wgsl");
        let tests = std::fs::read_to_string(root.join(format!("tests/ops/{name}.rs"))).unwrap();
        assert!(tests.contains(&format!("every_operator!(\"{name}\")")), "tests/ops/{name}.rs");
        for case in sample(name, 3) {
            assert_eq!(case.operator.name(), *name);
        }
    }
    // And no file of these folders belongs to no operator.
    for (folder, ending, others) in [
        ("src/ops", "rs", &["mod", "attributes", "op", "operator", "pool"][..]),
        ("src/reference", "rs", &["mod", "network"]),
        ("tests/ops", "rs", &["mod"]),
    ] {
        for file in files_below(&root.join(folder), ending) {
            let stem = file.split('/').next().unwrap();
            let known = NAMES.contains(&stem) || others.contains(&stem);
            assert!(known, "{folder}/{file}.{ending} belongs to no operator");
        }
    }
}

#[test]
fn a_kernel_is_named_like_its_file() {
    for kernel in kernels::all() {
        let path = root().join("shaders").join(format!("{}.wgsl", kernel.name));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, kernel.source, "{}", kernel.name);
    }
}

/// Files that are longer than the limit, and why. One that no longer is must leave the list.
const LONG: &[(&str, &str)] = &[];

#[test]
fn no_file_is_too_long() {
    let root = root();
    for (folder, ending, limit) in [
        ("src", "rs", 500),
        ("crates", "rs", 500),
        ("tests", "rs", 500),
        ("benches", "rs", 500),
        ("examples", "rs", 500),
        ("shaders", "wgsl", 200),
    ] {
        for file in files_below(&root.join(folder), ending) {
            let file = format!("{folder}/{file}.{ending}");
            let lines = std::fs::read_to_string(root.join(&file)).unwrap().lines().count();
            let excused = LONG.iter().any(|(name, _)| *name == file);
            assert!(lines <= limit || excused, "{file} has {lines} lines, more than {limit}");
            assert!(lines > limit || !excused, "{file} has {lines} lines: it needs no excuse");
        }
    }
    for (file, why) in LONG {
        assert!(root.join(file).is_file() && !why.is_empty(), "{file}");
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

//! Registers the shaders: every file below `shaders/` with an entry point is a kernel, every other a fragment.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

#[allow(dead_code, reason = "only directives are read here")]
#[path = "src/shaders/text.rs"]
mod text;

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=shaders");
    println!("cargo::rerun-if-changed=src/shaders/text.rs");
    let mut files = Vec::new();
    collect(Path::new("shaders"), &mut files)?;
    files.sort();
    let (mut fragments, mut names) = (String::new(), String::new());
    // The kernels of each folder.
    let mut modules = BTreeMap::<String, String>::new();
    for path in files {
        let source = fs::read_to_string(&path)?;
        let name = path.strip_prefix("shaders").unwrap_or(&path).with_extension("");
        let name = name.to_string_lossy().replace('\\', "/");
        let file = format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/shaders/{name}.wgsl\")");
        if !source.contains("@compute") {
            let _ = writeln!(fragments, "(\"{name}\", include_str!({file})),");
            continue;
        }
        let (folder, stem) = name.split_once('/').unwrap_or(("", &name));
        let header = match text::header(&name, &source) {
            Ok(header) => header,
            Err(message) => {
                println!("cargo::error={message}");
                continue;
            }
        };
        let mut variants = String::new();
        for values in &header.variants {
            let label = text::label(values);
            let _ = write!(variants, "Variant {{ label: \"{label}\", values: &{values:?} }}, ");
        }
        let id = stem.to_uppercase();
        let _ = writeln!(
            modules.entry(folder.to_owned()).or_default(),
            "/// `shaders/{name}.wgsl`\npub static {id}: Kernel = Kernel {{ name: \"{name}\", \
             source: include_str!({file}), variants: &[{variants}], subgroups: {}, matrices: {} }};",
            header.subgroups,
            header.matrices
        );
        let _ = write!(names, "&{folder}::{id}, ");
    }
    let mut generated = format!(
        "/// The files that kernels import.\npub const FRAGMENTS: &[(&str, &str)] = &[{fragments}];\n\
         /// The kernels of all operators, and those that measure an adapter.\n\
         pub const KERNELS: &[&Kernel] = &[{names}];\n"
    );
    for (folder, kernels) in modules {
        let _ = writeln!(
            generated,
            "/// The kernels in `shaders/{folder}/`.\npub mod {folder} {{\nuse super::{{Kernel, Variant}};\n{kernels}}}"
        );
    }
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(folder.join("shaders.rs"), generated)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "wgsl") {
            files.push(path);
        }
    }
    Ok(())
}

//! Checks the shaders as they lie in `shaders/`, each variant for every interface:
//!
//! ```text
//! cargo run -p shader-check -- software/involution common/vec4
//! ```
//!
//! A kernel is checked where it, or a file that it imports, is named; without names all are. Does not depend on the
//! library, so that nothing but this is built again after a shader was edited.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs, io};

use io::Write;

#[allow(dead_code, reason = "the tests of the library use the rest")]
#[path = "../../../src/shaders/text.rs"]
mod text;
#[path = "../../../tests/shaders/translate.rs"]
mod translate;

fn main() -> io::Result<ExitCode> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shaders");
    let mut files = BTreeMap::new();
    read(&root, &root, &mut files)?;
    let wanted: Vec<String> = env::args().skip(1).map(|name| stem(&name)).collect();
    let (mut checked, mut failures) = (0, Vec::new());
    for (name, source) in files.iter().filter(|(_, source)| source.contains("@compute")) {
        match check(name, source, &files, &wanted) {
            Ok(variants) => checked += variants,
            Err(message) => failures.push(message),
        }
    }
    let mut out = io::stdout().lock();
    for message in &failures {
        writeln!(out, "{message}\n")?;
    }
    writeln!(out, "{checked} variants are right, {} kernels are not", failures.len())?;
    let right = failures.is_empty() && checked > 0;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The variants of a kernel that were checked: none where no name that is wanted has to do with it.
fn check(
    name: &str,
    source: &str,
    files: &BTreeMap<String, String>,
    wanted: &[String],
) -> Result<usize, String> {
    let fragment = |file: &str| files.get(file).map(String::as_str);
    let mut checked = 0;
    let header = text::header(name, source)?;
    for variant in header.variants {
        let values: Vec<(&str, u32)> =
            variant.iter().map(|(name, value)| (&name[..], *value)).collect();
        // Whoever has matrix units stores half precision.
        for device in text::DEVICES.into_iter().filter(|it| !header.matrices || it == &["F16"]) {
            let expanded = text::expand(name, source, &values, device, &fragment)?;
            if wanted.is_empty() || wanted.iter().any(|file| expanded.files.contains(file)) {
                translate::to_every_interface(&expanded).map_err(|message| {
                    format!("{name}[{}] {device:?}: {message}", text::label(&variant))
                })?;
                checked += 1;
            }
        }
    }
    Ok(checked)
}

/// `software/involution` of `shaders/software/involution.wgsl`.
fn stem(name: &str) -> String {
    let name = name.strip_suffix(".wgsl").unwrap_or(name);
    name.split_once("shaders/").map_or(name, |(_, below)| below).to_owned()
}

fn read(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "wgsl") {
            let name =
                path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.insert(stem(&name), fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

//! Registers the shaders: every file below `shaders/` with an entry point is a kernel, every other a fragment.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=shaders");
    let mut files = Vec::new();
    collect(Path::new("shaders"), &mut files)?;
    files.sort();
    let mut fragments = String::new();
    for path in files {
        let name = path.strip_prefix("shaders").unwrap_or(&path).with_extension("");
        let name = name.to_string_lossy().replace('\\', "/");
        if name.starts_with("common/") {
            let include =
                format!("concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/shaders/{name}.wgsl\")");
            let _ = writeln!(fragments, "(\"{name}\", include_str!({include})),");
        }
    }
    let generated = format!(
        "/// The files that kernels import.\npub const FRAGMENTS: &[(&str, &str)] = &[{fragments}];\n"
    );
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

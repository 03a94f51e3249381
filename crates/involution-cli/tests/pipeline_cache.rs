//! What drivers compiled, kept in a file by the command.

use std::fs;
use std::path::Path;
use std::process::Command;

use involution::Gpu;

use super::{folder, repository};
use crate::adapters;

/// The command writes the file where caches lie, and does not fail where it cannot. Nobody who reads its stderr has to
/// read a bar.
#[test]
fn commands_keep_what_they_compiled() {
    let run = |gpu: &Gpu, folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
        command.args(["run", "examples/digits/7.png", "--adapter"]);
        command.arg(gpu.adapter().index.to_string()).current_dir(repository(""));
        command.env("INVOLUTION_CACHE_DIR", folder).env("INVOLUTION_TUNE", "off");
        let ran = command.env_remove("RUST_LOG").output().unwrap();
        let stderr = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success() && !stderr.contains("compiling"), "{stderr}");
        stderr
    };
    adapters::each(|gpu| {
        if gpu.adapter().backend != "Vulkan" {
            return;
        }
        let above = folder("pipeline_cache");
        let folder = above.join("below");
        for _ in 0..2 {
            run(gpu, &folder);
            let files: Vec<_> = fs::read_dir(&folder).unwrap().collect();
            let [Ok(file)] = files.as_slice() else { panic!("{files:?}") };
            let name = file.file_name().into_string().unwrap();
            assert!(name.starts_with("pipelines-") && name.ends_with(".bin"), "{name}");
        }
        // Below a file there is no folder.
        let file = above.join("file");
        fs::write(&file, "").unwrap();
        let stderr = run(gpu, &file);
        assert!(stderr.contains("warning: cannot write"), "{stderr}");
    });
}

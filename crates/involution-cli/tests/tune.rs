//! The command: what it prints and writes, and that other commands then run what it chose.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use involution::Tensor;
use involution::autotune::{Cache, Entry};
use serde_json::Value;

use crate::adapters;
use crate::calls::{entry, folder, names, pointwise, views};

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stderr))
    }
}

/// Runs the command with this folder for the files of measured choices.
fn involution(folder: &Path, tune: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("RUST_LOG");
    command.env("INVOLUTION_CACHE_DIR", folder).env("INVOLUTION_TUNE", tune);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) };
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    ran
}

/// The files of choices there; those that are locked while they are written stay beside them.
fn files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_none_or(|it| it != "lock")).collect()
}

const TUNE: [&str; 5] = ["tune", "--model", "rednet_digits", "--ops", "softmax,add,linear"];

#[test]
fn tune_writes_what_it_measured_and_keeps_what_is_there() {
    let folder = folder("command");
    adapters::each(|gpu| {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let index = gpu.adapter().index.to_string();
        let tune = |more: &[&str]| {
            let arguments = [&TUNE[..], &["--adapter", &index], more].concat();
            involution(&folder, "on", &arguments)
        };
        let ran = tune(&["--dry-run"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("A dry run"), "{}", ran.stdout);
        assert_eq!(files(&folder), [""; 0].map(PathBuf::from));

        let ran = tune(&["--json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let json = ran.json();
        assert_eq!(json["network"], "rednet_digits");
        assert_eq!((&json["written"], &json["interrupted"]), (&true.into(), &false.into()));
        let rows = json["calls"].as_array().unwrap();
        let timed = rows.iter().filter(|row| row["timer"] != Value::Null).count();
        assert!(timed > 0);
        for row in rows {
            let candidates = row["candidates"].as_array().unwrap();
            assert!(candidates.iter().all(|c| c["eligible"] == true), "{row}");
            assert!(candidates.iter().any(|c| c["kernel"] == row["kernel"]), "{row}");
        }
        let path = files(&folder).pop().unwrap();
        assert_eq!(json["file"], path.to_str().unwrap());
        let identity = gpu.adapter().identity();
        let mut cache = Cache::load(&path, &identity).unwrap();
        assert_eq!(cache.entries().len(), timed);

        // What it does not measure stays; what it does is there once.
        let (op, shapes) = pointwise();
        cache.insert(entry(&op, &shapes, "conv/conv2d[T=2]"));
        cache.save(&path).unwrap();
        let ran = tune(&[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stdout.contains("Written to"), "{}", ran.stdout);
        assert_eq!(files(&folder), std::slice::from_ref(&path));
        let merged = Cache::load(&path, &identity).unwrap();
        assert_eq!(merged.entries().len(), timed + 1);

        // A file that is damaged is written anew.
        std::fs::write(&path, "{").unwrap();
        let ran = tune(&[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(ran.stderr.contains("written anew"), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("damaged").count(), 1, "{}", ran.stderr);
        assert_eq!(Cache::load(&path, &identity).unwrap().entries().len(), timed);
    });
}

/// A stop from outside, as of a job that ran out of its time, loses nothing that was measured.
#[cfg(unix)]
#[test]
fn tune_keeps_what_it_measured_when_it_is_terminated() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;
    let folder = folder("terminated");
    adapters::each(|gpu| {
        let _ = std::fs::remove_dir_all(&folder);
        let index = gpu.adapter().index.to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
        command.args(["tune", "--model", "rednet_digits", "--adapter", &index]);
        command.env("INVOLUTION_CACHE_DIR", &folder).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // The adapter is named when the first call is about to be measured.
        let mut said = String::new();
        stdout.read_line(&mut said).unwrap();
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        stdout.read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{said}");
        for part in ["Interrupted: the other calls were not measured", "Written to"] {
            assert!(said.contains(part), "{said}");
        }
        let path = files(&folder).pop().unwrap();
        let kept = Cache::load(&path, &gpu.adapter().identity()).unwrap().entries().len();
        assert!(kept == 0 || said.contains(&format!("a choice: {kept},")), "{kept}: {said}");
    });
}

/// `op` says which kernel ran.
#[test]
fn other_commands_run_the_measured_kernel_unless_it_is_off() {
    let folder = folder("used");
    let (op, shapes) = pointwise();
    let tensors = shapes.iter().map(|shape| Tensor::filled(shape.clone(), 0.5).unwrap());
    let tensors: Vec<Tensor> = tensors.collect();
    let input = folder.join("in.safetensors");
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|t| t.data().iter().flat_map(|v| v.to_le_bytes()).collect()).collect();
    let views_of =
        ["x", "weight"].into_iter().zip(&tensors).zip(&bytes).map(|((name, t), bytes)| {
            let dims = t.shape().dims().to_vec();
            (
                name,
                safetensors::tensor::TensorView::new(safetensors::Dtype::F32, dims, bytes).unwrap(),
            )
        });
    std::fs::write(&input, safetensors::serialize(views_of, None).unwrap()).unwrap();
    let output = folder.join("out.safetensors");
    let [input, output] = [&input, &output].map(|path| path.to_str().unwrap());
    adapters::each(|gpu| {
        let identity = gpu.adapter().identity();
        let index = gpu.adapter().index.to_string();
        let (fixed, _) = names(gpu, &op, &shapes);
        let [first, .., last] = fixed.as_slice() else { panic!("{fixed:?}") };
        // Where the command looks, it says itself.
        let arguments = [&TUNE[..], &["--adapter", &index, "--dry-run", "--json"]].concat();
        let path =
            involution(&folder, "on", &arguments).json()["file"].as_str().unwrap().to_owned();
        let mut cache = Cache::new(identity);
        cache.insert(Entry { fixed: last.clone(), ..entry(&op, &shapes, first) });
        cache.save(Path::new(&path)).unwrap();
        assert!(cache.choices().kernel(&op, &views(&shapes)).is_some());
        let kernel = |tune: &str| {
            let arguments = [
                &["--adapter", &index, "op", "conv2d", "--attr", "groups=2", "--json"][..],
                &["--input", input, "--output", output],
            ];
            let ran = involution(&folder, tune, &arguments.concat());
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            ran.json()["kernel"].as_str().unwrap().to_owned()
        };
        for on in ["", "on", "1"] {
            assert_eq!(kernel(on), *first, "INVOLUTION_TUNE={on}");
        }
        for off in ["off", "0"] {
            assert_eq!(kernel(off), *last, "INVOLUTION_TUNE={off}");
        }
    });
}

/// Where the file lies without `INVOLUTION_CACHE_DIR`.
#[cfg(target_os = "linux")]
#[test]
fn the_file_lies_where_caches_do() {
    adapters::each(|gpu| {
        let index = gpu.adapter().index.to_string();
        let place = |xdg: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
            command.args(["tune", "--model", "rednet_digits", "--ops", "linear", "--dry-run"]);
            command.args(["--json", "--adapter", &index]);
            command.env("INVOLUTION_CACHE_DIR", "").env("HOME", "/a/home");
            // Mesa keeps its shaders there, too, and a relative folder is one in the sources.
            command.env("XDG_CACHE_HOME", xdg).env("MESA_SHADER_CACHE_DISABLE", "true");
            let json: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
            let path = PathBuf::from(json["file"].as_str().unwrap());
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(name.starts_with("tuned-") && name.ends_with(".json"), "{name}");
            assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c)), "{name}");
            path.parent().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(place("/a/cache"), "/a/cache/involution");
        // A relative path counts for nothing there.
        for xdg in ["", "cache"] {
            assert_eq!(place(xdg), "/a/home/.cache/involution");
        }
    });
}

#[test]
fn tune_says_what_it_cannot_do() {
    let folder = folder("misuse");
    let ran = involution(&folder, "on", &["--adapter", "cpu", "tune"]);
    // With a GPU required, the reference is a contradiction.
    if ran.code == Some(0) {
        assert!(ran.stdout.contains("nothing to tune"), "{}", ran.stdout);
        let json = involution(&folder, "on", &["--adapter", "cpu", "tune", "--json"]).json();
        assert_eq!((&json["calls"], &json["file"]), (&Value::Array(Vec::new()), &Value::Null));
    }
    for (arguments, part) in [
        (&["tune", "--model", "alexnet"][..], "rednet50"),
        (&["tune", "--model", "rednet_digits", "--ops", "fold"], "no call of fold"),
        (&["tune", "--ops", "conv4d"], "conv4d"),
        (&["tune", "--size", "large"], "224 or 480x640"),
        (&["tune", "--batch", "0"], "empty"),
    ] {
        let ran = involution(&folder, "on", arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(part) && ran.stdout.is_empty(), "{}", ran.stderr);
    }
    assert_eq!(files(&folder), [""; 0].map(PathBuf::from));
}

//! The command line on networks, as a user runs it: what it prints, what it writes, and its exit codes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../tests/adapters.rs"]
#[allow(dead_code)]
mod adapters;
mod bench;
mod bench_files;
mod bench_peers;
#[path = "../../../tests/tune/calls.rs"]
mod calls;
mod compare;
mod homes;
mod images;
#[path = "../../../tests/networks.rs"]
#[allow(dead_code)]
mod networks;
#[cfg(feature = "pipeline-cache")]
mod pipeline_cache;
mod registers;
mod sizes;
mod streams;
mod tune;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use involution::models::RedNet;
use involution::nn::Involution2d;
use involution::{Layer, StateDict, Tensor, models, reference, weights};
use serde_json::Value;

use crate::networks::{assert_close, input, state_of, zeros_of};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn digits(name: &str) -> PathBuf {
    repository("examples/digits").join(name)
}

/// An empty folder of this name below the build products.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli").join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}\n{}", self.stdout, self.stderr);
        })
    }
}

/// Runs the command with these arguments, and sees that it ends well or with a message, never a panic.
fn involution<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Ran {
    involution_with(arguments, &[])
}

/// Runs the command with these arguments and variables of the environment.
fn involution_with<S: AsRef<std::ffi::OsStr>>(arguments: &[S], variables: &[(&str, &Path)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("RUST_LOG");
    // What was measured on the machine at hand must not change what is tested.
    command.env("INVOLUTION_TUNE", "off");
    command.env("INVOLUTION_CACHE_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli"));
    command.envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let ran = Ran {
        code: status.code().expect("ended by a signal"),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    };
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains("panicked") && !text.contains("RUST_BACKTRACE"), "{text}");
    }
    if ran.code != 0 && !ran.stdout.contains("error") {
        assert!(ran.stderr.contains("error"), "{}: {}", ran.code, ran.stderr);
    }
    ran
}

/// Arguments from words and paths.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => { [$(Path::new(&$argument).as_os_str()),*] };
}
use arguments;

mod pictures; // behind the macro, which they take
mod weight_files;

/// The command fails with code 2, and the message names all of `parts`.
fn misused(ran: &Ran, parts: &[&str]) {
    assert_eq!(ran.code, 2, "{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.stdout, "");
    for part in parts {
        assert!(ran.stderr.contains(part), "'{part}' is missing: {}", ran.stderr);
    }
}

#[test]
fn run_reads_the_ten_digits() {
    let images: Vec<PathBuf> = (0..10).map(|digit| digits(&format!("{digit}.png"))).collect();
    for batch in ["1", "4"] {
        let mut arguments = vec!["run".into(), "--json".into(), "--batch".into(), batch.into()];
        arguments.extend(images.iter().cloned());
        let ran = involution(&arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let json = ran.json();
        assert_eq!(json["network"], "rednet_digits");
        let rows = json["images"].as_array().unwrap();
        assert_eq!(rows.len(), 10);
        for (digit, (row, path)) in rows.iter().zip(&images).enumerate() {
            assert_eq!(row["image"], path.to_str().unwrap());
            assert_eq!(row["error"], Value::Null);
            let predictions = row["predictions"].as_array().unwrap();
            assert_eq!(predictions.len(), 5);
            assert_eq!(predictions[0]["index"], digit);
            assert_eq!(predictions[0]["label"], digit.to_string());
            let shares: Vec<f64> =
                predictions.iter().map(|p| p["probability"].as_f64().unwrap()).collect();
            assert!(shares.is_sorted_by(|a, b| a >= b) && shares[0] > 0.5, "{shares:?}");
            assert!(shares.iter().sum::<f64>() <= 1.0 + 1e-9);
        }
    }
    // For people: a line with the label, and every class if asked.
    let ran = involution(&arguments!["run", "--top", "10", images[7]]);
    assert_eq!(ran.code, 0);
    let first = ran.stdout.lines().find(|line| line.contains('%')).unwrap();
    assert!(first.contains(" 7 "), "{first}");
    assert_eq!(ran.stdout.matches('%').count(), 10);
}

#[test]
fn run_goes_on_after_an_image_that_cannot_be_read() {
    let folder = folder("broken");
    let broken = folder.join("broken.png");
    let whole = std::fs::read(digits("3.png")).unwrap();
    std::fs::write(&broken, &whole[..whole.len() / 3]).unwrap();
    for batch in ["1", "3"] {
        let ran = involution(&arguments![
            "run",
            "--json",
            "--batch",
            batch,
            digits("3.png"),
            broken,
            digits("5.png")
        ]);
        assert_eq!(ran.code, 1);
        let json = ran.json();
        let rows = json["images"].as_array().unwrap();
        let label = |row: &Value| row["predictions"][0]["label"].clone();
        assert_eq!([label(&rows[0]), label(&rows[2])], ["3", "5"]);
        assert!(rows[1]["error"].as_str().unwrap().contains("broken.png"));
        assert_eq!(rows[1]["predictions"], Value::Array(Vec::new()));
        assert_eq!(rows[1]["ms"], Value::Null);
    }
    // Nothing but broken ones, and ones that are not there.
    let ran = involution(&arguments!["run", broken, folder.join("nothing.png")]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stdout.matches("error:").count(), 2, "{}", ran.stdout);
}

#[test]
fn run_takes_labels_and_weights() {
    let folder = folder("labels");
    let labels = folder.join("labels.txt");
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    std::fs::write(&labels, names.join("\n")).unwrap();
    let ran = involution(&arguments![
        "run",
        "--json",
        "--labels",
        labels,
        "--weights",
        digits("rednet_digits.safetensors"),
        digits("8.png")
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(ran.json()["images"][0]["predictions"][0]["label"], "eight");
    std::fs::write(&labels, names[..9].join("\n")).unwrap();
    let ran = involution(&arguments!["run", "--labels", labels, digits("8.png")]);
    misused(&ran, &["labels.txt", "9 names", "10 classes"]);
    let ran = involution(&arguments!["run", "--labels", folder.join("none"), digits("8.png")]);
    misused(&ran, &["none"]);
    misused(&involution(&arguments!["run", "--batch", "0", digits("8.png")]), &["--batch"]);
    misused(&involution(&arguments!["run", "--top", "0", digits("8.png")]), &["--top"]);
    misused(&involution(&arguments!["run"]), &["IMAGE"]);
    // A network that has no weights here, one that does not exist, and weights of another.
    let ran = involution(&arguments!["run", "--model", "rednet50", digits("8.png")]);
    misused(&ran, &["--weights", "rednet_digits"]);
    let ran = involution(&arguments!["run", "--model", "rednet5", digits("8.png")]);
    misused(&ran, &["rednet5", "rednet50"]);
    let file = digits("rednet_digits.safetensors");
    let ran =
        involution(&arguments!["run", "--model", "resnet50", "--weights", file, digits("8.png")]);
    misused(&ran, &["not those of resnet50"]);
    let ran = involution(&arguments!["run", "--weights", digits("README.md"), digits("8.png")]);
    misused(&ran, &["README.md"]);
    let ran =
        involution(&arguments!["run", "--weights", digits("test.safetensors"), digits("8.png")]);
    misused(&ran, &["test.safetensors", "no network"]);
}

/// Dark on light is the opposite of what the network knows, and exchanged again it is not.
#[test]
fn run_exchanges_light_and_dark() {
    let folder = folder("inverted");
    let mut picture = image::open(digits("2.png")).unwrap();
    picture.invert();
    let inverted = folder.join("2.png");
    picture.save(&inverted).unwrap();
    let first = |arguments: &[&std::ffi::OsStr]| {
        let ran = involution(arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.json()["images"][0]["predictions"].clone()
    };
    let plain = first(&arguments!["run", "--json", digits("2.png")]);
    assert_eq!(first(&arguments!["run", "--json", "--invert", inverted]), plain);
    assert_ne!(first(&arguments!["run", "--json", inverted]), plain);
}

#[test]
fn inspect_says_what_a_file_holds() {
    let file = digits("rednet_digits.safetensors");
    let json = involution(&arguments!["inspect", "--json", file]).json();
    assert_eq!(json["format"], "safetensors");
    let network = &json["network"];
    assert_eq!(network["name"], "rednet_digits");
    assert_eq!((&network["parameters"], &network["classes"]), (&38_925.into(), &10.into()));
    assert_eq!(network["input"], serde_json::json!([1, 1, 8, 8]));
    let tensors = json["tensors"].as_array().unwrap();
    let values: u64 = tensors
        .iter()
        .map(|row| {
            row["shape"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).product::<u64>()
        })
        .sum();
    assert_eq!(json["bytes"], 4 * values);
    let text = involution(&arguments!["inspect", file]);
    assert_eq!(text.code, 0);
    for part in ["rednet_digits", "38925 parameters", "10 classes", "more: --all"] {
        assert!(text.stdout.contains(part), "{part}: {}", text.stdout);
    }
    let all = involution(&arguments!["inspect", "--all", file]).stdout;
    for row in tensors {
        assert!(all.contains(row["name"].as_str().unwrap()));
    }
    // Tensors of no network are no error; a file of no tensors is.
    let other = involution(&arguments!["inspect", digits("test.safetensors")]);
    assert_eq!(other.code, 0);
    assert!(other.stdout.contains("no network"), "{}", other.stdout);
    misused(&involution(&arguments!["inspect", digits("0.png")]), &["0.png"]);
    misused(&involution(&arguments!["inspect", digits("none.pth")]), &["none.pth"]);
}

#[test]
fn plan_adds_up() {
    for arguments in [
        &["plan", "rednet26", "--json", "--batch", "2", "--size", "64x96"][..],
        &["plan", "mobilenet_v2", "--json", "--unfused", "--size", "64"],
        &["plan", "rednet_digits", "--json", "--outputs", "c2,logits"],
    ] {
        let ran = involution(arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let json = ran.json();
        let number = |value: &Value| value.as_u64().unwrap();
        let steps = json["steps"].as_array().unwrap();
        let macs: u64 = steps.iter().map(|step| number(&step["macs"])).sum();
        assert_eq!(number(&json["macs"]), macs);
        let memory = &json["memory"];
        let slots: Vec<u64> = memory["slots"].as_array().unwrap().iter().map(number).collect();
        assert_eq!(number(&memory["activations"]), slots.iter().sum::<u64>());
        assert!(number(&memory["least_activations"]) <= slots.iter().sum());
        let parts = ["activations", "weights", "scratch"].map(|part| number(&memory[part]));
        assert_eq!(number(&memory["peak"]), parts.iter().sum::<u64>());
        for (index, step) in steps.iter().enumerate() {
            assert_eq!(number(&step["step"]), index as u64 + 1);
            let slot = step["slot"].as_u64();
            assert!(slot.is_none_or(|slot| (slot as usize) < slots.len()));
            assert_eq!(slot.is_none(), step["op"] == "reshape");
        }
        // The flag before the command is the same.
        let before = involution(&[&["--json"], arguments].concat());
        assert_eq!((before.code, before.stdout), (0, ran.stdout));
    }
    let published = involution(&["plan", "rednet50", "--json"]).json();
    assert_eq!(published["parameters"], 15_541_526);
    assert_eq!(format!("{:.2}", published["flops"].as_f64().unwrap() / 1e9), "2.71");
    assert_eq!(
        involution(&["plan", "rednet50", "--stem", "3", "--json"]).json()["parameters"],
        15_540_806
    );
    let text = involution(&["plan", "rednet26"]);
    assert!(text.stdout.contains("1.73 G FLOPs") && text.stdout.contains("layer4.0.conv3"));
    misused(&involution(&["plan", "rednet27"]), &["rednet27", "rednet26"]);
    misused(&involution(&["plan", "rednet26", "--size", "65"]), &["--any-size"]);
    assert_eq!(involution(&["plan", "rednet26", "--size", "65", "--any-size"]).code, 0);
    misused(&involution(&["plan", "rednet26", "--size", "1x"]), &["--size"]);
    misused(&involution(&["plan", "rednet26", "--batch", "0"]), &["empty"]);
    misused(&involution(&["plan", "rednet26", "--outputs", "c2,c9"]), &["c9", "c5"]);
    misused(&involution(&["plan", "resnet50", "--stem", "3"]), &["--stem"]);
    misused(&involution(&["plan", "resnet50", "--any-size"]), &["--any-size"]);
    misused(&involution(&["plan", "lsnet_t", "--size", "160x224"]), &["129 to 192 pixels"]);
    let published = ["lsnet_t.pth", "jameslahm/lsnet"];
    misused(&involution(&["run", "--model", "lsnet_t", "cat.jpg"]), &published);
    for stem in ["0", "4", "99999999999", "18446744073709551615"] {
        misused(&involution(&["plan", "rednet26", "--stem", stem]), &["stem"]);
    }
    for size in ["18446744073709551615", "4294967295x1", "9999999999"] {
        misused(&involution(&["plan", "mobilenet_v2", "--size", size]), &["too large"]);
    }
}

/// Writes tensors to a file.
fn write(path: &Path, tensors: &[(&str, &Tensor)]) {
    let tensors: StateDict =
        tensors.iter().map(|(name, tensor)| ((*name).to_owned(), (*tensor).clone())).collect();
    write_state(path, &tensors);
}

fn write_state(path: &Path, tensors: &StateDict) {
    let bytes = weights::to_safetensors(tensors, &BTreeMap::new()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

fn read(path: &Path) -> StateDict {
    weights::load(path).unwrap().tensors
}

#[test]
fn forward_writes_the_results_of_a_network() {
    let folder = folder("forward");
    let (x_file, out) = (folder.join("x.safetensors"), folder.join("out.safetensors"));
    let x = input(&[3, 1, 8, 8], 1);
    write(&x_file, &[("x", &x)]);
    let model = RedNet::digits();
    let plan = model.plan(x.shape()).unwrap();
    let defined = reference::run_plan(&plan, &models::digits_weights().unwrap(), &[&x]).unwrap();
    let run = |outputs: &[&str], expected: &[&str]| {
        let mut arguments =
            arguments!["forward", "rednet_digits", "--input", x_file, "--output", out, "--json"]
                .to_vec();
        arguments.extend(outputs.iter().map(|part| Path::new(part).as_os_str()));
        let ran = involution(&arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let found = read(&out);
        assert_eq!(found.names().collect::<Vec<_>>(), expected);
        let json = ran.json();
        assert_eq!(json["outputs"].as_array().unwrap().len(), expected.len());
        for name in expected {
            let (_, want) = defined.iter().find(|(known, _)| known == name).unwrap();
            assert_close(name, found.get(name).unwrap(), want, 1e-5);
        }
        std::fs::remove_file(&out).unwrap();
    };
    run(&[], &["c2", "c3", "logits"]);
    run(&["--outputs", "layer2.0.conv2.kernel,c3"], &["c3", "layer2.0.conv2.kernel"]);

    let refused = |model: &str, input: &Path, more: &[&str], parts: &[&str]| {
        let mut arguments =
            arguments!["forward", model, "--input", input, "--output", out].to_vec();
        arguments.extend(more.iter().map(|part| Path::new(part).as_os_str()));
        misused(&involution(&arguments), parts);
        assert!(!out.exists(), "a file although {parts:?}");
    };
    refused("rednet_digits", &x_file, &["--outputs", "c9"], &["c9", "logits"]);
    refused("rednet", &x_file, &[], &["rednet_digits"]);
    refused("rednet50", &x_file, &[], &["--weights"]);
    refused("rednet_digits", &folder.join("none"), &[], &["none"]);
    let nameless = folder.join("y.safetensors");
    write(&nameless, &[("y", &x)]);
    refused("rednet_digits", &nameless, &[], &["'x' is missing"]);
    write(&nameless, &[("x", &input(&[1, 3, 8, 8], 1))]);
    refused("rednet_digits", &nameless, &[], &["channels"]);
    let ran = involution(&arguments![
        "forward",
        "rednet_digits",
        "--input",
        x_file,
        "--output",
        folder.join("no/out")
    ]);
    misused(&ran, &["there is no folder"]);
}

#[test]
fn layer_writes_the_results_of_a_layer() {
    let folder = folder("layer");
    let [weights_file, x_file, out] =
        ["layer", "x", "out"].map(|name| folder.join(name).with_extension("safetensors"));
    let layer = Involution2d::paper(16, [3, 3]).stride([2, 2]);
    let x = input(&[2, 16, 6, 8], 1);
    let plan = layer.plan(x.shape()).unwrap();
    let weights = state_of(&plan, 2);
    write_state(&weights_file, &weights);
    write(&x_file, &[("x", &x)]);
    let defined = reference::run_plan(&plan, &weights, &[&x]).unwrap();
    let call = |name: &str, input: &Path, more: &[&str]| {
        let mut arguments = arguments![
            "layer",
            name,
            "--weights",
            weights_file,
            "--input",
            input,
            "--output",
            out,
            "--json"
        ]
        .to_vec();
        arguments.extend(more.iter().map(|part| Path::new(part).as_os_str()));
        involution(&arguments)
    };
    for (more, count) in [(&["--attr", "stride=2"][..], 1), (&["--attr", "stride=2", "--all"], 2)] {
        let ran = call("involution2d_dli14", &x_file, more);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let json = ran.json();
        assert_eq!(json["shape"], serde_json::json!([2, 16, 3, 4]));
        assert_eq!(json["parameters"], 4 * 16 + 2 * 4 + 9 * 4 + 9);
        let found = read(&out);
        assert_eq!(found.len(), count);
        for (name, tensor) in found.iter() {
            let (_, want) = defined.iter().find(|(known, _)| known == name).unwrap();
            assert_close(name, tensor, want, 1e-5);
        }
        std::fs::remove_file(&out).unwrap();
    }
    let refused = |name: &str, input: &Path, more: &[&str], parts: &[&str]| {
        misused(&call(name, input, more), parts);
        assert!(!out.exists(), "a file although {parts:?}");
    };
    refused("involution2d", &x_file, &[], &["involution2d_reich"]);
    refused("involution2d_dli14", &x_file, &["--attr", "strides=2"], &["strides", "stride"]);
    refused("involution2d_dli14", &x_file, &["--attr", "kernel_size=5"], &["5 where they have 3"]);
    refused("involution2d_dli14", &x_file, &["--attr", "stride"], &["name=value"]);
    refused("involution2d_reich", &x_file, &[], &["reduce_mapping.weight"]);
    let nameless = folder.join("y.safetensors");
    write(&nameless, &[("y", &x)]);
    refused("involution2d_dli14", &nameless, &[], &["'x' is missing"]);
    write(&nameless, &[("x", &input(&[2, 16, 7, 8], 1))]);
    refused("involution2d_dli14", &nameless, &["--attr", "stride=2"], &["force_shape_match"]);
    let mut spoiled = zeros_of(&plan);
    spoiled.insert("extra", Tensor::filled([1], 1.0).unwrap());
    write_state(&weights_file, &spoiled);
    refused("involution2d_dli14", &x_file, &[], &["1 unexpected: extra"]);
}

/// Weights that overflow give no answer, rather than one made of NaN.
#[test]
fn run_gives_no_answer_made_of_what_overflowed() {
    let folder = folder("overflow");
    let mut tensors = models::digits_weights().unwrap();
    let mut head = tensors.get("fc.weight").unwrap().clone();
    head.data_mut().iter_mut().for_each(|value| *value *= 1e38);
    tensors.insert("fc.weight", head);
    let file = folder.join("overflow.safetensors");
    write_state(&file, &tensors);
    let ran = involution(&arguments!["run", "--json", "--weights", file, digits("7.png")]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    let row = &ran.json()["images"][0];
    assert!(row["error"].as_str().unwrap().contains("not finite"), "{row}");
    assert_eq!(row["predictions"].as_array().unwrap().len(), 0);
}

#[test]
fn the_reference_has_no_half_precision() {
    let auto = [("INVOLUTION_GPU", Path::new("auto"))];
    let words = ["--adapter", "cpu", "--precision", "f16", "verify", "add"];
    misused(&involution_with(&words, &auto), &["--precision f16 contradicts the CPU reference"]);
    misused(&involution(&["doctor", "--precision", "f8"]), &["f8", "f32, f16, auto"]);
    let peak = |precision| {
        let plan = ["plan", "rednet50", "--batch", "8", "--profile", "nvidia", "--json"];
        let ran = involution(&[&plan[..], &["--precision", precision]].concat());
        ran.json()["memory"]["peak"].as_u64().unwrap() as f64
    };
    assert!(peak("f16") <= 0.55 * peak("f32"), "{} of {}", peak("f16"), peak("f32"));
    assert_eq!(peak("auto"), peak("f16"));
}

//! Files of weights at the command line: names with prefixes, tensors that are missing, files without any.

use std::path::Path;

use involution::{StateDict, Tensor};

use super::{digits, folder, involution, misused, read, write, write_state};

/// The weights of the digits under other names.
fn renamed(rename: impl Fn(&str) -> String) -> StateDict {
    let weights = read(&digits("rednet_digits.safetensors"));
    weights.iter().map(|(name, tensor)| (rename(name), tensor.clone())).collect()
}

#[test]
fn run_reads_weights_behind_the_prefixes_of_tools() {
    let folder = folder("prefixes");
    let file = folder.join("weights.safetensors");
    for prefix in ["model.", "module.model.", "_orig_mod._module."] {
        write_state(&file, &renamed(|name| format!("{prefix}{name}")));
        for named in [&[][..], &["--model", "rednet_digits"]] {
            let image = digits("7.png");
            let mut arguments = arguments!["run", "--json", image].to_vec();
            arguments.extend(arguments!["--weights", file]);
            arguments.extend(named.iter().map(std::ffi::OsStr::new));
            let ran = involution(&arguments);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            assert_eq!(ran.json()["images"][0]["predictions"][0]["label"], "7", "{prefix}");
        }
    }
}

#[test]
fn run_names_the_prefix_of_other_names() {
    let folder = folder("other_prefixes");
    let file = folder.join("weights.safetensors");
    let refused = |weights: &StateDict, parts: &[&str]| {
        write_state(&file, weights);
        let image = digits("7.png");
        let call = arguments!["run", image, "--weights", file];
        misused(&involution(&call), &[parts, &["rednet_digits"]].concat());
        let call = [&call[..], &arguments!["--model", "rednet_digits"]].concat();
        misused(&involution(&call), parts);
    };
    refused(&renamed(|name| format!("net.{name}")), &["'net.'"]);
    let mut beside = renamed(|name| format!("model.{name}"));
    beside.insert("criterion.weight", Tensor::filled([1], 1.0).unwrap());
    refused(&beside, &["'model.'"]);
}

#[test]
fn a_tensor_that_is_missing_is_no_guess() {
    let folder = folder("missing");
    let (file, out) = (folder.join("in.safetensors"), folder.join("out.safetensors"));
    let one = Tensor::filled([1], 1.0).unwrap();
    write(&file, &[("image", &one), ("weights", &one)]);
    let known = "the file has 'image', 'weights'";
    let forward = arguments!["forward", "rednet_digits", "--input", file, "--output", out];
    misused(&involution(&forward), &["'x' is missing", known]);
    let layer =
        arguments!["layer", "involution2d", "--weights", file, "--input", file, "--output", out];
    misused(&involution(&layer), &["'x' is missing", known]);
    let names: Vec<String> = (10..40).map(|index| format!("t{index}")).collect();
    let many: Vec<(&str, &Tensor)> = names.iter().map(|name| (name.as_str(), &one)).collect();
    write(&file, &many);
    misused(&involution(&forward), &["the file has 't10', ", "'t21', and 18 more"]);
    write(&file, &[("x", &one), ("bias", &one)]);
    let op = arguments!["op", "conv2d", "--input", file, "--output", out];
    misused(&involution(&op), &["'weight' is missing", "given: bias, x;"]);
    assert!(!out.exists());
}

#[test]
fn inspect_of_a_file_without_weights_is_an_error() {
    let folder = folder("without");
    let file = folder.join("counts.safetensors");
    let header = r#"{"counts":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
    std::fs::write(&file, bytes).unwrap();
    for form in [&[][..], &["--json"]] {
        let mut arguments = arguments!["inspect", file].to_vec();
        arguments.extend(form.iter().map(std::ffi::OsStr::new));
        let ran = involution(&arguments);
        misused(&ran, &["counts.safetensors", "left out: counts (holds integers)"]);
        assert!(ran.stdout.is_empty(), "{}", ran.stdout);
    }
    misused(&involution(&arguments!["inspect", folder]), &["is a folder", "counts.safetensors"]);
}

#[test]
fn inspect_says_under_which_keys_the_tensors_are() {
    let file = super::repository("tests/weights/files/nested.pth");
    let json = involution(&arguments!["inspect", "--json", file]).json();
    assert_eq!(json["wrapper"], serde_json::json!(["model", "state_dict"]));
    let text = involution(&arguments!["inspect", file]).stdout;
    assert!(text.contains("under: model, state_dict"), "{text}");
}

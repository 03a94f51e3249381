//! Machines without a home or a display: what cannot be written is said early, and nothing is said that looks like an
//! error.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::folder;

/// The command in this folder, with these variables and without the others that name homes and displays.
fn involution(folder: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").env_remove("RUST_LOG");
    for name in ["XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "DISPLAY", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    for name in ["INVOLUTION_CACHE_DIR", "MESA_SHADER_CACHE_DIR", "NODEVICE_SELECT"] {
        command.env_remove(name);
    }
    command.env("INVOLUTION_TUNE", "off").envs(variables.iter().copied()).output().unwrap()
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

#[test]
fn nothing_is_said_of_a_display_that_is_not_there() {
    let folder = folder("headless");
    for variables in [&[][..], &[("XDG_RUNTIME_DIR", "")]] {
        let ran = involution(&folder, &["doctor", "--json"], variables);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("XDG_RUNTIME_DIR"), "{said}");
        assert_eq!(json(&ran)["environment"]["NODEVICE_SELECT"], "1");
    }
    let ran = involution(&folder, &["doctor", "--json"], &[("XDG_RUNTIME_DIR", "/run/user/1000")]);
    assert!(json(&ran)["environment"]["NODEVICE_SELECT"].is_null());
}

/// Where choices cannot be written is said before they are measured.
#[test]
fn tune_says_where_it_cannot_write() {
    let folder = folder("no_cache");
    std::fs::write(folder.join("file"), "").unwrap();
    let file = folder.join("file");
    for (name, place) in
        [("INVOLUTION_CACHE_DIR", &file), ("XDG_CACHE_HOME", &file), ("HOME", &file)]
    {
        let arguments = ["tune", "--model", "rednet_digits", "--ops", "linear", "--json"];
        let ran = involution(&folder, &arguments, &[(name, place.to_str().unwrap())]);
        if ran.status.success() {
            assert_eq!(json(&ran)["adapter"], "CPU reference", "{name}");
            continue;
        }
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!((ran.status.code(), ran.stdout.len()), (Some(1), 0), "{said}");
        assert!(said.contains("cannot write") && said.contains(place.to_str().unwrap()), "{said}");
    }
}

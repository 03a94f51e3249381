//! Machines without a home or a display: nothing is written where nobody asked for it, and nothing is said that looks
//! like an error.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::{digits, folder};

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
fn relative_homes_are_no_places_to_write_to() {
    let folder = folder("homes");
    let image = digits("7.png");
    let image = image.to_str().unwrap();
    for variables in [
        &[("XDG_CACHE_HOME", "cache")][..],
        &[("XDG_CACHE_HOME", "./cache"), ("HOME", "home")],
        &[("HOME", "home")],
        &[("HOME", "")],
        &[("HOME", "."), ("XDG_CACHE_HOME", ".")],
    ] {
        let ran = involution(&folder, &["run", image, "--json"], variables);
        assert_eq!(json(&ran)["images"][0]["predictions"][0]["index"], 7, "{variables:?}");
        let left: Vec<_> =
            std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(left, [""; 0].map(std::path::PathBuf::from), "{variables:?}");
    }
    let ran = involution(&folder, &["doctor", "--json"], &[("XDG_CACHE_HOME", "cache")]);
    let changed = &json(&ran)["changed"];
    let cache = changed.as_array().unwrap().iter().find(|row| row["variable"] == "XDG_CACHE_HOME");
    let cache = cache.unwrap_or_else(|| panic!("{changed}"));
    assert_eq!((&cache["before"], &cache["now"]), (&"cache".into(), &Value::Null));
}

#[test]
fn nothing_is_said_of_a_display_that_is_not_there() {
    let folder = folder("headless");
    for variables in [&[][..], &[("XDG_RUNTIME_DIR", "")]] {
        let ran = involution(&folder, &["doctor", "--json"], variables);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(!said.contains("XDG_RUNTIME_DIR"), "{said}");
        let changed = json(&ran)["changed"].clone();
        let wanted = |row: &Value| row["variable"] == "NODEVICE_SELECT" && row["now"] == "1";
        assert!(changed.as_array().unwrap().iter().any(wanted), "{changed}");
        let text = involution(&folder, &["doctor"], variables);
        let text = String::from_utf8_lossy(&text.stdout).into_owned();
        assert!(text.contains("set for this command\n  NODEVICE_SELECT=1: "), "{text}");
    }
    let desktop = [("XDG_RUNTIME_DIR", "/run/user/1000")];
    assert_eq!(
        json(&involution(&folder, &["doctor", "--json"], &desktop))["changed"],
        Value::Array(vec![])
    );
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

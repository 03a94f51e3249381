//! `involution bench --peers`: other libraries in turns with ours, here shell scripts that say what one would.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};

use involution::weights;
use serde_json::{Value, json};

use super::{Ran, folder, involution, misused};

const ROW: &str = "W6/bnrelu_256_56_b1";

/// Writes what peers need for the row into a new folder; nothing where there is no device, which must be said.
fn exported(name: &str) -> Option<PathBuf> {
    let folder = folder(name);
    let path = folder.to_str().unwrap();
    let ran = bench(&["--filter", ROW, "--export", path, "--json"]);
    if ran.code == 2 && ran.stderr.contains("needs a GPU") {
        return None;
    }
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let rows = ran.json()["rows"].clone();
    assert_eq!((&rows[0]["workload"], rows.as_array().unwrap().len()), (&ROW.into(), 1));
    assert!(Path::new(rows[0]["file"].as_str().unwrap()).is_file());
    Some(folder)
}

fn bench(arguments: &[&str]) -> Ran {
    involution(&[&["bench", "--suite", "peers"], arguments].concat())
}

/// What the row computes, from the tensors that were exported.
fn answer(folder: &Path) -> Vec<u8> {
    let file = folder.join("W6_bnrelu_256_56_b1.safetensors");
    let tensors = weights::load(&file).unwrap().tensors;
    let all = |name: &str| tensors.get(name).unwrap().data().to_vec();
    let [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
        .map(|name| all(&format!("weight.{name}")));
    let normalised = all("input.0").into_iter().enumerate().map(|(at, x)| {
        let channel = at / (56 * 56);
        let deviation = (f64::from(variance[channel]) + 1e-5).sqrt();
        let x = (f64::from(x) - f64::from(mean[channel])) / deviation;
        (x * f64::from(weight[channel]) + f64::from(bias[channel])).max(0.0) as f32
    });
    normalised.flat_map(f32::to_le_bytes).collect()
}

/// A peer that answers with the bytes of a file, and says that it took a second.
fn peer(folder: &Path, name: &str, bytes: &[u8]) -> Value {
    let source = folder.join(format!("{name}.bytes"));
    fs::write(&source, bytes).unwrap();
    let (source, answer) = (source.display(), folder.join(format!("{name}.answer")));
    let script = format!(
        r#"echo '{{"version": "{name} 1.0"}}'
while read -r line; do case "$line" in
*'"load"'*) cp '{source}' '{}'; echo '{{"shape": [1, 256, 56, 56], "first_ms": 3.0}}';;
*'"sample"'*) echo '{{"ms": 1000.0}}';;
*) echo '{{}}';;
esac; done"#,
        answer.display()
    );
    json!({"name": name, "command": ["sh", "-c", script]})
}

#[test]
fn peers_are_timed_in_turns_and_only_those_that_agree_have_a_ratio() {
    let Some(folder) = exported("bench_peers_in_turns") else { return };
    let right = answer(&folder);
    let mut wrong = right.clone();
    let last = wrong.len() - 4;
    wrong[last..].copy_from_slice(&9e9f32.to_le_bytes());
    let ended =
        json!({"name": "ended", "command": ["sh", "-c", "echo 'no such module' >&2; exit 3"]});
    let peers = [peer(&folder, "right", &right), peer(&folder, "wrong", &wrong), ended];
    let list = folder.join("peers.json");
    fs::write(&list, json!({"folder": folder, "peers": peers}).to_string()).unwrap();
    let page = folder.join("page.html");
    let [list, page] = [&list, &page].map(|path| path.to_str().unwrap());
    let ran = bench(&["--filter", ROW, "--repeat", "3", "--peers", list, "--html", page, "--json"]);
    // What is wrong with others is no failure of ours.
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json = ran.json();
    assert!(json["limits_after"]["copy_gbps"].as_f64().unwrap() > 0.0);
    let row = &json["rows"][0];
    let [right, wrong, ended] = [0, 1, 2].map(|at| &row["peers"][at]);
    assert_eq!((&right["peer"], &right["version"]), (&"right".into(), &"right 1.0".into()));
    assert_eq!(right["wall_ms"]["times"], json!([1000.0, 1000.0, 1000.0]));
    let ratio = row["wall_ms"]["median"].as_f64().unwrap() / 1000.0;
    assert!((right["ratio"].as_f64().unwrap() / ratio - 1.0).abs() < 1e-9, "{right}");
    assert!(right["error_over_bound"].as_f64().unwrap() <= 1.0, "{right}");
    assert_eq!((&wrong["ratio"], &ended["ratio"]), (&Value::Null, &Value::Null));
    assert!(wrong["error_over_bound"].as_f64().unwrap() > 1.0, "{wrong}");
    assert!(ended["note"].as_str().unwrap().contains("3: no such module"), "{ended}");
    let page = fs::read_to_string(page).unwrap();
    for part in ["Beside other libraries", "WRONG", "failed", "no such module", "right 1.0"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn what_peers_cannot_be_timed_on_is_refused_before_anything_runs() {
    let folder = folder("bench_peers_refused");
    let list = folder.join("peers.json");
    let path = list.to_str().unwrap();
    let nowhere = folder.join("nowhere");
    misused(&bench(&["--peers", nowhere.to_str().unwrap()]), &["nowhere", "cannot be read"]);
    misused(&bench(&["--export", nowhere.to_str().unwrap()]), &["--export", "no folder"]);
    for text in ["[]", r#"{"folder": "x"}"#, r#"{"folder": "x", "peers": [{"nam": "y"}]}"#] {
        fs::write(&list, text).unwrap();
        misused(&bench(&["--peers", path]), &["peers.json", "no list of peers"]);
    }
    // Of a folder that was exported for other rows.
    let peers = json!([{"name": "x", "command": ["true"]}]);
    fs::write(&list, json!({"folder": folder, "peers": peers}).to_string()).unwrap();
    misused(&bench(&["--filter", ROW, "--peers", path]), &["no tensors of", ROW, "--export"]);
    misused(&bench(&["--peers", path, "--export", path]), &["--peers", "--export"]);
    misused(&involution(&["bench", "--peers", path]), &["--suite peers"]);
}

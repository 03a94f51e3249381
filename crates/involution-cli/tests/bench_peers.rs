//! `involution bench peer`, which `benches/peers/run.py` asks: a line of JSON each way.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use involution::weights;
use serde_json::{Value, json};

use super::{folder, involution, misused};

const ROW: &str = "other/bnrelu_256_56_b1";

/// What the row computes, from the tensors that were exported.
fn expected(tensors: &involution::StateDict) -> Vec<f32> {
    let all = |name: &str| tensors.get(name).unwrap().data().to_vec();
    let [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
        .map(|name| all(&format!("weight.{name}")));
    let normalised = all("input.0").into_iter().enumerate().map(|(at, x)| {
        let channel = at / (56 * 56);
        let deviation = (f64::from(variance[channel]) + 1e-5).sqrt();
        let x = (f64::from(x) - f64::from(mean[channel])) / deviation;
        (x * f64::from(weight[channel]) + f64::from(bias[channel])).max(0.0) as f32
    });
    normalised.collect()
}

#[test]
fn a_row_is_exported_answered_and_timed_for_whoever_compares() {
    let folder = folder("bench_peer");
    let mut child = Command::new(env!("CARGO_BIN_EXE_involution"))
        .args(["bench", "peer"])
        .env("INVOLUTION_TUNE", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut requests = child.stdin.take().unwrap();
    let mut replies = BufReader::new(child.stdout.take().unwrap()).lines();
    let Some(hello) = replies.next() else {
        // There is no device, which must be said.
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return assert!(output.status.code() == Some(2) && said.contains("needs a GPU"), "{said}");
    };
    assert!(hello.unwrap().contains("\"version\":\"involution on "));
    let mut ask = |request: Value| -> Value {
        writeln!(requests, "{request}").unwrap();
        serde_json::from_str(&replies.next().unwrap().unwrap()).unwrap()
    };
    let (files, answer) = (folder.join("W6_bnrelu"), folder.join("ours.answer"));
    assert_eq!(ask(json!({"ask": "export", "workload": ROW, "files": files})), json!({}));
    // Nothing of these ends it.
    assert!(ask(json!({"ask": "sample"}))["error"].as_str().unwrap().contains("nothing is loaded"));
    assert!(ask(json!({"ask": "tell"}))["error"].is_string());
    let unknown = ask(json!({"ask": "load", "workload": "none/x", "answer": answer}));
    assert!(unknown["error"].as_str().unwrap().contains("no row none/x"), "{unknown}");
    let loaded = ask(json!({"ask": "load", "workload": ROW, "files": files, "answer": answer}));
    assert_eq!(loaded, json!({"shape": [1, 256, 56, 56], "tolerance": 1e-5}));
    assert!(ask(json!({"ask": "sample"}))["ms"].as_f64().unwrap() > 0.0);
    assert_eq!(ask(json!({"ask": "drop"})), json!({}));
    drop(requests);
    assert!(child.wait().unwrap().success());
    let tensors = weights::load(&files.with_extension("safetensors")).unwrap().tensors;
    let bytes = std::fs::read(&answer).unwrap();
    let found = bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let want = expected(&tensors);
    assert_eq!(bytes.len(), 4 * want.len());
    for (found, want) in found.zip(want) {
        assert!((found - want).abs() <= 1e-5 * want.abs().max(1.0), "{found} {want}");
    }
}

/// What `run.py` writes is drawn.
#[test]
fn the_page_has_ratios_to_other_libraries() {
    let folder = folder("bench_peers_page");
    let peer = |peer: &str, ratio: Value, note: Value| {
        json!({"peer": peer, "version": null, "wall_ms": null, "first_ms": 3.0, "ratio": ratio,
               "error_over_bound": null, "note": note})
    };
    let peers =
        [peer("ort", json!(0.5), Value::Null), peer("ncnn", Value::Null, json!("no such module"))];
    let wall = json!({"min": 1.0, "median": 1.0, "p95": 1.0, "spread": 0.0, "times": [1.0]});
    let row =
        json!({"case": ROW, "group": "other", "checked": true, "wall_ms": wall, "peers": peers});
    let run = json!({
        "involution": "0.1.0", "suite": "peers", "adapter": "some", "backend": null,
        "driver": null, "limits": null, "rows": [row],
    });
    let [file, page] = ["peers.json", "page.html"].map(|name| folder.join(name));
    std::fs::write(&file, run.to_string()).unwrap();
    let [file, html] = [&file, &page].map(|path| path.to_str().unwrap());
    let ran = involution(&["bench", "page", file, "--html", html]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let shown = std::fs::read_to_string(&page).unwrap();
    for part in ["Beside other libraries", "failed", "ncnn: no such module"] {
        assert!(shown.contains(part), "{part}");
    }
    misused(&involution(&["bench", "page", "/nowhere.json", "--html", html]), &["/nowhere.json"]);
}

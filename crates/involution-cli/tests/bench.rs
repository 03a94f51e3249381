//! `involution bench`: its suites, what they select, and that nothing is printed that was not checked.

use serde_json::Value;

use super::{Ran, folder, involution, misused};

/// Runs a suite that needs a device; nothing where there is none, which must be said.
fn on_device(arguments: &[&str]) -> Option<Ran> {
    let ran = involution(&[&["bench"], arguments].concat());
    if ran.code == 2 && ran.stderr.contains("needs a GPU") {
        return None;
    }
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    Some(ran)
}

fn rows(json: &Value) -> &[Value] {
    json["rows"].as_array().unwrap()
}

fn times_are_in_order(times: &Value) {
    let [min, median, p95] = ["min", "median", "p95"].map(|key| times[key].as_f64().unwrap());
    assert!(0.0 < min && min <= median && median <= p95, "{times}");
    assert!(times["spread"].as_f64().unwrap() >= 0.0, "{times}");
}

/// The samples that the numbers are of: as many, and none outside of them.
fn samples_are_kept(row: &Value, clock: &str) {
    let numbers = &row[clock];
    let times: Vec<f64> =
        numbers["times"].as_array().unwrap().iter().map(|time| time.as_f64().unwrap()).collect();
    assert_eq!(times.len() as u64, row["samples"].as_u64().unwrap(), "{row}");
    assert_eq!(times.iter().copied().reduce(f64::min), numbers["min"].as_f64(), "{row}");
    let above = times.iter().filter(|&&time| time > numbers["p95"].as_f64().unwrap()).count();
    assert!(above * 20 <= times.len(), "{row}");
}

#[test]
fn peers_are_rows_of_known_names_that_were_checked() {
    let filter = "layer/involution_c512_7,other/bnrelu_256_56_b1";
    let arguments = ["--suite", "peers", "--filter", filter, "--repeat", "3"];
    let Some(ran) = on_device(&[&arguments[..], &["--json", "-"]].concat()) else { return };
    let json = ran.json();
    assert_eq!(json["suite"], "peers");
    let names: Vec<&str> = rows(&json).iter().map(|row| row["case"].as_str().unwrap()).collect();
    let expected =
        ["layer/involution_c512_7_b1", "layer/involution_c512_7_b8", "other/bnrelu_256_56_b1"];
    assert_eq!(names, expected);
    for row in rows(&json) {
        assert_eq!((&row["checked"], &row["note"]), (&Value::Bool(true), &Value::Null), "{row}");
        assert_eq!(
            (&row["samples"], &row["group"]),
            (&3.into(), &row["case"].as_str().unwrap().split('/').next().into())
        );
        times_are_in_order(&row["wall_ms"]);
        times_are_in_order(&row["resident_ms"]);
        samples_are_kept(row, "wall_ms");
        samples_are_kept(row, "resident_ms");
        assert_eq!(row["span_ms"].is_null(), row["gpu_ms"].is_null(), "{row}");
        assert!(row["floor_ms"].as_f64().unwrap() > 0.0 && json["limits"].is_object(), "{row}");
        // Dispatches that the device does not time are left out.
        let steps = row["steps"].as_array().unwrap().len() as u64;
        assert_eq!(
            steps,
            if row["gpu_ms"].is_null() { 0 } else { row["dispatches"].as_u64().unwrap() }
        );
        assert!((0.0..=1.0).contains(&row["worst_over_bound"].as_f64().unwrap()), "{row}");
        assert!(row["kernel"].is_string() && row["op"].is_string(), "{row}");
        assert!(!row["kernels"].as_array().unwrap().is_empty() && row["dispatches"] != 0);
        assert_eq!(row["shapes"]["x"][0], row["batch"]);
    }
    assert_eq!(rows(&json)[1]["shapes"]["x"], serde_json::json!([8, 512, 7, 7]));
    // Eight times the arithmetic, and a multiply-add is two operations.
    let flops = |row: usize| rows(&json)[row]["flops"].as_u64().unwrap();
    assert_eq!(flops(1), 8 * flops(0));
    assert_eq!(flops(0), 2 * 49 * (512 * 128 + 128 * 49 * 32 + 49 * 512));
}

#[test]
fn peers_are_a_table_for_people_beside_a_file_for_programs() {
    let file = folder("bench_peers").join("ours.json");
    let path = file.to_str().unwrap();
    let row = "layer/involution_c512_7_b1";
    let arguments = ["--suite", "peers", "--quick", "--filter", row, "--json", path];
    let Some(ran) = on_device(&arguments) else { return };
    assert!(
        ran.stdout.contains(row) && ran.stdout.contains("The one row is right"),
        "{}",
        ran.stdout
    );
    let json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((&json["quick"], &rows(&json)[0]["samples"]), (&true.into(), &5.into()));
}

#[test]
fn a_sweep_gives_the_time_of_a_pixel_by_batch_and_size() {
    let arguments = ["sweep", "rednet_digits", "--var", "batch=3", "--var", "size=7,8,12"];
    let Some(ran) = on_device(&[&arguments[..], &["--repeat", "2", "--json"]].concat()) else {
        return;
    };
    let json = ran.json();
    assert_eq!(json["suite"], "sweep");
    let points: Vec<(u64, u64)> = rows(&json)
        .iter()
        .map(|row| (row["batch"].as_u64().unwrap(), row["size"].as_u64().unwrap()))
        .collect();
    // One image of the usual size is there unasked, an odd size too.
    assert_eq!(points, [(1, 8), (3, 8), (1, 7), (1, 12)]);
    for (row, (batch, size)) in rows(&json).iter().zip(points) {
        assert_eq!((&row["checked"], &row["refused"]), (&Value::Bool(true), &Value::Null), "{row}");
        times_are_in_order(&row["wall_ms"]);
        let each = row["wall_ms"]["median"].as_f64().unwrap() * 1e6 / (batch * size * size) as f64;
        assert!((row["ns_per_pixel"].as_f64().unwrap() / each - 1.0).abs() < 1e-9, "{row}");
        assert!(row["ratio"].as_f64().unwrap() > 0.0 && row["memory"].as_u64().unwrap() > 0);
    }
    assert_eq!(rows(&json)[0]["ratio"], 1.0);
}

/// What fusing brings is seen in the page, from rows that differ in nothing else.
#[test]
fn layers_and_networks_are_timed_fused_and_as_they_are_defined() {
    for (suite, name) in [("layers", "conv_bn_relu/depthwise_64_56"), ("nets", "rednet_digits")] {
        let page = folder(&format!("bench_{suite}")).join("page.html");
        let (page_name, filter) = (page.to_str().unwrap(), ["--filter", name, "--repeat", "1"]);
        let forms = ["--suite", suite, "--batch", "2", "--html", page_name, "--json"];
        let Some(ran) = on_device(&[&forms[..], &["-"], &filter].concat()) else { return };
        let json = ran.json();
        assert_eq!(json["suite"], suite);
        let seen: Vec<_> =
            rows(&json).iter().map(|row| (row["case"].clone(), row["fused"].clone())).collect();
        let expected = [(format!("{name}_b2"), true), (format!("{name}_b2_unfused"), false)];
        assert_eq!(seen, expected.map(|(name, fused)| (name.into(), fused.into())));
        let dispatches = |row: usize| rows(&json)[row]["dispatches"].as_u64().unwrap();
        assert!(rows(&json).iter().all(|row| row["checked"] == true && row["batch"] == 2));
        assert!(dispatches(0) < dispatches(1));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("Fused against unfused"), "{page}");
    }
}

#[test]
fn copies_and_first_uses_are_timed_and_checked() {
    let filter = "load 4 KiB,submission,dispatch";
    let arguments = ["--suite", "transfer", "--filter", filter, "--repeat", "3", "--json"];
    let Some(ran) = on_device(&arguments) else { return };
    let json = ran.json();
    let names: Vec<&str> = rows(&json).iter().map(|row| row["case"].as_str().unwrap()).collect();
    assert_eq!(names, ["upload 4 KiB", "download 4 KiB", "submission", "dispatch"]);
    for row in rows(&json) {
        assert_eq!((&row["checked"], &row["samples"]), (&true.into(), &3.into()), "{row}");
        assert_eq!(row["gbps"].is_null(), row["bytes"] == 0, "{row}");
    }
    let filter = "softmax";
    let arguments = ["--suite", "compile", "--filter", filter, "--repeat", "2", "--json"];
    let json = on_device(&arguments).unwrap().json();
    let names: Vec<&str> = rows(&json).iter().map(|row| row["case"].as_str().unwrap()).collect();
    assert_eq!(names, ["softmax 1000 cold", "softmax 1000 warm"]);
    for row in rows(&json) {
        assert_eq!((&row["checked"], &row["samples"]), (&true.into(), &2.into()), "{row}");
        times_are_in_order(&row["wall_ms"]);
    }
}

#[test]
fn an_operator_is_swept_like_a_network() {
    let arguments = ["sweep", "involution", "--var", "size=7..14", "--repeat", "1", "--json"];
    let Some(ran) = on_device(&arguments) else { return };
    let json = ran.json();
    let names: Vec<&str> = rows(&json).iter().map(|row| row["case"].as_str().unwrap()).collect();
    assert_eq!(names, ["involution/56_b1", "involution/7_b1", "involution/14_b1"]);
    for row in rows(&json) {
        assert_eq!(row["checked"], true, "{row}");
        assert!(row["ns_per_pixel"].as_f64().unwrap() > 0.0, "{row}");
    }
}

#[test]
fn operators_batches_and_names_select_the_calls_that_are_timed() {
    let arguments = [
        "bench",
        "--ops",
        "softmax,linear",
        "--batch",
        "2,3",
        "--filter",
        "2048->1000 b3,softmax 1000 b2",
    ];
    let ran = involution(&[&arguments[..], &["--repeat", "1", "--json"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json = ran.json();
    let mut shapes: Vec<&Value> = rows(&json).iter().map(|row| &row["shapes"]["x"]).collect();
    shapes.sort_by_key(|shape| shape[0].as_u64());
    assert_eq!(shapes, [&serde_json::json!([2, 1000]), &serde_json::json!([3, 2048])]);
}

/// Ends the benchmark while it samples one call for longer than anybody waits.
#[cfg(unix)]
#[test]
fn rows_that_were_measured_are_kept_where_the_run_is_ended() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};
    for signal in ["INT", "TERM"] {
        let file = folder(&format!("bench_{signal}")).join("rows.json");
        let mut child = Command::new(env!("CARGO_BIN_EXE_involution"))
            .args(["bench", "--filter", "softmax 1000", "--repeat", "100000000", "--json"])
            .arg(&file)
            .env("INVOLUTION_TUNE", "off")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        // The adapter is named before anything is measured; its limits come before the call.
        let mut text = String::new();
        stdout.read_line(&mut text).unwrap();
        std::thread::sleep(std::time::Duration::from_secs(5));
        let kill =
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        stdout.read_to_string(&mut text).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(1), "{text}");
        assert!(text.contains("Interrupted"), "{text}");
        let json: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!((&json["interrupted"], rows(&json).len()), (&true.into(), 1));
        let reference = json["limits"].is_null();
        assert!(rows(&json)[0]["checked"] == true || reference, "{json}");
        times_are_in_order(&rows(&json)[0]["wall_ms"]);
    }
}

/// What no machine has room for is left out, and said to be; the rest runs.
#[test]
fn a_sweep_leaves_out_what_there_is_no_room_for() {
    let variable = "batch=1000000000";
    let arguments = ["sweep", "rednet_digits", "--var", variable, "--repeat", "1"];
    let Some(ran) = on_device(&arguments) else { return };
    let text = &ran.stdout;
    assert!(text.contains("left out rednet_digits/8_b1000000000: "), "{text}");
    assert!(text.contains("The one row is right."), "{text}");
}

#[test]
fn a_filter_selects_kernels_too() {
    let arguments = ["bench", "--filter", "softmax", "--repeat", "1", "--json"];
    let ran = involution(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let json = ran.json();
    assert_eq!((&json["suite"], rows(&json).len()), (&"ops".into(), 1));
    // The reference is not measured.
    if json["limits"].is_null() {
        assert!(json["known_answers"].is_object());
        return;
    }
    for limit in ["copy_gbps", "multiply_add_gflops", "dispatch_us", "submission_us"] {
        assert!(json["limits"][limit].as_f64().is_some_and(|value| value > 0.0), "{limit}");
    }
    let row = &rows(&json)[0];
    samples_are_kept(row, "wall_ms");
    if cfg!(any(target_os = "linux", target_os = "macos")) {
        times_are_in_order(&row["cpu_ms"]);
    }
    let [floor, part] = ["floor_ms", "of_floor"].map(|key| row[key].as_f64().unwrap());
    let median = row["gpu_ms"]["median"].as_f64().or(row["wall_ms"]["median"].as_f64()).unwrap();
    assert!(floor > 0.0 && (part - floor / median).abs() < 1e-9, "{row}");
    assert!(["arithmetic", "memory"].contains(&row["bound"].as_str().unwrap()));
    assert_eq!(rows(&json)[0]["op"], "softmax");
}

#[test]
fn what_selects_nothing_is_refused_with_what_there_is() {
    let refused = |arguments: &[&str], parts: &[&str]| {
        misused(&involution(&[&["bench"], arguments].concat()), parts);
    };
    refused(&["--suite", "pears"], &["pears", "ops", "peers"]);
    refused(
        &["--suite", "peers", "--filter", "none/"],
        &["none/", "involution/7x7_c256_56_s1_b1", "networks/rednet50_b8"],
    );
    // One text that selects something does not hide one that does not.
    refused(&["--suite", "peers", "--filter", "conv/,none/"], &["--filter none/"]);
    refused(&["--filter", "nothing"], &["nothing", "softmax 1000"]);
    refused(&["--ops", "conv4d"], &["conv4d", "conv2d"]);
    refused(&["--batch", "0"], &["above 0"]);
    refused(&["--suite", "peers", "--ops", "conv2d"], &["--ops", "--filter"]);
    refused(&["--suite", "peers", "--candidates"], &["--candidates", "ops"]);
    refused(&["--suite", "peers", "--batch", "2"], &["--batch", "peers"]);
    refused(&["--suite", "transfer", "--batch", "2"], &["--batch", "transfer"]);
    refused(&["--adapter", "0", "--adapter", "cpu"], &["--adapter", "multiple times"]);
    refused(&["--suite", "compile", "--filter", "rednet51"], &["rednet51", "rednet50"]);
    // Said as a contradiction where a GPU is required.
    refused(&["--suite", "peers", "--adapter", "cpu"], &["GPU"]);
    refused(&["sweep", "rednet"], &["rednet", "rednet50", "conv2d"]);
    refused(&["sweep", "rednet26", "--var", "batch=0"], &["above 0"]);
    refused(&["sweep", "rednet26", "--var", "depth=1..4"], &["depth", "size=56..512"]);
}

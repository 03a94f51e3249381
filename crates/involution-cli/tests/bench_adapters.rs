//! `involution bench` on several adapters: side by side in every form.

use serde_json::Value;

use super::{folder, involution, misused};

#[test]
fn an_adapter_and_the_reference_stand_side_by_side() {
    let folder = folder("bench_adapters");
    let [json, html, md] = ["both.json", "page.html", "rows.md"]
        .map(|name| folder.join(name).to_str().unwrap().to_owned());
    let both = ["--adapter", "0", "--adapter", "cpu"];
    let forms = ["--json", &json, "--html", &html, "--md", &md];
    let call = ["bench", "--filter", "softmax 1000", "--repeat", "2"];
    let ran = involution(&[&call[..], &forms, &both].concat());
    if ran.code == 2 {
        // There is no adapter, or the reference is not wanted.
        assert!(ran.stderr.contains("adapter") || ran.stderr.contains("GPU"), "{}", ran.stderr);
        return;
    }
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    for part in ["A ms", "B ms", "B/A", "A: ", "B: CPU reference", "softmax 1000"] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    let read = |path: &str| std::fs::read_to_string(path).unwrap();
    let document: Value = serde_json::from_str(&read(&json)).unwrap();
    let runs = document["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[1]["adapter"], "CPU reference");
    assert_eq!(runs[0]["rows"][0]["checked"], true);
    for run in runs {
        assert_eq!(
            (&run["suite"], &run["rows"][0]["case"]),
            (&"ops".into(), &"softmax 1000".into())
        );
        assert!(run["rows"][0]["wall_ms"]["median"].as_f64().unwrap() > 0.0, "{run}");
    }
    let page = read(&html);
    assert!(page.contains("B/A") && page.matches("<section>").count() == 2, "{page}");
    assert_eq!(read(&md).matches("| softmax 1000").count(), 2);
    // What compares builds needs the runs of one adapter.
    misused(&involution(&["bench", "diff", &json, &json]), &["several adapters", "CPU reference"]);
}

#[test]
fn several_adapters_are_for_the_benchmark_and_none_is_named_twice() {
    let twice = ["--adapter", "cpu", "--adapter", "CPU"];
    let ran = involution(&[&["bench", "--filter", "softmax"], &twice[..]].concat());
    assert_eq!(ran.code, 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("there already") || ran.stderr.contains("GPU"), "{}", ran.stderr);
    misused(&involution(&[&["verify"], &twice[..]].concat()), &["several adapters", "bench"]);
}

//! What `involution bench` writes beside its table, and what it makes of the files of two builds.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{Ran, folder, involution, misused};

/// The command with a fault in the calls of this name; nothing where there is no device to have it.
fn faulty(fault: &str, arguments: &[&str]) -> Option<Ran> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_involution"));
    command.arg("bench").args(arguments).env("INVOLUTION_TUNE", "off");
    let output = command.env("INVOLUTION_BENCH_FAULT", fault).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran = Ran {
        code: output.status.code().unwrap(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    };
    (!ran.stdout.contains("CPU reference")).then_some(ran)
}

#[test]
fn rows_are_written_in_every_form_that_is_asked_for() {
    let folder = folder("bench_forms");
    let [json, html] = ["rows.json", "page.html"].map(|name| folder.join(name));
    let [j, h] = [&json, &html].map(|path| path.to_str().unwrap());
    let arguments = ["bench", "--filter", "softmax", "--repeat", "3", "--json", j, "--html", h];
    let ran = involution(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("softmax 1000"), "{}", ran.stdout);
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    assert!(read(&json).contains("\"case\": \"softmax 1000\""), "{}", read(&json));
    assert!(read(&html).contains("<td>softmax 1000") && read(&html).ends_with("</html>\n"));
    // Nothing else is left in the folder.
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn a_file_that_cannot_be_written_is_refused_before_anything_runs() {
    for flag in ["--json", "--html"] {
        let arguments = ["bench", "--filter", "softmax", flag, "/nowhere/at/all"];
        misused(&involution(&arguments), &["no folder"]);
    }
}

/// The hook exists in builds with debug assertions alone.
#[test]
fn no_figure_is_printed_for_a_wrong_kernel() {
    if !cfg!(debug_assertions) {
        return;
    }
    let page = folder("bench_wrong").join("page.html");
    let arguments =
        ["--ops", "softmax,linear", "--quick", "--json", "--html", page.to_str().unwrap()];
    let Some(ran) = faulty("wrong:softmax", &arguments) else { return };
    assert_eq!(ran.code, 1, "{}{}", ran.stdout, ran.stderr);
    let json = ran.json();
    let rows = json["rows"].as_array().unwrap();
    for row in rows {
        let wrong = row["op"] == "softmax";
        assert_eq!(row["checked"], !wrong, "{row}");
        for key in ["gpu_ms", "wall_ms", "cpu_ms", "compile_ms", "gflops", "gbps", "of_floor"] {
            assert!(!wrong || row[key].is_null(), "{key}: {row}");
        }
        assert_eq!(row["wall_ms"].is_null(), wrong, "{row}");
    }
    assert!(rows.iter().any(|row| row["op"] == "softmax") && rows.len() > 1);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("1 of 2 rows FAILED"), "{page}");
}

/// A file of rows that take 1 to 12 ms, with noise of a hundredth from this seed, and one that takes longer.
fn file(name: &Path, seed: u64, slow: Option<usize>) -> PathBuf {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        0.02 * (state >> 33) as f64 / (1u64 << 31) as f64
    };
    let rows: Vec<Value> = (0..12)
        .map(|at| {
            let factor = if slow == Some(at) { 1.2 } else { 1.0 };
            let times: Vec<f64> =
                (0..15).map(|_| (at + 1) as f64 * factor * (1.0 + noise())).collect();
            let clock = json!({"min": times[0], "median": times[1], "p95": times[2], "times": times});
            json!({"case": format!("call {at}"), "kernel": "general", "checked": true, "wall_ms": clock})
        })
        .collect();
    let run = json!({
        "involution": "0.1.0", "suite": "ops", "adapter": "some", "backend": null, "driver": null,
        "limits": null, "rows": rows,
    });
    std::fs::write(name, run.to_string()).unwrap();
    name.to_owned()
}

#[test]
fn two_files_of_one_build_are_the_same_and_a_slow_kernel_is_named() {
    let folder = folder("bench_diff");
    let diff = |before: &Path, after: &Path, rest: &[&str]| {
        let files = [before, after].map(|file| file.to_str().unwrap());
        involution(&[&["bench", "diff"], &files[..], rest].concat())
    };
    let slower = |ran: &Ran| -> Vec<String> {
        let json = ran.json();
        let rows = json["rows"].as_array().unwrap().iter();
        rows.filter(|row| row["verdict"] == "slower").map(|row| row["case"].to_string()).collect()
    };
    for turn in 0..10 {
        let before = file(&folder.join("before.json"), 2 * turn, None);
        let after = file(&folder.join("after.json"), 2 * turn + 1, None);
        let same = diff(&before, &after, &["--json"]);
        assert_eq!((same.code, slower(&same)), (0, vec![]), "{turn}: {}", same.stdout);
        let place = turn as usize;
        let after = file(&folder.join("after.json"), 2 * turn + 1, Some(place));
        let found = diff(&before, &after, &["--json"]);
        let expected = vec![format!("\"call {place}\"")];
        assert_eq!((found.code, slower(&found)), (1, expected), "{turn}: {}", found.stdout);
        // What is not beyond the threshold does not fail.
        let wide = diff(&before, &after, &["--fail-over", "30%"]);
        assert!(wide.code == 0 && wide.stdout.contains("0 slower"), "{}", wide.stdout);
    }
}

#[test]
fn files_that_cannot_be_compared_are_refused() {
    let folder = folder("bench_diff_refused");
    let good = file(&folder.join("good.json"), 1, None);
    let good = good.to_str().unwrap();
    let bad = folder.join("bad.json");
    std::fs::write(&bad, "{}").unwrap();
    let bad = bad.to_str().unwrap();
    let refused = |arguments: &[&str], part: &str| {
        misused(&involution(&[&["bench", "diff"], arguments].concat()), &[part]);
    };
    refused(&[good], "AFTER");
    refused(&[good, "/nowhere.json"], "/nowhere.json");
    refused(&[good, bad], "not the JSON of a benchmark");
    refused(&[&format!("{good},{good}"), good], "as many files");
    refused(&[good, good, "--fail-over", "much"], "percent");
}

/// A browser that runs without a screen.
fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let places =
        std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// A page around the page, as wide as a phone or a screen, that says whether its content fits, whether every text is of 11
/// pixels at least, and whether no label of a drawing is cut.
const FRAME: &str = "<!doctype html><body><script>
const seen = [];
const report = text => { seen.push(text); if (seen.length === 2) document.title = seen.join(';'); };
for (const width of [390, 1280]) {
  const frame = document.createElement('iframe');
  frame.style.cssText = `width:${width}px;height:800px;border:0`;
  frame.onload = () => {
    const page = frame.contentDocument.documentElement;
    const drawings = page.querySelectorAll('svg').length;
    const texts = [...page.querySelectorAll('text, span, td, th, p, li, dd, small, figcaption')];
    const size = text => parseFloat(frame.contentWindow.getComputedStyle(text).fontSize)
      * (text.ownerSVGElement ? text.getScreenCTM().a : 1);
    const whole = text => {
      const [inner, outer] = [text, text.ownerSVGElement].map(each => each.getBoundingClientRect());
      return inner.left >= outer.left && inner.right <= outer.right && inner.bottom <= outer.bottom;
    };
    const fits = page.scrollWidth <= frame.contentWindow.innerWidth;
    const legible = texts.every(text => size(text) >= 11);
    const uncut = [...page.querySelectorAll('text')].every(whole);
    report(`${width}: ${fits} ${legible} ${uncut} ${drawings}`);
  };
  frame.src = 'page.html';
  document.body.append(frame);
}
</script></body>";

#[test]
fn the_page_fits_a_screen_and_a_phone() {
    let Some(browser) = browser() else {
        let message = "skipped: there is no Chromium to show the page";
        return writeln!(std::io::stderr(), "{message}").unwrap();
    };
    let folder = folder("bench_page");
    let page = folder.join("page.html");
    let ran = involution(&[
        "bench",
        "--ops",
        "avg_pool2d,linear",
        "--repeat",
        "1",
        "--html",
        page.to_str().unwrap(),
    ]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    std::fs::write(folder.join("frame.html"), FRAME).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .arg(format!("file://{}", folder.join("frame.html").display()))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (shown, log) = (text(&output.stdout), text(&output.stderr));
    let drawings = std::fs::read_to_string(&page).unwrap().matches("<svg").count();
    for width in [390, 1280] {
        assert!(shown.contains(&format!("{width}: true true true {drawings}")), "{shown}\n{log}");
    }
    assert!(!log.contains("CONSOLE") && !log.contains("Uncaught"), "{log}");
}

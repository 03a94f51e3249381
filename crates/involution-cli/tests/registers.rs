//! `involution bench registers` as a user runs it: on RADV, which compiles for GPUs that are not there, and on lavapipe,
//! which says nothing of its kernels.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Ran, folder, involution, involution_with, misused};

fn skipped(why: &str) {
    let mut stderr = std::io::stderr().lock();
    writeln!(stderr, "skipped: {why}").unwrap();
}

/// The manifest of an installed driver; skipped aloud where there is none.
fn manifest(driver: &str) -> Option<PathBuf> {
    let named = std::env::var("VK_DRIVER_FILES").unwrap_or_default();
    let named =
        named.split(':').map(PathBuf::from).filter_map(|file| Some(file.parent()?.to_owned()));
    let folders = named.chain([PathBuf::from("/usr/share/vulkan/icd.d")]);
    let mut files = folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let found = files.find(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.starts_with(driver) && name.ends_with(".json")
    });
    if found.is_none() {
        skipped(&format!("no {driver} driver for Vulkan is installed"));
    }
    Some(found?.path())
}

/// The command for an AMD GPU that is not there; nothing where no driver compiles for it.
fn on_radv(arguments: &[&str]) -> Option<Ran> {
    let driver = manifest("radeon")?;
    let all = [&["bench", "registers", "--family", "navi21"], arguments].concat();
    let ran = involution_with(&all, &[("VK_DRIVER_FILES", &driver)]);
    let without = ran.code == 1 && ran.stderr.contains("drivers.sh radv25");
    if without {
        skipped(&format!("this RADV compiles for GPUs that are there alone: {}", ran.stderr));
    }
    (!without).then_some(ran)
}

#[test]
fn radv_says_what_it_made_of_kernels_and_what_is_worse_than_it_was() {
    let folder = folder("registers");
    let [before, after] = ["before.json", "after.json"].map(|name| folder.join(name));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let Some(ran) = on_radv(&["conv/pointwise", "--json", &path(&before)]) else { return };
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let line = ran.stdout.lines().find(|line| line.starts_with("conv/pointwise[T=16]"));
    let cells: Vec<&str> =
        line.unwrap_or_else(|| panic!("{}", ran.stdout)).split_whitespace().collect();
    let number = |at: usize| cells[at].parse::<f64>().unwrap_or_else(|_| panic!("{cells:?}"));
    // Registers, subgroups that fit, spills, instructions, and the share of multiply-adds.
    assert!(number(1) >= 32.0 && number(2) >= 1.0 && number(3) == 0.0, "{cells:?}");
    assert!(number(5) > 100.0 && (0.1..2.0).contains(&number(7)), "{cells:?}");
    assert!(!ran.stdout.contains("conv2d"), "{}", ran.stdout);

    // The compiler repeats itself; a file of a better day makes it fail, by name.
    let again = on_radv(&["conv/pointwise[T=16]", "--against", &path(&before)]).unwrap();
    assert_eq!((again.code, again.stderr.contains("worse")), (0, false), "{}", again.stderr);
    let text = std::fs::read_to_string(&before).unwrap();
    let better = text.replace(r#""multiply_adds":"#, r#""multiply_adds":1"#);
    std::fs::write(&after, better).unwrap();
    let worse = on_radv(&["conv/pointwise[T=16]", "--against", &path(&after)]).unwrap();
    assert_eq!(worse.code, 1, "{}", worse.stderr);
    let message = "worse: conv/pointwise[T=16]: multiply-adds for each instruction";
    assert!(worse.stderr.contains(message), "{}", worse.stderr);
}

#[test]
fn a_driver_that_says_nothing_is_an_error_with_the_cure() {
    let Some(driver) = manifest("lvp") else { return };
    let ran = involution_with(&["bench", "registers"], &[("VK_DRIVER_FILES", &driver)]);
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    for part in ["llvmpipe", "(does not)", "--family navi31"] {
        assert!(ran.stderr.contains(part), "'{part}': {}", ran.stderr);
    }
}

#[test]
fn a_kernel_that_there_is_not_and_a_file_of_something_else_are_refused() {
    misused(&involution(&["bench", "registers", "no/such"]), &["no kernel is named no/such"]);
    let file = super::repository("Cargo.toml");
    let arguments = ["bench", "registers", "--against", file.to_str().unwrap()];
    misused(&involution(&arguments), &["is no file of registers"]);
}

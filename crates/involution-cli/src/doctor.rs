//! `involution doctor`: what there is to run on, whether it works, and how to install a driver.

use std::collections::BTreeMap;

use anyhow::Result;
use indicatif::BinaryBytes;
use involution::autotune::Tuned;
use involution::gpu::{AdapterChoice, AdapterInfo, Options, adapters, backends};
use involution::ops::{Involution, Softmax};
use involution::store::variable;
use involution::{Gpu, Tensor, Window};
use involution_bench::adapter::{Flags, REFERENCE};
use involution_bench::drivers::Manifest;
use involution_bench::{Outcome, drivers, is_bad_use, output};
use involution_check::{Case, compare, expected};
use serde_json::{Value, json};

const EXAMPLES: &str = "\
Examples:
  involution doctor
  involution doctor --json | jq '.adapters[].name'
  involution doctor --require-gpu   exits with 1 where there is no adapter

Each adapter runs one small involution and is compared with the reference. Exits with 1 where the \
adapter that would be used fails at that.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Variables that change what runs: of this program, of wgpu, of the Vulkan loader, of Mesa.
const VARIABLES: &str = "\
    INVOLUTION_ADAPTER INVOLUTION_CACHE_DIR INVOLUTION_GPU INVOLUTION_TUNE \
    WGPU_ADAPTER_NAME WGPU_BACKEND WGPU_POWER_PREF \
    VK_DRIVER_FILES VK_ADD_DRIVER_FILES VK_ICD_FILENAMES \
    VK_LOADER_DRIVERS_SELECT VK_LOADER_DRIVERS_DISABLE VK_INSTANCE_LAYERS \
    VK_LOADER_LAYERS_ENABLE VK_LOADER_LAYERS_DISABLE \
    NODEVICE_SELECT MESA_VK_DEVICE_SELECT LD_LIBRARY_PATH LP_NUM_THREADS \
    XDG_CONFIG_DIRS XDG_CONFIG_HOME XDG_DATA_DIRS XDG_DATA_HOME RUST_LOG NO_COLOR";

pub fn run(flags: &Flags, _: &Args, json: bool) -> Result<Outcome> {
    let (used, error) = match flags.resolve(Tuned::FromEnv) {
        Ok((runner, _)) => (runner.gpu().map(|gpu| gpu.adapter().index), None),
        Err(error) if is_bad_use(&error) => return Err(error),
        Err(error) => (None, Some(error.to_string())),
    };
    let tested = |info: AdapterInfo| (test(info.index), info);
    let adapters: Vec<(Result<Option<usize>>, AdapterInfo)> =
        adapters()?.into_iter().map(tested).collect();
    let set = VARIABLES.split(' ').filter_map(|name| Some((name, variable(name)?)));
    let environment: BTreeMap<&str, String> = set.collect();
    let (loader, manifests, install) =
        (drivers::loader(), drivers::manifests(), drivers::install());
    let report = json!({
        "involution": env!("CARGO_PKG_VERSION"),
        "wgpu": wgpu_version(),
        "backends": backends()?,
        "used": used,
        "error": error,
        "adapters": adapters.iter().map(document).collect::<Vec<_>>(),
        "loader": loader.as_ref().map(|path| path.display().to_string()),
        "manifests": manifests,
        "environment": environment,
        "install": install,
    });
    output::result(json, &report, || {
        let mut text = format!(
            "involution {}, wgpu {}, searched for {} adapters\n\n",
            env!("CARGO_PKG_VERSION"),
            wgpu_version(),
            backends().unwrap_or_default()
        );
        for (works, info) in &adapters {
            text += &words(works, info, used == Some(info.index));
        }
        if let (true, _) | (_, None) = (adapters.is_empty(), used) {
            let why = if adapters.is_empty() { "No adapter was found:" } else { "As asked for," };
            text += &format!("{why} operators run on the {REFERENCE}.\n\n");
        }
        if let Some(error) = &error {
            text += &format!("A GPU is required: {error}\n\n");
        }
        if cfg!(not(any(windows, target_os = "macos"))) {
            let none = || "libvulkan.so.1 was not found".to_owned();
            let loader = loader.map_or_else(none, |path| path.display().to_string());
            text += &section("Vulkan loader", [loader]);
            let none = manifests.is_empty().then(|| "none: no manifest was found".to_owned());
            let lines = manifests.iter().map(|Manifest { path, api_version, problem, .. }| {
                let version = api_version.as_deref().unwrap_or("?");
                let problem = problem.as_ref().map_or_else(String::new, |it| format!(": {it}"));
                format!("{} (Vulkan {version}){problem}", path.display())
            });
            text += &section("Vulkan drivers", none.into_iter().chain(lines));
        }
        if !environment.is_empty() {
            let lines = environment.iter().map(|(name, value)| format!("{name}={value}"));
            text += &section("environment", lines);
        }
        let lines = install.iter().map(|line| {
            let here = if line.this_system { " (this system)" } else { "" };
            let note = line.note.map_or_else(String::new, |note| format!("\n{note}"));
            let note = note.replace('\n', "\n    ");
            format!("{:<30}{}{note}", format!("{}{here}", line.system), line.how)
        });
        let title =
            if adapters.is_empty() { "install a driver" } else { "drivers for other machines" };
        text + section(title, lines).trim_end() + "\n"
    })?;
    let broken = adapters.iter().any(|(works, info)| Some(info.index) == used && works.is_err());
    Ok(Outcome::of(error.is_none() && !broken))
}

/// The version of wgpu that the lock file names.
fn wgpu_version() -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let entry =
        lock.split_once("name = \"wgpu\"\nversion = \"").and_then(|(_, it)| it.split_once('"'));
    entry.map_or("unknown", |(version, _)| version)
}

/// Runs a small involution and a long sum on the adapter with this index; gives the limit of its loops.
fn test(index: usize) -> Result<Option<usize>> {
    let mut options = Options::default();
    options.adapter = AdapterChoice::Matching(index.to_string());
    let gpu = Gpu::open(&options)?;
    let window = Window::new([3, 3]).padding(1);
    for case in [
        Case::new("doctor", Involution::new(window, 2), &[&[1, 4, 6, 5], &[1, 18, 6, 5]]),
        Case::new("doctor", Softmax::default(), &[&[1, 70_000]]),
    ] {
        let inputs = case.inputs();
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let result = gpu.run(case.operator.clone(), &inputs)?;
        let misses = compare(&expected(&case.operator, &inputs)?, &result).misses;
        if misses > 0 {
            let elements = output::count(result.data().len(), "element");
            anyhow::bail!("{misses} of {elements} of {case} wrong");
        }
    }
    Ok(gpu.max_trips())
}

/// An adapter as JSON.
fn document((works, info): &(Result<Option<usize>>, AdapterInfo)) -> Value {
    json!({
        "index": info.index,
        "name": info.name,
        "backend": info.backend,
        "type": info.device_type,
        "software": info.software,
        "driver": info.driver,
        "version": info.driver_info,
        "limits": {
            "max_buffer_size": info.max_buffer_size,
            "max_binding_size": info.max_binding_size,
            "max_workgroups": info.max_workgroups,
            "max_workgroup_size": info.max_workgroup_size,
            "max_workgroup_memory": info.max_workgroup_memory,
            "max_trips": works.as_ref().ok().copied().flatten(),
        },
        "features": {
            "timestamps": info.timestamps,
            "subgroup_size": info.subgroup_size,
        },
        "works": works.is_ok(),
        "problem": works.as_ref().err().map(ToString::to_string),
    })
}

/// An adapter in words.
fn words(works: &Result<Option<usize>>, info: &AdapterInfo, used: bool) -> String {
    let AdapterInfo { name, backend, driver, driver_info, .. } = info;
    let AdapterInfo { max_workgroups, max_workgroup_size, .. } = info;
    let software = if info.software { ", software: times are those of the CPU" } else { "" };
    let driver = format!("{driver} {driver_info}");
    let driver = if driver.trim().is_empty() { "not named" } else { driver.trim() };
    let slow = match info.software && driver_info.starts_with("Mesa 22.") {
        true => "\nright, but slow: a newer Mesa is two to three times as fast, see below",
        false => "",
    };
    let [buffers, bindings, memory] =
        [info.max_buffer_size, info.max_binding_size, info.max_workgroup_memory.into()]
            .map(BinaryBytes);
    let trips = works.as_ref().ok().copied().flatten();
    let trips = trips.map_or_else(String::new, |it| format!(",\nloops of {it} iterations"));
    let timestamps = if info.timestamps { "timestamps" } else { "no timestamps" };
    let subgroups = match info.subgroup_size {
        0 => "no subgroups".to_owned(),
        lanes => format!("subgroups of {lanes} lanes"),
    };
    let limits = format!(
        "buffers {buffers}, bindings {bindings}, workgroup memory {memory},\n\
         {max_workgroups} workgroups a dimension of {max_workgroup_size} invocations{trips}"
    );
    let test = match works {
        Ok(_) => "ok, agrees with the reference".to_owned(),
        Err(problem) => format!("FAILED, {problem}"),
    };
    let lines = [
        ("name", name.clone()),
        ("backend", backend.clone()),
        ("type", format!("{}{software}", info.device_type)),
        ("driver", format!("{driver}{slow}")),
        ("limits", limits),
        ("features", format!("{timestamps}, {subgroups}")),
        ("test", test),
    ];
    let title = format!("adapter {}{}", info.index, if used { " (used)" } else { "" });
    let indented = |line: String| line.replace('\n', "\n          ");
    section(&title, lines.map(|(label, line)| format!("{label:<9} {}", indented(line))))
}

/// A title, and lines below it that are indented, as are those within them.
fn section(title: &str, lines: impl IntoIterator<Item = String>) -> String {
    let lines = lines.into_iter().map(|line| format!("  {}\n", line.replace('\n', "\n  ")));
    format!("{title}\n{}\n", lines.collect::<String>())
}

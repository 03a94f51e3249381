//! `involution doctor`: what there is to run on, whether it works, and how to install a driver.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::Result;
use involution::autotune::Tuned;
use involution::gpu::{AdapterChoice, AdapterInfo, Options, adapters, backends};
use involution::ops::{Involution, Softmax};
use involution::{Gpu, Tensor, Window};
use involution_check::{Case, compare, expected};
use serde::Serialize;

use crate::adapter::{Flags, REFERENCE};
use crate::{Outcome, drivers, environment, is_bad_use, output};

const EXAMPLES: &str = "\
Examples:
  involution doctor
  involution doctor --json | jq '.adapters[].name'
  involution doctor --require-gpu   exits with 1 where there is no adapter

Each adapter runs one small involution and is compared with the reference. Exits with 1 where the \
adapter that would be used fails at that.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Variables that change what runs: of this program, of wgpu, of the Vulkan loader, of Mesa.
const VARIABLES: &[&str] = &[
    "INVOLUTION_ADAPTER",
    "INVOLUTION_CACHE_DIR",
    "INVOLUTION_GPU",
    "INVOLUTION_TUNE",
    "WGPU_ADAPTER_NAME",
    "WGPU_BACKEND",
    "WGPU_POWER_PREF",
    "VK_DRIVER_FILES",
    "VK_ADD_DRIVER_FILES",
    "VK_ICD_FILENAMES",
    "VK_LOADER_DRIVERS_SELECT",
    "VK_LOADER_DRIVERS_DISABLE",
    "VK_INSTANCE_LAYERS",
    "VK_LOADER_LAYERS_ENABLE",
    "VK_LOADER_LAYERS_DISABLE",
    "NODEVICE_SELECT",
    "MESA_VK_DEVICE_SELECT",
    "LD_LIBRARY_PATH",
    "LP_NUM_THREADS",
    "XDG_CONFIG_DIRS",
    "XDG_CONFIG_HOME",
    "XDG_DATA_DIRS",
    "XDG_DATA_HOME",
    "RUST_LOG",
    "NO_COLOR",
];

#[derive(Debug, Serialize)]
struct Report {
    involution: &'static str,
    wgpu: &'static str,
    backends: String,
    /// The adapter that runs by default or by the flags.
    used: Option<usize>,
    /// Why there is none where one is required.
    error: Option<String>,
    adapters: Vec<Adapter>,
    loader: Option<String>,
    manifests: Vec<drivers::Manifest>,
    environment: BTreeMap<&'static str, String>,
    /// What the command changed of the environment for itself.
    changed: &'static [environment::Change],
    install: Vec<drivers::Install>,
}

#[derive(Debug, Serialize)]
struct Adapter {
    index: usize,
    name: String,
    backend: String,
    #[serde(rename = "type")]
    kind: String,
    software: bool,
    driver: String,
    version: String,
    limits: Limits,
    features: Features,
    works: bool,
    problem: Option<String>,
}

#[derive(Debug, Serialize)]
struct Limits {
    max_buffer_size: u64,
    max_binding_size: u64,
    max_workgroups: u32,
    max_workgroup_size: u32,
    max_workgroup_memory: u32,
    /// Iterations of the loops of one invocation; none where the driver sets no limit.
    max_trips: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Features {
    timestamps: bool,
    /// Lanes of a subgroup at the least; 0 without subgroups.
    subgroup_size: u32,
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    let (used, error) = match flags.resolve(Tuned::FromEnv) {
        Ok((runner, _)) => (runner.gpu().map(|gpu| gpu.adapter().index), None),
        Err(error) if is_bad_use(&error) => return Err(error),
        Err(error) => (None, Some(error.to_string())),
    };
    let changed = environment::changes();
    let ours = |name: &str| changed.iter().any(|change| change.variable == name);
    let environment = VARIABLES.iter().filter(|name| !ours(name));
    let environment = environment.filter_map(|&name| Some((name, drivers::variable(name)?)));
    let report = Report {
        involution: env!("CARGO_PKG_VERSION"),
        wgpu: wgpu_version(),
        backends: backends()?,
        used,
        error,
        adapters: adapters()?.into_iter().map(Adapter::examine).collect(),
        loader: drivers::loader().map(|path| path.display().to_string()),
        manifests: drivers::manifests(),
        environment: environment.collect(),
        changed,
        install: drivers::install(),
    };
    output::print(&if json || args.json { output::json(&report)? } else { report.text() })?;
    let broken = report.adapters.iter().any(|a| Some(a.index) == report.used && !a.works);
    Ok(Outcome::of(report.error.is_none() && !broken))
}

/// The version of wgpu that the lock file names.
fn wgpu_version() -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let entry =
        lock.split_once("name = \"wgpu\"\nversion = \"").and_then(|(_, it)| it.split_once('"'));
    entry.map_or("unknown", |(version, _)| version)
}

impl Adapter {
    fn examine(info: AdapterInfo) -> Self {
        let works = works(info.index);
        let problem = works.as_ref().err().map(ToString::to_string);
        Adapter {
            limits: Limits {
                max_buffer_size: info.max_buffer_size,
                max_binding_size: info.max_binding_size,
                max_workgroups: info.max_workgroups,
                max_workgroup_size: info.max_workgroup_size,
                max_workgroup_memory: info.max_workgroup_memory,
                max_trips: works.ok().flatten(),
            },
            features: Features { timestamps: info.timestamps, subgroup_size: info.subgroup_size },
            index: info.index,
            name: info.name,
            backend: info.backend,
            kind: info.device_type,
            software: info.software,
            driver: info.driver,
            version: info.driver_info,
            works: problem.is_none(),
            problem,
        }
    }

    fn text(&self, used: bool) -> String {
        let Limits { max_workgroups, max_workgroup_size, .. } = self.limits;
        let buffers = size(self.limits.max_buffer_size);
        let bindings = size(self.limits.max_binding_size);
        let memory = size(self.limits.max_workgroup_memory.into());
        let software = if self.software { ", software: times are those of the CPU" } else { "" };
        let driver = format!("{} {}", self.driver, self.version);
        let driver = if driver.trim().is_empty() { "not named" } else { driver.trim() };
        let old = self.software && self.version.starts_with("Mesa 22.");
        let slow = match old {
            true => {
                "\n            right, but slow: a newer Mesa is two to three times as fast, see below"
            }
            false => "",
        };
        let trips = match self.limits.max_trips {
            Some(trips) => format!(",\n            loops of {trips} iterations"),
            None => String::new(),
        };
        let timestamps = if self.features.timestamps { "timestamps" } else { "no timestamps" };
        let subgroups = match self.features.subgroup_size {
            0 => "no subgroups".to_owned(),
            lanes => format!("subgroups of {lanes} lanes"),
        };
        let test = match &self.problem {
            None => "ok, agrees with the reference".to_owned(),
            Some(problem) => format!("FAILED, {problem}"),
        };
        format!(
            "adapter {}{}\n  name      {}\n  backend   {}\n  type      {}{software}\n  driver    \
             {driver}{slow}\n  limits    buffers {buffers}, bindings {bindings}, workgroup memory {memory},\n\
             \x20           {max_workgroups} workgroups a dimension of {max_workgroup_size} invocations{trips}\n  \
             features  {timestamps}, {subgroups}\n  test      {test}\n\n",
            self.index,
            if used { " (used)" } else { "" },
            self.name,
            self.backend,
            self.kind,
        )
    }
}

/// Runs a small involution and a long sum on the adapter with this index; gives the limit of its loops.
fn works(index: usize) -> Result<Option<usize>> {
    let adapter = AdapterChoice::Matching(index.to_string());
    let mut options = Options::default();
    options.adapter = adapter;
    let gpu = Gpu::open(&options)?;
    let window = Window::new([3, 3]).padding(1);
    let shapes: [&[usize]; 2] = [&[1, 4, 6, 5], &[1, 18, 6, 5]];
    for case in [
        Case::new("doctor", Involution::new(window, 2), &shapes),
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

/// Bytes as people say them.
fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|&(unit, _)| bytes >= unit) {
        Some((unit, name)) if bytes.is_multiple_of(unit) => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.1} {name}", bytes as f64 / unit as f64),
        None => format!("{bytes} B"),
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = format!(
            "involution {}, wgpu {}, searched for {} adapters\n\n",
            self.involution, self.wgpu, self.backends
        );
        for adapter in &self.adapters {
            text += &adapter.text(self.used == Some(adapter.index));
        }
        let none = self.adapters.is_empty();
        if none {
            let _ = writeln!(text, "No adapter was found: operators run on the {REFERENCE}.\n");
        } else if self.used.is_none() {
            let _ = writeln!(text, "As asked for, operators run on the {REFERENCE}.\n");
        }
        if let Some(error) = &self.error {
            let _ = writeln!(text, "A GPU is required: {error}\n");
        }
        if cfg!(not(any(windows, target_os = "macos"))) {
            text += &self.drivers();
        }
        if !self.environment.is_empty() {
            text += "environment\n";
            for (name, value) in &self.environment {
                let _ = writeln!(text, "  {name}={value}");
            }
            text += "\n";
        }
        for environment::Change { variable, before, now, why } in self.changed {
            let was = before.as_deref().unwrap_or_default();
            let _ = match now {
                Some(now) => writeln!(text, "set for this command\n  {variable}={now}: {why}\n"),
                None => writeln!(text, "ignored\n  {variable}={was}: {why}\n"),
            };
        }
        text += if none { "install a driver\n" } else { "drivers for other machines\n" };
        for line in &self.install {
            let here = if line.this_system { " (this system)" } else { "" };
            let _ = writeln!(text, "  {:<30}{}", format!("{}{here}", line.system), line.how);
            for note in line.note.unwrap_or_default().lines() {
                let _ = writeln!(text, "      {note}");
            }
        }
        text
    }

    fn drivers(&self) -> String {
        let loader = self.loader.as_deref().unwrap_or("libvulkan.so.1 was not found");
        let mut text = format!("Vulkan loader\n  {loader}\n\nVulkan drivers\n");
        if let Some((name, _)) = drivers::overridden() {
            let _ = writeln!(text, "  none: {name} names no manifest that exists");
        } else if self.manifests.is_empty() {
            text += "  none: no manifest was found\n";
        }
        for manifest in &self.manifests {
            let version = manifest.api_version.as_deref().unwrap_or("?");
            let _ = write!(text, "  {} (Vulkan {version})", manifest.path.display());
            text += &manifest.problem.as_ref().map_or("\n".into(), |it| format!(": {it}\n"));
        }
        text + "\n"
    }
}

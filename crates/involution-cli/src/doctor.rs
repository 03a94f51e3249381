//! `involution doctor`: what there is to run on, whether it works, and how to install a driver.

use std::collections::BTreeMap;

use anyhow::Result;
use involution::autotune::Tuned;
use involution::gpu::{AdapterChoice, AdapterInfo, Options, adapters, backends};
use involution::ops::{Involution, Softmax};
use involution::store::variable;
use involution::{Gpu, Tensor, Window};
use involution_bench::adapter::{Flags, REFERENCE};
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
    let report = json!({
        "involution": env!("CARGO_PKG_VERSION"),
        "wgpu": wgpu_version(),
        "backends": backends()?,
        "used": used,
        "error": error,
        "adapters": adapters.iter().map(document).collect::<Vec<_>>(),
        "loader": drivers::loader().map(|path| path.display().to_string()),
        "manifests": drivers::manifests(),
        "environment": set.collect::<BTreeMap<_, _>>(),
        "install": drivers::install(),
    });
    output::result(json, &report, || {
        let summary = match (used, &error) {
            (_, Some(error)) => format!("A GPU is required: {error}"),
            (Some(index), _) => format!("Operators run on adapter {index}."),
            _ if adapters.is_empty() => {
                format!(
                    "No adapter was found: operators run on the {REFERENCE}. {}",
                    drivers::cure()
                )
            }
            _ => format!("As asked for, operators run on the {REFERENCE}."),
        };
        let old =
            adapters.iter().any(|(_, it)| it.software && it.driver_info.starts_with("Mesa 22."));
        let slow = "\nMesa 22 is right, but slow: a newer one takes a half to a third of the time.";
        let slow = if old { slow } else { "" };
        format!("{}\n{summary}{slow}\n", lines(&report, 0))
    })?;
    let broken = adapters.iter().any(|(works, info)| Some(info.index) == used && works.is_err());
    Ok(Outcome::of(error.is_none() && !broken))
}

/// JSON as lines of names and values.
fn lines(value: &Value, indent: usize) -> String {
    let below = |value: &Value| lines(value, indent + 2);
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            let line = |(name, value): (&String, &Value)| {
                let text = below(value);
                // What is nested begins with its indent.
                let gap = if text.starts_with(' ') { '\n' } else { ' ' };
                format!("{:indent$}{name}:{gap}{text}", "")
            };
            entries.iter().map(line).collect()
        }
        Value::Array(items) if !items.is_empty() => {
            let line = |item: &Value| format!("{:indent$}- {}", "", below(item).trim_start());
            items.iter().map(line).collect()
        }
        Value::Null | Value::Array(_) | Value::Object(_) => "none\n".to_owned(),
        Value::String(text) => text.replace('\n', &format!("\n{:indent$}", "")) + "\n",
        other => format!("{other}\n"),
    }
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
            "matrix_side": info.matrix_side,
            "half_precision": info.shader_f16,
        },
        "works": works.is_ok(),
        "problem": works.as_ref().err().map(ToString::to_string),
    })
}

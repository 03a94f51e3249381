//! What to run on: a GPU where there is one, the CPU reference otherwise, and never silently.

use anyhow::Result;
use involution::autotune::{Tuned, switched_off};
use involution::gpu::{self, AdapterChoice, Options, PipelineFile, Precision};
use involution::store::variable;
use involution::tensor::DType;
use involution::{Error, Gpu};

use crate::outcome::bad_use;
use crate::{drivers, output};

/// The name of the reference, as results give it.
pub const REFERENCE: &str = "CPU reference";

/// Where help lists the flags that every command takes.
const GLOBAL: &str = "Global options";

/// What names an adapter, the flag before the variable.
const FLAG: &str = "--adapter";
const OURS: &str = "INVOLUTION_ADAPTER";

/// Flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Flags {
    /// Adapter: its index, part of its name, or `cpu` for the reference; goes before INVOLUTION_ADAPTER
    #[arg(long, global = true, value_name = "A", help_heading = GLOBAL)]
    adapter: Option<String>,
    /// Fail where there is no GPU, instead of running on the CPU reference (also: INVOLUTION_GPU=require)
    #[arg(long, global = true, help_heading = GLOBAL)]
    require_gpu: bool,
    /// Never store the kernels of involutions: less memory, and slower on some adapters
    #[arg(long, global = true, help_heading = GLOBAL)]
    low_memory: bool,
    /// Look at each layer's result on the adapter, and fail where one is not finite, with the layer's name
    #[arg(long, global = true, help_heading = GLOBAL)]
    paranoid: bool,
    /// How the adapter stores tensors: half the memory with f16, which takes an adapter that has it; kernels compute in
    /// single precision
    #[arg(long, global = true, value_name = "P", default_value = "f32", value_parser = ["f32", "f16", "auto"], help_heading = GLOBAL)]
    precision: String,
}

/// What operators run on.
#[derive(Debug)]
pub enum Runner {
    Gpu(Gpu),
    /// The definition itself, on the CPU.
    Reference,
}

/// Opens what there is to run on. Whatever is wrong with a call is said before that.
pub type Open<'a> = &'a dyn Fn() -> Result<Runner>;

impl Runner {
    /// The device, where it is one.
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Runner::Gpu(gpu) => Some(gpu),
            Runner::Reference => None,
        }
    }

    /// The device, for what is pointless on the reference.
    pub fn device(&self) -> Result<&Gpu> {
        let needed = "this needs a GPU: the CPU reference is a definition, its speed says nothing";
        self.gpu().ok_or_else(|| bad_use(needed))
    }

    /// The adapter's name.
    pub fn name(&self) -> &str {
        self.gpu().map_or(REFERENCE, |gpu| &gpu.adapter().name)
    }

    /// The interface of the adapter.
    pub fn backend(&self) -> Option<&str> {
        self.gpu().map(|gpu| gpu.adapter().backend.as_str())
    }

    /// How the adapter stores tensors: `f32` or `f16`.
    pub fn precision(&self) -> Option<&'static str> {
        Some(match self.gpu()?.profile().storage {
            DType::F16 => "f16",
            _ => "f32",
        })
    }

    /// The driver with its version.
    pub fn driver(&self) -> Option<String> {
        let info = self.gpu()?.adapter();
        Some(format!("{} {}", info.driver, info.driver_info).trim().to_owned())
    }
}

impl std::fmt::Display for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Runner::Gpu(gpu) if gpu.profile().storage == DType::F16 => {
                write!(f, "{}, half precision", gpu.adapter())
            }
            Runner::Gpu(gpu) => gpu.adapter().fmt(f),
            Runner::Reference => f.write_str(REFERENCE),
        }
    }
}

impl Flags {
    /// The adapter that was named, or an empty text.
    pub fn name(&self) -> &str {
        self.adapter.as_deref().unwrap_or_default()
    }

    /// How tensors are to be stored.
    pub fn precision(&self) -> Precision {
        match self.precision.as_str() {
            "f16" => Precision::F16,
            "auto" => Precision::Auto,
            _ => Precision::F32,
        }
    }

    /// Opens what was asked for, with a line on stderr where that is the reference for want of a GPU.
    pub fn open(&self) -> Result<Runner> {
        self.open_with(Tuned::FromEnv)
    }

    /// Opens what was asked for, with kernels by these measured choices.
    pub fn open_with(&self, tuned: Tuned) -> Result<Runner> {
        let (runner, fallback) = self.resolve(tuned)?;
        if let Some(reason) = fallback {
            let cure = drivers::cure();
            output::say(format!("warning: {reason}; running on the {REFERENCE}. {cure}"));
        }
        Ok(runner)
    }

    /// Opens what was asked for, and tells why that is the reference where a GPU was wanted.
    pub fn resolve(&self, tuned: Tuned) -> Result<(Runner, Option<String>)> {
        let mode = variable("INVOLUTION_GPU").unwrap_or_default();
        if !["", "require", "auto", "off"].contains(&mode.as_str()) {
            return Err(bad_use(format!(
                "INVOLUTION_GPU must be require, auto or off, it is '{mode}'"
            )));
        }
        let (required, off) = (self.require_gpu || mode == "require", mode == "off");
        let precision = self.precision();
        // The reference stores nothing in half precision.
        let falls_back = !required && precision != Precision::F16;
        // A value that is not known is refused whatever runs.
        gpu::backends()?;
        switched_off()?;
        // The adapter's name, and who names it. Where no flag does, the library reads the variables.
        let by_variable = |name| Some((name, variable(name)?));
        let named = self.adapter.clone().map(|name| (FLAG, name));
        let named =
            named.or_else(|| by_variable(OURS).or_else(|| by_variable("WGPU_ADAPTER_NAME")));
        let cpu = |name: &str| name.eq_ignore_ascii_case("cpu");
        let wants_cpu = matches!(&named, Some((FLAG | OURS, name)) if cpu(name));
        let contradiction = match &named {
            _ if self.require_gpu && off => {
                "--require-gpu contradicts INVOLUTION_GPU=off".to_owned()
            }
            Some((by, _)) if wants_cpu && required => {
                format!("{by} cpu contradicts a required GPU")
            }
            Some((FLAG, name)) if off && !wants_cpu => {
                format!("--adapter {name} contradicts INVOLUTION_GPU=off")
            }
            _ if precision == Precision::F16 && (wants_cpu || off) => {
                format!("--precision f16 contradicts the {REFERENCE}")
            }
            _ => String::new(),
        };
        match contradiction.is_empty() {
            false => return Err(bad_use(contradiction)),
            true if wants_cpu || off => return Ok((Runner::Reference, None)),
            true => {}
        }
        let mut options = Options::default();
        if let Some((FLAG, name)) = &named {
            options.adapter = AdapterChoice::Matching(name.clone());
        }
        options.low_memory = self.low_memory;
        options.precision = precision;
        options.paranoid = self.paranoid;
        options.tuned = tuned;
        // A program that is built with the feature is one that wants it.
        if cfg!(feature = "pipeline-cache") {
            options.pipeline_cache = PipelineFile::Usual;
        }
        match (Gpu::open(&options), named) {
            (Ok(gpu), _) => Ok((Runner::Gpu(gpu), None)),
            // An adapter that was named is not replaced by the reference.
            (Err(Error::NoAdapter { .. }), Some((by, wanted))) if !required => {
                Err(unknown(Error::UnknownAdapter { wanted, found: Vec::new() }, by))
            }
            (Err(error @ Error::UnknownAdapter { .. }), Some((by, _))) => Err(unknown(error, by)),
            (Err(Error::NoAdapter { backends }), _) if falls_back => {
                Ok((Runner::Reference, Some(format!("no {backends} adapter was found"))))
            }
            (Err(error @ Error::UnusableAdapter { .. }), None) if falls_back => {
                Ok((Runner::Reference, Some(error.to_string())))
            }
            (Err(error), _) => Err(error.into()),
        }
    }
}

/// The error for an adapter that is not there, with the variable that names it.
fn unknown(error: Error, by: &'static str) -> anyhow::Error {
    if by == FLAG { error.into() } else { anyhow::Error::new(error).context(by) }
}

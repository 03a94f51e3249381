//! What to run on: a GPU where there is one, the CPU reference otherwise, and never silently.

use anyhow::Result;
use involution::autotune::{Tuned, switched_off};
use involution::gpu::{self, AdapterChoice, Options, PipelineFile};
use involution::{Error, Gpu};

use crate::{bad_use, drivers, output};

/// The name of the reference, as results give it.
pub const REFERENCE: &str = "CPU reference";

/// Where help lists the flags that every command takes.
const GLOBAL: &str = "Global options";

/// Flags that every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Flags {
    /// Adapter: its index, part of its name, or `cpu` for the reference; goes before INVOLUTION_ADAPTER
    #[arg(long, global = true, value_name = "A", help_heading = GLOBAL)]
    adapter: Vec<String>,
    /// Fail where there is no GPU, instead of running on the CPU reference (also: INVOLUTION_GPU=require)
    #[arg(long, global = true, help_heading = GLOBAL)]
    require_gpu: bool,
    /// Never store the kernels of involutions: less memory, and slower on some adapters
    #[arg(long, global = true, help_heading = GLOBAL)]
    low_memory: bool,
}

/// What operators run on.
#[derive(Debug)]
pub enum Runner {
    /// A device.
    Gpu(Gpu),
    /// The definition itself, on the CPU.
    Reference,
}

impl Runner {
    /// The device, where it is one.
    pub fn gpu(&self) -> Option<&Gpu> {
        match self {
            Runner::Gpu(gpu) => Some(gpu),
            Runner::Reference => None,
        }
    }

    /// Its place among the adapters found; none of the reference.
    fn index(&self) -> Option<usize> {
        self.gpu().map(|gpu| gpu.adapter().index)
    }

    /// The adapter's name.
    pub fn name(&self) -> &str {
        self.gpu().map_or(REFERENCE, |gpu| &gpu.adapter().name)
    }

    /// The interface of the adapter.
    pub fn backend(&self) -> Option<&str> {
        self.gpu().map(|gpu| gpu.adapter().backend.as_str())
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
            Runner::Gpu(gpu) => gpu.adapter().fmt(f),
            Runner::Reference => f.write_str(REFERENCE),
        }
    }
}

/// What `INVOLUTION_GPU` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Require,
    Auto,
    Off,
}

impl Mode {
    fn from_env() -> Result<Self> {
        match drivers::variable("INVOLUTION_GPU").unwrap_or_default().as_str() {
            "require" => Ok(Mode::Require),
            "" | "auto" => Ok(Mode::Auto),
            "off" => Ok(Mode::Off),
            other => Err(bad_use(format!(
                "INVOLUTION_GPU must be require, auto or off, it is '{other}'"
            ))),
        }
    }
}

impl Flags {
    /// Opens what was asked for; says on stderr when that is the reference for want of a GPU.
    pub fn open(&self) -> Result<Runner> {
        self.open_with(Tuned::FromEnv)
    }

    /// Opens what was asked for, with kernels by these measured choices.
    pub fn open_with(&self, tuned: Tuned) -> Result<Runner> {
        let (runner, fallback) = self.resolve(tuned)?;
        if let Some(reason) = fallback {
            output::say(format!(
                "warning: {reason}; running on the CPU reference. {}",
                drivers::cure()
            ));
        }
        Ok(runner)
    }

    /// Opens everything that was asked for, in the order of the flags.
    pub fn open_each(&self) -> Result<Vec<Runner>> {
        if self.adapter.len() < 2 {
            return Ok(vec![self.open()?]);
        }
        let mut runners: Vec<Runner> = Vec::new();
        for name in &self.adapter {
            let runner = Flags { adapter: vec![name.clone()], ..self.clone() }.open()?;
            if runners.iter().any(|other| other.index() == runner.index()) {
                return Err(bad_use(format!(
                    "--adapter {name} is {runner}, which is there already"
                )));
            }
            runners.push(runner);
        }
        Ok(runners)
    }

    /// Opens what was asked for; the text says why it is the reference where a GPU was wanted.
    pub fn resolve(&self, tuned: Tuned) -> Result<(Runner, Option<String>)> {
        let asked = match self.adapter.as_slice() {
            [] => None,
            [one] => Some(one.clone()),
            _ => return Err(bad_use("several adapters are for `involution bench` alone")),
        };
        let mode = Mode::from_env()?;
        // A value that is not known is refused whatever runs.
        gpu::backends()?;
        switched_off()?;
        let required = self.require_gpu || mode == Mode::Require;
        let is_cpu = |name: &str| name.eq_ignore_ascii_case("cpu");
        if self.require_gpu && mode == Mode::Off {
            return Err(bad_use("--require-gpu contradicts INVOLUTION_GPU=off"));
        }
        if let Some(name) = asked.as_deref() {
            if required && is_cpu(name) {
                return Err(bad_use("--adapter cpu contradicts a required GPU"));
            }
            if mode == Mode::Off && !is_cpu(name) {
                return Err(bad_use(format!("--adapter {name} contradicts INVOLUTION_GPU=off")));
            }
        }
        // What names an adapter where no flag does, as the library reads it.
        let named = ["INVOLUTION_ADAPTER", "WGPU_ADAPTER_NAME"]
            .into_iter()
            .find_map(|name| Some((name, drivers::variable(name)?)))
            .filter(|_| asked.is_none());
        let wanted = asked.clone().or_else(|| drivers::variable("INVOLUTION_ADAPTER"));
        if mode == Mode::Off || (!required && wanted.as_deref().is_some_and(is_cpu)) {
            return Ok((Runner::Reference, None));
        }
        if required && wanted.as_deref().is_some_and(is_cpu) {
            return Err(bad_use("INVOLUTION_ADAPTER=cpu contradicts a required GPU"));
        }
        let adapter = asked.clone().map_or(AdapterChoice::Auto, AdapterChoice::Matching);
        // A program that is built with the feature is one that wants it.
        let pipeline_cache = match cfg!(feature = "pipeline-cache") {
            true => PipelineFile::Usual,
            false => PipelineFile::Off,
        };
        let mut options = Options::default();
        options.adapter = adapter;
        options.low_memory = self.low_memory;
        options.pipeline_cache = pipeline_cache;
        options.tuned = tuned;
        let opened = Gpu::open(&options);
        // An adapter that was named is not replaced by the reference.
        let name = asked.clone().or_else(|| named.clone().map(|(_, name)| name));
        let opened = opened.map_err(|error| match (error, name) {
            (Error::NoAdapter { .. }, Some(wanted)) if !required => {
                Error::UnknownAdapter { wanted, found: Vec::new() }
            }
            (error, _) => error,
        });
        match opened {
            Ok(gpu) => Ok((Runner::Gpu(gpu), None)),
            Err(error @ Error::UnknownAdapter { .. }) => Err(match named {
                Some((variable, _)) => anyhow::Error::new(error).context(variable),
                None => error.into(),
            }),
            Err(error) if required => Err(error.into()),
            Err(Error::NoAdapter { backends }) => {
                Ok((Runner::Reference, Some(format!("no {backends} adapter was found"))))
            }
            Err(error @ Error::UnusableAdapter { .. }) if asked.is_none() && named.is_none() => {
                Ok((Runner::Reference, Some(error.to_string())))
            }
            Err(error) => Err(error.into()),
        }
    }
}

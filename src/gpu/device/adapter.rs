//! Adapters: which there are, what each allows, and which one is opened.

use std::fmt;
use std::sync::OnceLock;

use super::options::AdapterChoice;
use super::profile::profile;
use crate::autotune::Identity;
use crate::error::{Error, Result};
use crate::tensor::DType;

/// What is known of an adapter before it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterInfo {
    /// Its place among the adapters found.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// The interface: Vulkan, Metal, Dx12, Gl.
    pub backend: String,
    /// DiscreteGpu, IntegratedGpu, Cpu, …
    pub device_type: String,
    /// The driver.
    pub driver: String,
    /// Its version.
    pub driver_info: String,
    /// Whether the "GPU" is software on the CPU.
    pub software: bool,
    /// Whether it reports the time of each dispatch.
    pub timestamps: bool,
    /// Lanes that can hear each other at the least; 0 where they cannot.
    pub subgroup_size: u32,
    /// Rows and columns of the square matrices of half precision that its subgroups multiply as kernels need it; 0 for none.
    pub matrix_side: u32,
    /// Whether it can store half precision.
    pub shader_f16: bool,
    /// Bytes in one buffer.
    pub max_buffer_size: u64,
    /// Bytes of a buffer that one kernel can see.
    pub max_binding_size: u64,
    /// Workgroups along one dimension of a dispatch.
    pub max_workgroups: u32,
    /// Invocations in one workgroup.
    pub max_workgroup_size: u32,
    /// Bytes of workgroup memory.
    pub max_workgroup_memory: u32,
}

impl AdapterInfo {
    /// What measurements on this adapter hold for.
    pub fn identity(&self) -> Identity {
        Identity {
            involution: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: self.name.clone(),
            backend: self.backend.clone(),
            driver: self.driver.clone(),
            driver_info: self.driver_info.clone(),
        }
    }
}

impl fmt::Display for AdapterInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.name, self.backend)?;
        if !self.driver.is_empty() {
            write!(f, ", {} {}", self.driver, self.driver_info)?;
        }
        write!(f, ")")
    }
}

/// Lists the adapters of the interfaces that `WGPU_BACKEND` names, or of all.
pub fn adapters() -> Result<Vec<AdapterInfo>> {
    let wanted = Wanted::from_env()?;
    let Some(instance) = instance(&wanted) else { return Ok(Vec::new()) };
    let found = pollster::block_on(instance.enumerate_adapters(wanted.backends));
    Ok(found.iter().enumerate().map(|(index, adapter)| describe(index, adapter)).collect())
}

/// The interfaces that are searched for adapters: those compiled in that `WGPU_BACKEND` does not rule out.
pub fn backends() -> Result<String> {
    Ok(Wanted::from_env()?.searched())
}

/// What the environment asks of adapters.
pub(crate) struct Wanted {
    backends: wgpu::Backends,
    power: wgpu::PowerPreference,
}

impl Wanted {
    /// Of `WGPU_BACKEND` and `WGPU_POWER_PREF`. wgpu passes over what it does not know; here it is an error.
    pub fn from_env() -> Result<Self> {
        let refuse = |name, must, value| Err(Error::Variable { name, must, value });
        let backends = match variable("WGPU_BACKEND") {
            None => wgpu::Backends::all(),
            Some(value) if value.split(',').all(is_backend) => {
                wgpu::Backends::from_comma_list(&value)
            }
            Some(value) => {
                let must = "vulkan, metal, dx12 or gl, or several of them as in vulkan,gl";
                return refuse("WGPU_BACKEND", must, value);
            }
        };
        let power = match variable("WGPU_POWER_PREF") {
            None => wgpu::PowerPreference::HighPerformance,
            Some(value) => match wgpu::PowerPreference::from_env() {
                Some(known) => known,
                None => return refuse("WGPU_POWER_PREF", "low, high or none", value),
            },
        };
        Ok(Wanted { backends, power })
    }

    /// The names of the interfaces that are searched.
    pub fn searched(&self) -> String {
        let compiled_in = wgpu::Instance::enabled_backend_features();
        let names = |backends: wgpu::Backends| {
            backends.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join(" or ")
        };
        match self.backends & compiled_in {
            _ if compiled_in.is_empty() => "(none compiled in)".to_owned(),
            none if none.is_empty() => format!("{} (not compiled in)", names(self.backends)),
            searched => names(searched),
        }
    }
}

/// Whether an interface has this name, or this other name that wgpu knows it by.
fn is_backend(name: &str) -> bool {
    let known = ["vulkan", "vk", "metal", "mtl", "dx12", "d3d12", "gl", "gles", "opengl"];
    known.contains(&name.trim().to_lowercase().as_str())
}

/// The way to the adapters; nothing where no interface of this platform is compiled in.
pub(crate) fn instance(wanted: &Wanted) -> Option<wgpu::Instance> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = wanted.backends;
    let compiled_in = !wgpu::Instance::enabled_backend_features().is_empty();
    compiled_in.then(|| wgpu::Instance::new(descriptor))
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The adapter to open, and its place among those found.
pub(crate) async fn choose(
    instance: &wgpu::Instance,
    wanted: &Wanted,
    choice: &AdapterChoice,
) -> Result<(usize, wgpu::Adapter)> {
    let mut found = instance.enumerate_adapters(wanted.backends).await;
    if found.is_empty() {
        return Err(Error::NoAdapter { backends: wanted.searched() });
    }
    let named = match choice {
        AdapterChoice::Matching(wanted) => Some(wanted.clone()),
        AdapterChoice::Auto => {
            variable("INVOLUTION_ADAPTER").or_else(|| variable("WGPU_ADAPTER_NAME"))
        }
    };
    let index = match named {
        Some(name) => matching(&found, &name)?,
        None => {
            let power_preference = wanted.power;
            let options = wgpu::RequestAdapterOptions { power_preference, ..Default::default() };
            let best = instance.request_adapter(&options).await.ok().map(|best| best.get_info());
            let same = |adapter: &wgpu::Adapter| Some(adapter.get_info()) == best;
            found.iter().position(same).unwrap_or(0)
        }
    };
    Ok((index, found.swap_remove(index)))
}

/// The adapter with the wanted index, or the first whose name holds the wanted text.
fn matching(found: &[wgpu::Adapter], wanted: &str) -> Result<usize> {
    let names: Vec<String> =
        found.iter().enumerate().map(|(i, a)| describe(i, a).to_string()).collect();
    let index = match wanted.parse() {
        Ok(index) => Some(index).filter(|&index: &usize| index < found.len()),
        Err(_) => {
            let wanted = wanted.to_lowercase();
            names.iter().position(|name| name.to_lowercase().contains(&wanted))
        }
    };
    index.ok_or_else(|| Error::UnknownAdapter { wanted: wanted.to_owned(), found: names })
}

/// The most bytes that a kernel is shown of one tensor: 2^31 elements. Counters in shaders are 32 bits wide, and
/// one that steps by more than an element must not pass 2^32. Vulkan and DirectX 12 allow less anyway.
const MAX_BINDING: u64 = 8 << 30;

pub(crate) fn limits_of(adapter: &wgpu::Adapter) -> wgpu::Limits {
    let mut limits = adapter.limits();
    lower(&mut limits.max_storage_buffer_binding_size, Some(MAX_BINDING));
    limits
}

pub(crate) fn describe(index: usize, adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let limits = limits_of(adapter);
    let stored_in_halves = profile(adapter, adapter.features(), &limits, DType::F16);
    AdapterInfo {
        index,
        name: info.name,
        backend: format!("{:?}", info.backend),
        device_type: format!("{:?}", info.device_type),
        driver: info.driver,
        driver_info: info.driver_info,
        software: info.device_type == wgpu::DeviceType::Cpu,
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
        shader_f16: adapter.features().contains(wgpu::Features::SHADER_F16),
        subgroup_size: stored_in_halves.subgroup_min,
        matrix_side: stored_in_halves.matrix_units().map_or(0, |units| units.side),
        max_buffer_size: limits.max_buffer_size,
        max_binding_size: limits.max_storage_buffer_binding_size,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_workgroup_size: limits.max_compute_invocations_per_workgroup,
        max_workgroup_memory: limits.max_compute_workgroup_storage_size,
    }
}

/// Says which adapter runs, and once per process that it is a software one.
pub(crate) fn announce(info: &AdapterInfo) {
    static WARNED: OnceLock<()> = OnceLock::new();
    tracing::info!("running on {info}");
    if info.software && WARNED.set(()).is_ok() {
        tracing::warn!(
            "{} is a software adapter: results are right, times are those of the CPU",
            info.name
        );
    }
}

pub(crate) fn lower<T: Ord + Copy>(limit: &mut T, to: Option<T>) {
    if let Some(to) = to {
        *limit = (*limit).min(to);
    }
}

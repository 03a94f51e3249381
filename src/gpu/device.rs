//! Adapters and devices: which one runs, what it allows, and how its failures become errors.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use super::pipeline_cache::PipelineFile;
use crate::error::{Error, Result};
use crate::shaders::text::DEVICE_NAMES;
use crate::tuned::Tuned;

/// Which adapter to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum AdapterChoice {
    /// `INVOLUTION_ADAPTER`, else `WGPU_ADAPTER_NAME`, else the best one under `WGPU_POWER_PREF`
    /// (the fast one where that is not set).
    #[default]
    Auto,
    /// The one with this index in [`adapters`], or the first whose name holds this text, in any case.
    Matching(String),
}

/// How to open a device. The limits can only lower what the adapter allows: they show how the library
/// behaves on a smaller device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// Which adapter.
    pub adapter: AdapterChoice,
    /// Bytes in one buffer.
    pub max_buffer_size: Option<u64>,
    /// Bytes of a buffer that one kernel can see.
    pub max_binding_size: Option<u64>,
    /// Workgroups along one dimension of a dispatch.
    pub max_workgroups: Option<u32>,
    /// Iterations that the loops of one invocation make together. An adapter's own limit is found by a test when it is
    /// opened: llvmpipe of Mesa 22.3 ends loops after 65,535 iterations and says nothing.
    pub max_trips: Option<usize>,
    /// How long one submission may keep the device busy, by an estimate for a slow one: longer work is cut
    /// into several. None is half a second, and no limit on a software adapter.
    pub submission_budget: Option<Duration>,
    /// Never store the kernels of an involution that makes them ([`SpanInvolution`](crate::ops::SpanInvolution)), also
    /// where that takes longer: they are the largest tensors of many networks.
    pub low_memory: bool,
    /// Use no integers of 64 bits, as on an adapter that has none. Software adapters that have them read and write two
    /// values at a time with them.
    pub without_int64: bool,
    /// Which measured choices among kernels to go by.
    pub tuned: Tuned,
    /// Where compiled pipelines are kept from one process to the next.
    pub pipeline_cache: PipelineFile,
    /// Faults to put into shaders: they show that the checks catch a wrong kernel.
    pub faults: Vec<Fault>,
}

/// A wrong shader: the text of a kernel, imports resolved, with one text replaced by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kernel's name.
    pub kernel: String,
    /// The text to replace wherever it stands; a kernel without it does not compile.
    pub from: String,
    /// What to put there.
    pub to: String,
}

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
struct Wanted {
    backends: wgpu::Backends,
    power: wgpu::PowerPreference,
}

impl Wanted {
    /// Of `WGPU_BACKEND` and `WGPU_POWER_PREF`. wgpu passes over what it does not know; here it is an error.
    fn from_env() -> Result<Self> {
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
    fn searched(&self) -> String {
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

/// The optional features that are asked for where an adapter has them.
const WANTED_FEATURES: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::SUBGROUP);

/// What is asked for beside them on a software adapter: its memory is the host's, and tensors can be written and read
/// where they lie. Elsewhere memory that the host can see is slow for the device.
const WANTED_OF_SOFTWARE: wgpu::Features = wgpu::Features::MAPPABLE_PRIMARY_BUFFERS;

/// The work of a submission where the options do not say. Windows resets a device that is busy with one for two
/// seconds, and a display that it drives stands still meanwhile.
const BUDGET: Duration = Duration::from_millis(500);

/// An open device and what it has done wrong so far.
#[derive(Debug)]
pub(crate) struct Context {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub info: AdapterInfo,
    /// Whether the host can write and read tensors where they lie.
    pub in_place: bool,
    /// The names that shaders are given by the device; see [`DEVICE_NAMES`].
    pub device_names: &'static [&'static str],
    /// The most work in a submission, by the estimate.
    pub budget: Duration,
    /// Wrong shaders that were asked for.
    pub planted: Vec<Fault>,
    reports: Arc<Reports>,
}

/// What the driver reports outside of any call.
#[derive(Debug, Default)]
struct Reports {
    lost: OnceLock<String>,
    uncaptured: Mutex<Option<String>>,
}

impl Context {
    pub async fn open(options: &Options) -> Result<Self> {
        let wanted = Wanted::from_env()?;
        let none = || Error::NoAdapter { backends: wanted.searched() };
        let instance = instance(&wanted).ok_or_else(none)?;
        let (index, adapter) = choose(&instance, &wanted, &options.adapter).await?;
        let info = describe(index, &adapter);
        let unusable =
            |reason: String| Error::UnusableAdapter { adapter: info.name.clone(), reason };
        let flags = adapter.get_downlevel_capabilities().flags;
        if !flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
            return Err(unusable("it has no compute shaders".to_owned()));
        }
        let mut limits = limits_of(&adapter);
        lower(&mut limits.max_buffer_size, options.max_buffer_size);
        lower(&mut limits.max_storage_buffer_binding_size, options.max_binding_size);
        lower(&mut limits.max_compute_workgroups_per_dimension, options.max_workgroups);
        let mut wanted = WANTED_FEATURES | options.pipeline_cache.features();
        wanted.set(WANTED_OF_SOFTWARE, info.software);
        wanted.set(wgpu::Features::SHADER_INT64, info.software && !options.without_int64);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("involution"),
            required_features: adapter.features() & wanted,
            required_limits: limits.clone(),
            ..Default::default()
        };
        let (device, queue) =
            adapter.request_device(&descriptor).await.map_err(|e| unusable(e.to_string()))?;

        let reports = Arc::new(Reports::default());
        let seen = reports.clone();
        device.set_device_lost_callback(move |reason, message| {
            // A device that is dropped in good order is not lost to anybody.
            let _ = seen.lost.set(format!("{reason:?}: {message}"));
        });
        let seen = reports.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            let mut slot = seen.uncaptured.lock().unwrap_or_else(PoisonError::into_inner);
            slot.get_or_insert_with(|| error.to_string());
        }));
        announce(&info);
        let unlimited = if info.software { Duration::MAX } else { BUDGET };
        let budget = options.submission_budget.unwrap_or(unlimited);
        let planted = options.faults.clone();
        let in_place = device.features().contains(WANTED_OF_SOFTWARE);
        let words = device.features().contains(wgpu::Features::SHADER_INT64);
        let device_names = if words { DEVICE_NAMES } else { &[] };
        Ok(Context {
            device,
            queue,
            limits,
            info,
            in_place,
            device_names,
            budget,
            planted,
            reports,
        })
    }

    /// An error where the device is gone or has complained outside of any call.
    pub fn check(&self) -> Result<()> {
        if let Some(reason) = self.reports.lost.get() {
            return Err(Error::DeviceLost { reason: reason.clone() });
        }
        let mut slot = self.reports.uncaptured.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.take() {
            Some(message) => Err(Error::Device { what: "an earlier command".to_owned(), message }),
            None => Ok(()),
        }
    }

    /// Runs device calls under error scopes and turns what they report into an error. `bytes` is what
    /// the calls allocate, for the message.
    pub fn guarded<T>(&self, what: &str, bytes: u64, call: impl FnOnce() -> T) -> Result<T> {
        self.check()?;
        let scope = |filter| self.device.push_error_scope(filter);
        let internal = scope(wgpu::ErrorFilter::Internal);
        let validation = scope(wgpu::ErrorFilter::Validation);
        let memory = scope(wgpu::ErrorFilter::OutOfMemory);
        let value = call();
        let reports = [at_once(memory.pop()), at_once(validation.pop()), at_once(internal.pop())];
        self.check()?;
        match reports.into_iter().flatten().flatten().next() {
            None => Ok(value),
            Some(wgpu::Error::OutOfMemory { .. }) => {
                Err(Error::OutOfMemory { what: what.to_owned(), bytes })
            }
            Some(error) => Err(Error::Device { what: what.to_owned(), message: error.to_string() }),
        }
    }

    /// The error of what the device refused: that it is lost, where it was lost since it was last asked.
    pub fn refused(&self, what: &str, message: String) -> Error {
        let refused = Error::Device { what: what.to_owned(), message };
        self.check().err().unwrap_or(refused)
    }

    /// Destroys the device, as a driver reset would; whatever comes after is [`Error::DeviceLost`].
    pub fn destroy(&self) {
        let _ = self.reports.lost.set("destroyed on request".to_owned());
        self.device.destroy();
    }
}

/// The way to the adapters; nothing where no interface of this platform is compiled in.
fn instance(wanted: &Wanted) -> Option<wgpu::Instance> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle_from_env();
    descriptor.backends = wanted.backends;
    let compiled_in = !wgpu::Instance::enabled_backend_features().is_empty();
    compiled_in.then(|| wgpu::Instance::new(descriptor))
}

/// An environment variable that is set to something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

async fn choose(
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

fn limits_of(adapter: &wgpu::Adapter) -> wgpu::Limits {
    let mut limits = adapter.limits();
    lower(&mut limits.max_storage_buffer_binding_size, Some(MAX_BINDING));
    limits
}

fn describe(index: usize, adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let limits = limits_of(adapter);
    let subgroups = adapter.features().contains(wgpu::Features::SUBGROUP);
    AdapterInfo {
        index,
        name: info.name,
        backend: format!("{:?}", info.backend),
        device_type: format!("{:?}", info.device_type),
        driver: info.driver,
        driver_info: info.driver_info,
        software: info.device_type == wgpu::DeviceType::Cpu,
        timestamps: adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY),
        subgroup_size: if subgroups { info.subgroup_min_size } else { 0 },
        max_buffer_size: limits.max_buffer_size,
        max_binding_size: limits.max_storage_buffer_binding_size,
        max_workgroups: limits.max_compute_workgroups_per_dimension,
        max_workgroup_size: limits.max_compute_invocations_per_workgroup,
        max_workgroup_memory: limits.max_compute_workgroup_storage_size,
    }
}

/// Says which adapter runs, and once per process that it is a software one.
fn announce(info: &AdapterInfo) {
    static WARNED: OnceLock<()> = OnceLock::new();
    tracing::info!("running on {info}");
    if info.software && WARNED.set(()).is_ok() {
        tracing::warn!(
            "{} is a software adapter: results are right, times are those of the CPU",
            info.name
        );
    }
}

fn lower<T: Ord + Copy>(limit: &mut T, to: Option<T>) {
    if let Some(to) = to {
        *limit = (*limit).min(to);
    }
}

/// The value of a future that is ready: on native devices, popping an error scope always is.
fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

//! Compiled pipelines by key. Each key compiles once, however many threads ask for it at the same time,
//! and no lock is held while it does.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wgpu::naga::Module;

use super::super::device::context::Context;
use super::super::device::driver::Driver;
use super::super::shader::{self, Shader};
use super::pipeline_cache::PipelineCache;
use super::slots::Slots;
use crate::error::{Error, Limit, Result};
use crate::kernels::KernelKey;
use crate::shaders::Variant;

/// A compiled kernel.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub raw: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    pub shader: Shader,
}

/// How often pipelines were asked for and compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PipelineStats {
    /// Requests that found their pipeline compiled.
    pub hits: u64,
    /// Requests that compiled it.
    pub misses: u64,
    /// Bytes of what was compiled before that the driver was given when the device was opened, by
    /// [`Options::pipeline_cache`](crate::gpu::Options::pipeline_cache).
    pub restored: u64,
}

/// The pipelines of one device.
#[derive(Debug, Default)]
pub(crate) struct Pipelines {
    /// What the driver keeps, where that is asked for.
    pub cache: Option<PipelineCache>,
    slots: Slots<KernelKey, Arc<Pipeline>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Pipelines {
    pub fn new(cache: Option<PipelineCache>) -> Self {
        Pipelines { cache, ..Pipelines::default() }
    }

    pub fn get(&self, context: &Context, key: KernelKey) -> Result<Arc<Pipeline>> {
        let mut compiled = false;
        let result = self.slots.get(key, || {
            compiled = true;
            compile(context, self.cache.as_ref(), key).map(Arc::new)
        });
        let counter = if compiled { &self.misses } else { &self.hits };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }

    pub fn stats(&self) -> PipelineStats {
        PipelineStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            restored: self.cache.as_ref().map_or(0, |cache| cache.restored),
        }
    }
}

fn compile(
    context: &Context,
    cache: Option<&PipelineCache>,
    KernelKey { kernel, variant }: KernelKey,
) -> Result<Pipeline> {
    let driver = &context.driver;
    let names = driver.profile.defines();
    let mut text = shader::expand(kernel, variant, names)?;
    for fault in context.options.testing.faults.iter().filter(|fault| fault.kernel == kernel.name) {
        // It may be for other variants.
        let holds = |variant: &Variant| {
            Ok::<_, Error>(shader::expand(kernel, *variant, names)?.wgsl.contains(&fault.from))
        };
        let found: Vec<bool> = kernel.variants.iter().map(holds).collect::<Result<_>>()?;
        if !found.contains(&true) {
            let message = format!("has no text '{}' to put a fault in", fault.from);
            return Err(Error::Kernel { kernel: kernel.name.to_owned(), message });
        }
        text.wgsl = text.wgsl.replace(&fault.from, &fault.to);
    }
    let (shader, module) = shader::parse(kernel, text)?;
    check_limits(driver, &shader)?;
    let storage = shader.storage.iter().map(|binding| {
        entry(binding.index, wgpu::BufferBindingType::Storage { read_only: binding.read_only })
    });
    let uniform = entry(shader.uniform_index, wgpu::BufferBindingType::Uniform);
    let entries: Vec<_> = storage.chain([uniform]).collect();
    let device = &driver.device;
    let named = |error| match error {
        Error::Device { message, .. } => {
            let message = shader::explain_invalid(&shader.text).unwrap_or(message);
            Error::Kernel { kernel: kernel.name.to_owned(), message }
        }
        other => other,
    };
    let (raw, layout) = driver
        .guarded(&format!("compiling {}", kernel.name), 0, || {
            let module = create_module(device, kernel.name, module);
            let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label: Some(kernel.name),
                entries: &entries,
            });
            let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(kernel.name),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(kernel.name),
                layout: Some(&pipeline_layout),
                module: &module,
                entry_point: None,
                compilation_options: wgpu::PipelineCompilationOptions {
                    // Kernels write workgroup memory before they read it.
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: cache.map(|cache| &cache.raw),
            });
            (raw, layout)
        })
        .map_err(named)?;
    Ok(Pipeline { raw, layout, shader })
}

/// Bounds checks stay on. The counter that naga adds to every loop to end it by force does not: all
/// loops here come to an end by themselves, and with the counter in their way compilers keep register
/// tiles in memory.
#[allow(unsafe_code)]
fn create_module(device: &wgpu::Device, name: &str, module: Module) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(name),
        source: wgpu::ShaderSource::Naga(Cow::Owned(module)),
    };
    let checks = wgpu::ShaderRuntimeChecks { force_loop_bounding: false, ..Default::default() };
    // SAFETY: the only check given up is the one for loops without end. The shaders are those of this
    // crate, and tests/shaders.rs reads each of their loops: it counts up, by one or by at most 64, while it
    // is below a u32 that does not change, or halves a number while it is above 0, and nothing in its body
    // writes the counter. Steps above one go through elements of a tensor, which `MAX_BINDING` keeps so far
    // below 2^32 that no step passes it.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

fn entry(binding: u32, ty: wgpu::BufferBindingType) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
        count: None,
    }
}

fn check_limits(driver: &Driver, shader: &Shader) -> Result<()> {
    let limits = &driver.limits;
    let rows = [
        (Limit::WorkgroupSize, shader.workgroup_size, limits.max_compute_invocations_per_workgroup),
        (
            Limit::WorkgroupMemory,
            shader.workgroup_memory,
            limits.max_compute_workgroup_storage_size,
        ),
        (
            Limit::StorageBuffers,
            shader.storage.len() as u32,
            limits.max_storage_buffers_per_shader_stage,
        ),
    ];
    for (limit, needed, allowed) in rows {
        if needed > allowed {
            return Err(Error::Limit {
                op: shader.name,
                what: "the kernel".to_owned(),
                limit,
                needed: needed.into(),
                allowed: allowed.into(),
                cure: "choose another kernel of the operator",
            });
        }
    }
    Ok(())
}

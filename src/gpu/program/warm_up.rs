//! Kernels compiled ahead of the first call, in parallel, and how far that has come.
//!
//! Drivers of GPUs compile as many kernels at a time as threads ask for. A software adapter compiles one after the
//! other on each device, when a kernel is first dispatched, and finds what any device of the machine has compiled
//! before in its cache on disk: others of its devices can compile for this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::super::device::context::Context;
use super::super::device::pool::{Lease, Use};
use super::dispatch::{Dispatch, record};
use super::pipeline_cache;
use super::pipelines::{Pipeline, Pipelines};
use crate::error::{Error, Result};
use crate::kernels::KernelKey;

/// How far the compiling of kernels has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Kernels that are ready.
    pub done: usize,
    /// Kernels that are to be.
    pub total: usize,
    /// The one that was begun or ended just now.
    pub kernel: &'static str,
}

/// Where kernels are compiled.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Compiler<'a> {
    pub context: &'a Context,
    pub pipelines: &'a Pipelines,
}

impl Compiler<'_> {
    /// Compiles kernels in parallel. `progress` is called in the caller's thread whenever a kernel is begun and when it is
    /// ready, those that were compiled before too. Where a kernel fails, the others go on, and the count ends short of
    /// the total.
    pub fn warm_up(self, keys: &[KernelKey], mut progress: impl FnMut(Progress)) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let queue = Queue { keys, next: AtomicUsize::new(0) };
        std::thread::scope(|scope| {
            let (sender, steps) = mpsc::channel();
            let queue = &queue;
            let alone = self.context.driver.info.software;
            let start = |_| {
                let sender = sender.clone();
                scope.spawn(move || match alone {
                    true => self.compile_with_assistants(queue, threads - 1, &sender),
                    false => {
                        let mut keys = std::iter::from_fn(|| queue.take());
                        keys.try_for_each(|key| self.compile(key, &sender))
                    }
                })
            };
            let workers = if alone { 1 } else { threads.min(keys.len()) };
            let workers: Vec<_> = (0..workers).map(start).collect();
            // The steps end with the last of the workers.
            drop(sender);
            let (mut done, total) = (0, keys.len());
            for (ready, kernel) in steps {
                done += ready;
                progress(Progress { done, total, kernel });
            }
            let panicked = || Error::Internal("a thread that compiles kernels panicked".to_owned());
            workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| panicked())?)
        })
    }

    /// Compiles all kernels of the queue on a device that does one at a time, with so many others to help where that
    /// takes long.
    fn compile_with_assistants(
        self,
        queue: &Queue<'_>,
        others: usize,
        steps: &mpsc::Sender<(usize, &'static str)>,
    ) -> Result<()> {
        std::thread::scope(|scope| {
            let mut assistants = Vec::new();
            let mut result = Ok(());
            while let Some(key) = queue.take() {
                let start = Instant::now();
                result = result.and(self.compile(key, steps));
                // It waited for the one before. All is quick where it is in the cache on disk: then nobody is
                // needed to fill that.
                if assistants.is_empty() && start.elapsed() > SLOW && has_disk_cache() {
                    let assist = || self.compile_elsewhere(queue);
                    assistants.extend((0..others).map(|_| scope.spawn(assist)));
                }
            }
            for assistant in assistants {
                // What one of them could not do is done here, and its error is heard here.
                for key in assistant.join().unwrap_or_default() {
                    result = result.and(self.compile(key, steps));
                }
            }
            result
        })
    }

    /// Compiles a kernel, and says when that begins and when it is ready.
    fn compile(self, key: KernelKey, steps: &mpsc::Sender<(usize, &'static str)>) -> Result<()> {
        // Nobody listens any more only where `progress` panicked.
        let _ = steps.send((0, key.kernel.name));
        self.compile_silently(key)?;
        let _ = steps.send((1, key.kernel.name));
        Ok(())
    }

    fn compile_silently(self, key: KernelKey) -> Result<()> {
        let pipeline = self.pipelines.get(self.context, key)?;
        dispatch_nothing(self.context, &pipeline)
    }

    /// Compiles kernels on another device of the same adapter until there are no more, for the cache on disk. Gives
    /// those that are taken from the queue and still to be made here.
    fn compile_elsewhere(self, queue: &Queue<'_>) -> Vec<KernelKey> {
        let mut taken = Vec::new();
        // Only a help: where it fails, the kernels are compiled here.
        let Ok(other) = pollster::block_on(Context::open(&self.context.options)) else {
            return taken;
        };
        let pipelines = Pipelines::new(pipeline_cache::open(&other));
        let compiler = Compiler { context: &other, pipelines: &pipelines };
        while let Some(key) = queue.take() {
            taken.push(key);
            if compiler.compile_silently(key).is_err() {
                break;
            }
        }
        // Until the last of them is in the cache. Where that fails there is only less of it.
        let _ = other.driver.wait(None);
        taken
    }
}

/// Dispatches no workgroups of a pipeline: some drivers finish compiling at the first dispatch.
fn dispatch_nothing(context: &Context, pipeline: &Arc<Pipeline>) -> Result<()> {
    let lease =
        |usage, bytes| context.lease(usage, bytes, pipeline.shader.name, "warm-up").map(Arc::new);
    let uniform = lease(Use::Uniform, pipeline.shader.uniform_size.into())?;
    let leases: Vec<Arc<Lease>> =
        pipeline.shader.storage.iter().map(|_| lease(Use::Storage, 4)).collect::<Result<_>>()?;
    let storage = pipeline.shader.storage.iter().zip(&leases);
    let entries: Vec<_> = storage
        .map(|(binding, lease)| (binding.index, lease))
        .chain([(pipeline.shader.uniform_index, &uniform)])
        .map(|(binding, lease)| wgpu::BindGroupEntry {
            binding,
            resource: lease.buffer().as_entire_binding(),
        })
        .collect();
    let bind_group = context.driver.guarded("warm-up", 0, || {
        context.driver.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("warm-up"),
            layout: &pipeline.layout,
            entries: &entries,
        })
    })?;
    let (pipeline, workgroups, work) = (pipeline.clone(), [0; 3], Duration::ZERO);
    let dispatch = Dispatch { pipeline, bind_group, workgroups, work };
    let name = dispatch.pipeline.shader.name;
    record(context, name, std::slice::from_ref(&dispatch), None).map(|_| ())
}

/// Kernels that are to be compiled, each taken once.
struct Queue<'a> {
    keys: &'a [KernelKey],
    next: AtomicUsize,
}

impl Queue<'_> {
    fn take(&self) -> Option<KernelKey> {
        self.keys.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }
}

/// What a kernel takes to load that is in the cache on disk, and more.
const SLOW: Duration = Duration::from_millis(150);

/// Whether the drivers of software adapters keep what they compiled, unless they were told not to.
fn has_disk_cache() -> bool {
    std::env::var_os("MESA_SHADER_CACHE_DISABLE")
        .is_none_or(|value| value.is_empty() || value == "false" || value == "0")
}

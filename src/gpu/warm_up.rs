//! Kernels compiled ahead of the first call, in parallel, and how far that has come.
//!
//! Drivers of GPUs compile as many kernels at a time as threads ask for. A software adapter compiles one after the
//! other on each device, when a kernel is first dispatched, and finds what any device of the machine has compiled
//! before in its cache on disk: others of its devices can compile for this one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::Gpu;
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

impl Gpu {
    /// Compiles kernels in parallel, so that the first call that uses them does not wait. The keys of a
    /// call are those of its candidates' [`KernelCall`](crate::kernels::KernelCall)s.
    pub fn warm_up(&self, keys: &[KernelKey]) -> Result<()> {
        self.warm_up_with(keys, |_| {})
    }

    /// The same, which says how far it has come: `progress` is called in the caller's thread whenever a kernel is
    /// begun and when it is ready, those that were compiled before too. Where a kernel fails, the others go on, and
    /// the count ends short of the total.
    pub fn warm_up_with(
        &self,
        keys: &[KernelKey],
        mut progress: impl FnMut(Progress),
    ) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, |threads| threads.get());
        let queue = Queue { keys, next: AtomicUsize::new(0) };
        std::thread::scope(|scope| {
            let (sender, steps) = mpsc::channel();
            let queue = &queue;
            let alone = self.adapter().software;
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
            let panicked = || Error::Device {
                what: "warm-up".to_owned(),
                message: "a compiling thread panicked".to_owned(),
            };
            workers.into_iter().try_for_each(|worker| worker.join().map_err(|_| panicked())?)
        })
    }

    /// Compiles all kernels of the queue on a device that does one at a time, with so many others to help where that
    /// takes long.
    fn compile_with_assistants(
        &self,
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
    fn compile(&self, key: KernelKey, steps: &mpsc::Sender<(usize, &'static str)>) -> Result<()> {
        // Nobody listens any more only where `progress` panicked.
        let _ = steps.send((0, key.kernel.name));
        self.compile_silently(key)?;
        let _ = steps.send((1, key.kernel.name));
        Ok(())
    }

    fn compile_silently(&self, key: KernelKey) -> Result<()> {
        let pipeline = self.0.pipelines.get(&self.0.context, key)?;
        self.dispatch_nothing(&pipeline)
    }

    /// Compiles kernels on another device of the same adapter until there are no more, for the cache on disk. Gives
    /// those that are taken from the queue and still to be made here.
    fn compile_elsewhere(&self, queue: &Queue<'_>) -> Vec<KernelKey> {
        let mut taken = Vec::new();
        // Only a help: where it fails, the kernels are compiled here.
        let Ok(other) = self.recreate() else { return taken };
        while let Some(key) = queue.take() {
            taken.push(key);
            if other.compile_silently(key).is_err() {
                break;
            }
        }
        // Until the last of them is in the cache. Where that fails there is only less of it.
        let _ = other.0.context.device.poll(wgpu::PollType::wait_indefinitely());
        taken
    }
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

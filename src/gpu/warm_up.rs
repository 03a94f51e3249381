//! Kernels compiled ahead of the first call, in parallel, and how far that has come.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use super::Gpu;
use crate::error::{Error, Result};
use crate::kernel::KernelKey;

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
    /// call are those of its candidates' [`KernelCall`](crate::kernel::KernelCall)s.
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
        let next = AtomicUsize::new(0);
        let work = |steps: mpsc::Sender<(usize, &'static str)>| -> Result<()> {
            while let Some(&key) = keys.get(next.fetch_add(1, Ordering::Relaxed)) {
                let name = key.kernel.name;
                // Nobody listens any more only where `progress` panicked.
                let _ = steps.send((0, name));
                let pipeline = self.0.pipelines.get(&self.0.context, key)?;
                self.dispatch_nothing(&pipeline)?;
                let _ = steps.send((1, name));
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let (sender, steps) = mpsc::channel();
            let work = &work;
            let start = |_| {
                let sender = sender.clone();
                scope.spawn(move || work(sender))
            };
            let workers: Vec<_> = (0..threads.min(keys.len())).map(start).collect();
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
}

//! The buffer pool: leases that come back by themselves, sizes in classes, and counters.
//!
//! A lease returns to the pool when its last owner drops it. That is safe while the GPU still works on
//! it, because the queue runs submissions in order and a later user of the buffer is a later submission.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::driver::Driver;
use crate::error::{Error, Limit, Result};

/// What a buffer is for; buffers of different uses are never exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Use {
    /// Tensors and scratch.
    Storage,
    /// The uniform blocks of a submission.
    Uniform,
    /// Reading back to the host.
    Staging,
    /// Writing from the host: mapped while it waits in the pool.
    Upload,
    /// Timestamps before they are copied to staging.
    Queries,
}

impl Use {
    fn usages(self, in_place: bool) -> wgpu::BufferUsages {
        use wgpu::BufferUsages as U;
        match self {
            Use::Storage if in_place => {
                U::STORAGE | U::COPY_SRC | U::COPY_DST | U::MAP_READ | U::MAP_WRITE
            }
            Use::Storage => U::STORAGE | U::COPY_SRC | U::COPY_DST,
            Use::Uniform => U::UNIFORM | U::COPY_DST,
            Use::Staging => U::MAP_READ | U::COPY_DST,
            Use::Upload => U::MAP_WRITE | U::COPY_SRC,
            Use::Queries => U::QUERY_RESOLVE | U::COPY_SRC,
        }
    }

    fn label(self) -> &'static str {
        match self {
            Use::Storage => "pool.storage",
            Use::Uniform => "pool.uniform",
            Use::Staging => "pool.staging",
            Use::Upload => "pool.upload",
            Use::Queries => "pool.queries",
        }
    }
}

/// Bytes that are copied between host and device at a time, by way of a buffer that both see: few enough that
/// one side works on a piece while the other works on the next.
pub(crate) const PIECE: u64 = 4 << 20;

/// What the pool holds, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolStats {
    /// Lent out now: to tensors, networks and results on their way to the host.
    pub in_use: u64,
    /// Allocated on the device: lent out, waiting, or the pool's own staging of what is on its way to the device.
    pub reserved: u64,
    /// The most that was ever lent out at once.
    pub peak: u64,
    /// Buffers made since the start; a steady workload makes no more of them.
    pub allocations: u64,
}

/// Bytes that may wait in the pool before the largest are given back to the driver.
const MAX_IDLE: u64 = 1 << 30;

#[derive(Debug, Default)]
struct State {
    idle: HashMap<(Use, u64), Vec<wgpu::Buffer>>,
    stats: PoolStats,
}

/// The pool of one device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool(Arc<Mutex<State>>);

/// A buffer lent from the pool.
#[derive(Debug)]
pub(crate) struct Lease {
    buffer: wgpu::Buffer,
    class: u64,
    usage: Use,
    pool: Pool,
    reusable: AtomicBool,
}

impl Lease {
    pub fn buffer(&self) -> &wgpu::Buffer {
        &self.buffer
    }

    /// Its bytes among those that are lent.
    fn counted(&self) -> u64 {
        if self.usage == Use::Upload { 0 } else { self.class }
    }

    /// Whether it comes from this pool.
    pub fn is_of(&self, pool: &Pool) -> bool {
        Arc::ptr_eq(&self.pool.0, &pool.0)
    }

    /// Whether the buffer may be lent again: not while it is about to be mapped, or is mapped for reading.
    pub fn set_reusable(&self, reusable: bool) {
        self.reusable.store(reusable, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.stats.in_use -= self.counted();
        if !self.reusable.load(Ordering::Relaxed) {
            state.stats.reserved -= self.class;
            return;
        }
        state.idle.entry((self.usage, self.class)).or_default().push(self.buffer.clone());
        while state.stats.reserved - state.stats.in_use > MAX_IDLE {
            if !state.drop_largest() {
                break;
            }
        }
    }
}

impl State {
    fn drop_largest(&mut self) -> bool {
        let waiting = self.idle.iter_mut().filter(|(_, buffers)| !buffers.is_empty());
        let Some((&(_, class), buffers)) = waiting.max_by_key(|((_, class), _)| *class) else {
            return false;
        };
        buffers.pop();
        self.stats.reserved -= class;
        true
    }
}

/// The size class of a request: the next of 1, 1.25, 1.5, 1.75 times a power of two, at least 256.
pub(crate) fn size_class(bytes: u64) -> u64 {
    let bytes = bytes.max(256);
    let step = (1 << bytes.ilog2()) / 4;
    bytes.div_ceil(step) * step
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The counters are consistent at every point where a panic could unwind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stats(&self) -> PoolStats {
        self.lock().stats
    }

    /// Gives every waiting buffer back to the driver.
    pub fn trim(&self) {
        while self.lock().drop_largest() {}
    }

    /// Lends a buffer of at least `bytes`; `op` and `what` name it in errors.
    pub fn lease(
        &self,
        driver: &Driver,
        usage: Use,
        bytes: u64,
        op: &'static str,
        what: &str,
    ) -> Result<Lease> {
        self.lend(driver, usage, bytes, size_class(bytes), op, what)
    }

    /// Lends a buffer of exactly `bytes`, a multiple of 4: for what stays, and whose size was planned.
    pub fn lease_exact(
        &self,
        driver: &Driver,
        usage: Use,
        bytes: u64,
        op: &'static str,
        what: &str,
    ) -> Result<Lease> {
        self.lend(driver, usage, bytes, bytes, op, what)
    }

    fn lend(
        &self,
        driver: &Driver,
        usage: Use,
        bytes: u64,
        class: u64,
        op: &'static str,
        what: &str,
    ) -> Result<Lease> {
        let limit = driver.limits.max_buffer_size;
        if bytes > limit {
            return Err(Error::Limit {
                op,
                what: what.to_owned(),
                limit: Limit::BufferSize,
                needed: bytes,
                allowed: limit,
                cure: "use a smaller batch or image",
            });
        }
        let class = class.min(limit);
        let waiting = self.lock().idle.get_mut(&(usage, class)).and_then(Vec::pop);
        let made = waiting.is_none();
        let buffer = match waiting {
            Some(buffer) => buffer,
            None => self.allocate(driver, usage, class, op, what)?,
        };
        let reusable = AtomicBool::new(true);
        let lease = Lease { buffer, class, usage, pool: self.clone(), reusable };
        let mut state = self.lock();
        if made {
            state.stats.reserved += class;
            state.stats.allocations += 1;
        }
        state.stats.in_use += lease.counted();
        state.stats.peak = state.stats.peak.max(state.stats.in_use);
        drop(state);
        Ok(lease)
    }

    fn allocate(
        &self,
        driver: &Driver,
        usage: Use,
        bytes: u64,
        op: &'static str,
        what: &str,
    ) -> Result<wgpu::Buffer> {
        let create = || {
            driver.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(usage.label()),
                size: bytes,
                usage: usage.usages(driver.in_place),
                mapped_at_creation: usage == Use::Upload,
            })
        };
        let what = format!("{op}: {what}");
        match driver.guarded(&what, bytes, create) {
            // What waits in the pool may be what is missing.
            Err(Error::OutOfMemory { .. }) if self.stats().reserved > self.stats().in_use => {
                self.trim();
                driver.guarded(&what, bytes, create)
            }
            result => result,
        }
    }
}

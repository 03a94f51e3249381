//! How long dispatches take: by the device's own clock where it has one, by the host's otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Gpu;
use super::buffers::{Lease, Use};
use super::execute::{Dispatch, Prepared};
use crate::error::Result;

/// Which clock a time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Timestamps of the device around each dispatch, found to agree with the host's clock.
    Timestamps,
    /// The host's clock around submission and completion.
    Wall,
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Timer::Timestamps => "GPU timestamps",
            Timer::Wall => "wall clock",
        })
    }
}

/// How long one submission took.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// Each dispatch on the device; `None` where the device has no timestamps or they contradict the
    /// host's clock.
    pub dispatches: Option<Vec<Duration>>,
    /// From before recording until the host knew that it was done.
    pub wall: Duration,
}

impl Timing {
    /// The sum of the dispatches.
    pub fn gpu(&self) -> Option<Duration> {
        self.dispatches.as_ref().map(|dispatches| dispatches.iter().sum())
    }

    /// The clock that the device times come from.
    pub fn timer(&self) -> Timer {
        if self.dispatches.is_some() { Timer::Timestamps } else { Timer::Wall }
    }
}

/// Timestamps around the dispatches of one submission.
pub(crate) struct Queries {
    set: wgpu::QuerySet,
    resolved: Arc<Lease>,
    count: u32,
}

impl Queries {
    /// What a pass needs to write the two timestamps of dispatch `index`.
    pub fn writes(&self, index: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let first = 2 * index as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.set,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        }
    }

    /// Records the copy of all timestamps into a buffer.
    pub fn resolve(&self, encoder: &mut wgpu::CommandEncoder) {
        encoder.resolve_query_set(&self.set, 0..self.count, self.resolved.buffer(), 0);
    }
}

impl Gpu {
    /// Submits prepared work, waits for it, and says how long it took.
    pub fn submit_timed(&self, prepared: &Prepared) -> Result<Timing> {
        self.time(prepared.op, &prepared.dispatches)
    }

    /// Submits dispatches, waits for them, and says how long they took.
    pub(crate) fn time(&self, op: &'static str, dispatches: &[Dispatch]) -> Result<Timing> {
        let queries = self.queries(dispatches.len())?;
        let start = Instant::now();
        let submission = self.record(op, dispatches, queries.as_ref())?;
        self.wait(submission)?;
        let wall = start.elapsed();
        let dispatches = match queries {
            None => None,
            Some(queries) => self.read_queries(&queries)?.filter(|times| {
                // The device cannot have been busy for longer than the host waited for it.
                let busy: Duration = times.iter().sum();
                !busy.is_zero() && busy <= wall + wall / 20
            }),
        };
        Ok(Timing { dispatches, wall })
    }

    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        self.wait_until(Some(submission))
    }

    /// Waits for everything that was submitted.
    pub(crate) fn wait_for_all(&self) -> Result<()> {
        self.wait_until(None)
    }

    fn wait_until(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let wait = wgpu::PollType::Wait { submission_index, timeout: None };
        let polled = self.0.context.device.poll(wait);
        self.0.context.check()?;
        polled.map(|_| ()).map_err(|error| crate::Error::Device {
            what: "waiting".to_owned(),
            message: error.to_string(),
        })
    }

    /// Queries for so many dispatches, where the device has timestamps and room for them.
    fn queries(&self, dispatches: usize) -> Result<Option<Queries>> {
        let context = &self.0.context;
        let count = 2 * dispatches as u32;
        if !context.info.timestamps || count == 0 || count > wgpu::QUERY_SET_MAX_QUERIES {
            return Ok(None);
        }
        let bytes = u64::from(count) * u64::from(wgpu::QUERY_SIZE);
        let lease = self.0.pool.lease(context, Use::Queries, bytes, "profile", "timestamps")?;
        let set = context.guarded("timestamps", bytes, || {
            context.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count,
            })
        })?;
        Ok(Some(Queries { set, resolved: Arc::new(lease), count }))
    }

    /// The length of each dispatch, or nothing where a clock ran backwards.
    fn read_queries(&self, queries: &Queries) -> Result<Option<Vec<Duration>>> {
        let bytes = u64::from(queries.count) * u64::from(wgpu::QUERY_SIZE);
        let ticks: Vec<u64> = self.read(&queries.resolved, 0, bytes, "timestamps")?;
        let period = f64::from(self.0.context.queue.get_timestamp_period());
        let lengths = ticks.as_chunks::<2>().0.iter().map(|[begin, end]| {
            let ticks = end.checked_sub(*begin)?;
            Some(Duration::from_nanos((ticks as f64 * period) as u64))
        });
        Ok(lengths.collect())
    }
}

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
    /// On the device from the beginning of the first dispatch to the end of the last; `None` as above. It is
    /// more than the sum of the dispatches by what lies between them.
    pub span: Option<Duration>,
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
        self.time_with(op, dispatches, queries)
    }

    /// The same in a single pass, as it is run by those who do not ask for times: by the host's clock alone.
    pub(crate) fn time_whole(&self, op: &'static str, dispatches: &[Dispatch]) -> Result<Timing> {
        self.time_with(op, dispatches, None)
    }

    fn time_with(
        &self,
        op: &'static str,
        dispatches: &[Dispatch],
        queries: Option<Queries>,
    ) -> Result<Timing> {
        let start = Instant::now();
        let submission = self.record(op, dispatches, queries.as_ref())?;
        self.wait(submission)?;
        let wall = start.elapsed();
        let stamped = match queries {
            None => None,
            Some(queries) => self.read_queries(&queries)?.filter(|stamped| {
                // The device cannot have been busy for longer than the host waited for it.
                let busy: Duration = stamped.dispatches.iter().sum();
                !busy.is_zero() && busy.max(stamped.span) <= wall + wall / 20
            }),
        };
        let (dispatches, span) = stamped.map(|of| (of.dispatches, of.span)).unzip();
        Ok(Timing { dispatches, span, wall })
    }

    pub(crate) fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
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

    /// What the timestamps say, or nothing where a clock ran backwards.
    fn read_queries(&self, queries: &Queries) -> Result<Option<Stamped>> {
        let bytes = u64::from(queries.count) * u64::from(wgpu::QUERY_SIZE);
        let read = self.read(&queries.resolved, 0, bytes, "timestamps");
        let ticks: Vec<u64> = pollster::block_on(read)?;
        let period = f64::from(self.0.context.queue.get_timestamp_period());
        Ok(Stamped::of(&ticks, period))
    }
}

/// What timestamps say of some dispatches.
#[derive(Debug, PartialEq)]
struct Stamped {
    dispatches: Vec<Duration>,
    span: Duration,
}

impl Stamped {
    /// From the beginning and the end of each dispatch, in ticks of so many nanoseconds.
    fn of(ticks: &[u64], period: f64) -> Option<Self> {
        let length = |begin: u64, end: u64| {
            let ticks = end.checked_sub(begin)?;
            Some(Duration::from_nanos((ticks as f64 * period) as u64))
        };
        let each = ticks.as_chunks::<2>().0.iter().map(|&[begin, end]| length(begin, end));
        let dispatches = each.collect::<Option<Vec<_>>>()?;
        // Those that need nothing of each other may overlap.
        let span = length(*ticks.iter().min()?, *ticks.iter().max()?)?;
        Some(Stamped { dispatches, span })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_lengths_and_a_span_and_a_clock_that_runs_backwards_is_none() {
        let nanos = Duration::from_nanos;
        let stamped = |ticks: &[u64]| Stamped::of(ticks, 2.0);
        let expected = Stamped { dispatches: vec![nanos(10), nanos(6)], span: nanos(20) };
        assert_eq!(stamped(&[100, 105, 107, 110]), Some(expected));
        assert_eq!(stamped(&[100, 99, 107, 110]), None);
        let overlapping = Stamped { dispatches: vec![nanos(20), nanos(6)], span: nanos(20) };
        assert_eq!(stamped(&[100, 110, 104, 107]), Some(overlapping));
        assert_eq!(stamped(&[]), None);
    }
}

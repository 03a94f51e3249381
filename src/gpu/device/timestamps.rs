//! How long dispatches take: by the device's own clock where it has one, by the host's otherwise.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::pool::{Lease, Use};
use super::transfer::read;
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
    /// For so many dispatches, where the device has timestamps and room for them.
    pub fn new(context: &Context, dispatches: usize) -> Result<Option<Self>> {
        let driver = &context.driver;
        let count = 2 * dispatches as u32;
        if !driver.info.timestamps || count == 0 || count > wgpu::QUERY_SET_MAX_QUERIES {
            return Ok(None);
        }
        let bytes = u64::from(count) * u64::from(wgpu::QUERY_SIZE);
        let lease = context.lease(Use::Queries, bytes, "profile", "timestamps")?;
        let set = driver.guarded("timestamps", bytes, || {
            driver.device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count,
            })
        })?;
        Ok(Some(Queries { set, resolved: Arc::new(lease), count }))
    }

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

    /// What the timestamps say, or nothing where a clock ran backwards.
    pub fn read(&self, context: &Context) -> Result<Option<Stamped>> {
        let bytes = u64::from(self.count) * u64::from(wgpu::QUERY_SIZE);
        let ticks: Vec<u64> = read(context, &self.resolved, 0, bytes, "timestamps")?;
        let period = f64::from(context.driver.queue.get_timestamp_period());
        Ok(Stamped::of(&ticks, period))
    }
}

/// What timestamps say of some dispatches.
#[derive(Debug, PartialEq)]
pub(crate) struct Stamped {
    pub dispatches: Vec<Duration>,
    pub span: Duration,
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

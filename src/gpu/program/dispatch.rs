//! Dispatches: folded over the grid, recorded, submitted and timed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::device::context::Context;
use super::super::device::timestamps::{Queries, Timing};
use super::pipelines::Pipeline;
use crate::error::{Error, Limit, Result};
use crate::kernels::{Grid, KernelCall};

/// One dispatch, ready to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub pipeline: Arc<Pipeline>,
    pub bind_group: wgpu::BindGroup,
    pub workgroups: [u32; 3],
    /// How long it may take, by an estimate.
    pub work: Duration,
}

impl Dispatch {
    fn record(&self, pass: &mut wgpu::ComputePass<'_>) {
        pass.set_pipeline(&self.pipeline.raw);
        pass.set_bind_group(0, &self.bind_group, &[]);
        let [x, y, z] = self.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// How many of these dispatches, the first at least, keep to the budget together.
fn within(budget: Duration, dispatches: &[Dispatch]) -> usize {
    let mut sum = Duration::ZERO;
    let over = dispatches.iter().position(|dispatch| {
        sum = sum.saturating_add(dispatch.work);
        sum > budget
    });
    over.map_or(dispatches.len(), |over| over.max(1))
}

/// Records dispatches and submits them, at once or in parts that keep to the budget; with queries, each in
/// a pass of its own between timestamps. Gives the last submission.
pub(crate) fn record(
    context: &Context,
    op: &'static str,
    dispatches: &[Dispatch],
    queries: Option<&Queries>,
) -> Result<wgpu::SubmissionIndex> {
    let driver = &context.driver;
    let mut rest = dispatches;
    loop {
        let first = dispatches.len() - rest.len();
        let (part, after) = rest.split_at(within(context.budget, rest));
        rest = after;
        let submission = driver.guarded(op, 0, || {
            let mut encoder = driver.device.create_command_encoder(&Default::default());
            match queries {
                None => {
                    let descriptor =
                        wgpu::ComputePassDescriptor { label: Some(op), timestamp_writes: None };
                    let mut pass = encoder.begin_compute_pass(&descriptor);
                    part.iter().for_each(|dispatch| dispatch.record(&mut pass));
                }
                Some(queries) => {
                    for (index, dispatch) in part.iter().enumerate() {
                        let descriptor = wgpu::ComputePassDescriptor {
                            label: Some(op),
                            timestamp_writes: Some(queries.writes(first + index)),
                        };
                        dispatch.record(&mut encoder.begin_compute_pass(&descriptor));
                    }
                    if rest.is_empty() {
                        queries.resolve(&mut encoder);
                    }
                }
            }
            driver.queue.submit([encoder.finish()])
        })?;
        context.submissions.fetch_add(1, Ordering::Relaxed);
        if rest.is_empty() {
            return Ok(submission);
        }
    }
}

/// Puts dispatches into the queue; does not wait for them.
pub(crate) fn submit(context: &Context, op: &'static str, dispatches: &[Dispatch]) -> Result<()> {
    let submission = record(context, op, dispatches, None)?;
    context.in_flight.push(&context.driver, submission);
    Ok(())
}

/// Submits dispatches, waits for them, and says how long they took: each by itself where the device has timestamps.
pub(crate) fn time(context: &Context, op: &'static str, dispatches: &[Dispatch]) -> Result<Timing> {
    let queries = Queries::new(context, dispatches.len())?;
    let start = Instant::now();
    let submission = record(context, op, dispatches, queries.as_ref())?;
    context.driver.wait(Some(submission))?;
    let wall = start.elapsed();
    let stamped = match queries {
        None => None,
        Some(queries) => queries.read(context)?.filter(|stamped| {
            // The device cannot have been busy for longer than the host waited for it.
            let busy: Duration = stamped.dispatches.iter().sum();
            !busy.is_zero() && busy.max(stamped.span) <= wall + wall / 20
        }),
    };
    let (dispatches, span) = stamped.map(|of| (of.dispatches, of.span)).unzip();
    Ok(Timing { dispatches, span, wall })
}

/// Workgroups over x and y, as near to even as it goes, so that few are launched in vain.
pub(crate) fn fold(
    call: &KernelCall,
    workgroup_size: u32,
    limits: &wgpu::Limits,
) -> Result<[u32; 3]> {
    let groups = match call.grid {
        Grid::Invocations(count) => count.div_ceil(workgroup_size as usize),
        Grid::Workgroups(count) => count,
    } as u64;
    let limit = u64::from(limits.max_compute_workgroups_per_dimension);
    let rows = groups.div_ceil(limit).max(1);
    let columns = groups.div_ceil(rows);
    // Kernels count invocations in u32, the last row's surplus included.
    let countable = u64::from(u32::MAX) / u64::from(workgroup_size);
    if rows > limit || rows * columns > countable {
        return Err(Error::Limit {
            op: call.kernel.name,
            what: "the grid".to_owned(),
            limit: Limit::Workgroups,
            needed: groups,
            allowed: (limit * limit).min(countable),
            cure: "use a smaller batch or image",
        });
    }
    Ok([columns as u32, rows as u32, 1])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::kernels::general;
    use crate::ops::Activate;
    use crate::shape::Shape;

    /// What `fold` makes of so many workgroups of a size.
    fn folded(groups: usize, workgroup_size: u32) -> Result<[u32; 3]> {
        let op = Activate::default().into();
        let general = general(&op, &[&Shape::from([1])]).unwrap().unwrap();
        let call = KernelCall { grid: Grid::Workgroups(groups), ..general.calls[0].clone() };
        fold(&call, workgroup_size, &wgpu::Limits::default())
    }

    fn allowed(error: Error) -> u64 {
        let Error::Limit { limit: Limit::Workgroups, allowed, .. } = error else {
            panic!("{error}")
        };
        allowed
    }

    /// A dimension has 65,535 workgroups at the most.
    #[test]
    fn grids_fold_where_one_dimension_is_too_short() {
        assert_eq!(folded(1, 64), Ok([1, 1, 1]));
        assert_eq!(folded(65_535, 64), Ok([65_535, 1, 1]));
        assert_eq!(folded(65_536, 64), Ok([32_768, 2, 1]));
        assert_eq!(folded(65_537, 64), Ok([32_769, 2, 1]));
        assert_eq!(folded(65_535 * 65_535, 1), Ok([65_535, 65_535, 1]));
        assert_eq!(allowed(folded(65_535 * 65_535 + 1, 1).unwrap_err()), 65_535 * 65_535);
    }

    /// Kernels count invocations in 32 bits, also those of the last row that have nothing to do.
    #[test]
    fn no_more_invocations_are_launched_than_can_be_counted() {
        let most = u64::from(u32::MAX / 256);
        assert_eq!(folded(256 * 65_535, 256), Ok([65_535, 256, 1]));
        // One more makes 257 rows of 65,281, which are too many.
        assert_eq!(allowed(folded(256 * 65_535 + 1, 256).unwrap_err()), most);
        assert_eq!(allowed(folded(1 << 32, 256).unwrap_err()), most);
    }
}

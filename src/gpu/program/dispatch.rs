//! Dispatches: recorded, submitted and timed.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::device::context::Context;
use super::super::device::timestamps::{Queries, Timing};
use super::pipelines::Pipeline;
use crate::error::Result;

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

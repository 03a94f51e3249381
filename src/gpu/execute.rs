//! From an operator and its tensors to submitted work: compile, bind, fold the grid, submit.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::bind::{Binder, Bound, Call, Window};
use super::buffers::{Lease, Use};
use super::pipelines::Pipeline;
use super::profile::Queries;
use super::split::Chunk;
use super::{Choice, Gpu};
use crate::error::{Error, Limit, Result};
use crate::kernels::{Grid, KernelCall};
use crate::ops::{Op, Operator};
use crate::shape::Shape;

/// A tensor on a device.
#[derive(Debug, Clone)]
pub struct GpuTensor {
    pub(crate) shape: Shape,
    pub(crate) lease: Arc<Lease>,
    /// Where the tensor begins in its buffer, in bytes.
    pub(crate) offset: u64,
    /// Elements behind the tensor that kernels are allowed to see: none, but when stray accesses are hunted.
    pub(crate) slack: u64,
    gpu: Gpu,
}

impl GpuTensor {
    /// The same values in another shape of as many elements.
    pub(crate) fn in_shape(&self, shape: Shape) -> GpuTensor {
        GpuTensor { shape, ..self.clone() }
    }

    /// The sizes of the dimensions.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Bytes of the values.
    pub fn bytes(&self) -> u64 {
        // Counted without overflow when the tensor was made.
        4 * self.shape.dims().iter().product::<usize>() as u64
    }
}

/// One dispatch, ready to be recorded.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub pipeline: Arc<Pipeline>,
    pub bind_group: wgpu::BindGroup,
    pub workgroups: [u32; 3],
    /// How long it may take, by the estimate in `split`.
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

/// An operator with its tensors bound: can be submitted any number of times.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) dispatches: Vec<Dispatch>,
    pub(crate) op: &'static str,
    candidate: String,
    output: GpuTensor,
    /// Scratch and uniforms stay lent as long as the bind groups name them.
    _leases: Vec<Arc<Lease>>,
}

impl Prepared {
    /// Where the result will be.
    pub fn output(&self) -> &GpuTensor {
        &self.output
    }

    /// The candidate that was chosen.
    pub fn candidate(&self) -> &str {
        &self.candidate
    }

    /// This work, and after it all of these, in one submission: what a submission costs is then but a small part of it. The
    /// output is still that of this work.
    pub fn then(&self, others: &[Prepared]) -> Prepared {
        let all = || std::iter::once(self).chain(others);
        Prepared {
            dispatches: all().flat_map(|prepared| prepared.dispatches.iter().cloned()).collect(),
            op: self.op,
            candidate: self.candidate.clone(),
            output: self.output.clone(),
            _leases: all().flat_map(|prepared| prepared._leases.iter().cloned()).collect(),
        }
    }
}

/// Submissions that may be unfinished, oldest first: the host waits before it runs too far ahead.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Mutex<VecDeque<wgpu::SubmissionIndex>>);

/// Submissions that the host may be ahead of the device.
pub(crate) const MAX_IN_FLIGHT: usize = 64;

impl Gpu {
    /// A device tensor whose values are not yet defined.
    pub(crate) fn empty(&self, shape: &Shape, op: &'static str, what: &str) -> Result<GpuTensor> {
        self.window(shape, 0, 0, op, what)
    }

    /// The same at some distance from the start of its buffer, with slack behind it.
    pub(crate) fn window(
        &self,
        shape: &Shape,
        offset: u64,
        slack: u64,
        op: &'static str,
        what: &str,
    ) -> Result<GpuTensor> {
        let elements = shape.elements().map_err(Error::at(op))? as u64;
        let bytes = offset + 4 * (elements + slack);
        let lease = self.0.pool.lease(&self.0.context, Use::Storage, bytes, op, what)?;
        Ok(self.view(shape, Arc::new(lease), offset, slack))
    }

    /// A tensor in a buffer that is there already.
    pub(crate) fn view(
        &self,
        shape: &Shape,
        lease: Arc<Lease>,
        offset: u64,
        slack: u64,
    ) -> GpuTensor {
        GpuTensor { shape: shape.clone(), lease, offset, slack, gpu: self.clone() }
    }

    pub(crate) fn owns(&self, tensor: &GpuTensor) -> bool {
        Arc::ptr_eq(&self.0, &tensor.gpu.0)
    }

    /// Checks an operator against its inputs, and compiles and binds what runs it.
    pub fn prepare(
        &self,
        op: &Operator,
        inputs: &[&GpuTensor],
        choice: &Choice,
    ) -> Result<Prepared> {
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).collect();
        let chunks = self.chunks(op, &shapes, choice)?;
        let shape = op.output_shape(&shapes).map_err(Error::at(op.name()))?;
        let output = self.empty(&shape, op.name(), "the output")?;
        self.bind(op, inputs, output, &chunks, &[])
    }

    /// Binds the chunks of a call to its tensors, and by chunk to room for its scratch where there is some.
    pub(crate) fn bind(
        &self,
        op: &Operator,
        inputs: &[&GpuTensor],
        output: GpuTensor,
        chunks: &[Chunk],
        room: &[Vec<Window>],
    ) -> Result<Prepared> {
        let mut binder = Binder::new(self, op.name())?;
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).collect();
        let inputs: Vec<Option<&GpuTensor>> = inputs.iter().map(|&input| Some(input)).collect();
        let (shapes, inputs) = (shapes.as_slice(), inputs.as_slice());
        binder.push(Call { op, shapes, inputs, output: &output, chunks, ready: &[], room })?;
        let candidate = chunks.first().map_or_else(String::new, |c| c.candidate.name.clone());
        let Bound { dispatches, leases, .. } = binder.finish()?;
        Ok(Prepared { dispatches, op: op.name(), candidate, output, _leases: leases })
    }

    /// Sends prepared work to the device; does not wait for it.
    pub fn submit(&self, prepared: &Prepared) -> Result<()> {
        let submission = self.record(prepared.op, &prepared.dispatches, None)?;
        self.0.in_flight.push(self, submission, MAX_IN_FLIGHT);
        Ok(())
    }

    /// Records dispatches and submits them, at once or in parts that keep to the budget; with queries, each in
    /// a pass of its own between timestamps. Gives the last submission.
    pub(crate) fn record(
        &self,
        op: &'static str,
        dispatches: &[Dispatch],
        queries: Option<&Queries>,
    ) -> Result<wgpu::SubmissionIndex> {
        let context = &self.0.context;
        let mut rest = dispatches;
        loop {
            let first = dispatches.len() - rest.len();
            let (part, after) = rest.split_at(within(context.budget, rest));
            rest = after;
            let submission = context.guarded(op, 0, || {
                let mut encoder = context.device.create_command_encoder(&Default::default());
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
                context.queue.submit([encoder.finish()])
            })?;
            self.0.submissions.fetch_add(1, Ordering::Relaxed);
            if rest.is_empty() {
                return Ok(submission);
            }
        }
    }

    /// Dispatches no workgroups of a pipeline: some drivers finish compiling at the first dispatch.
    pub(crate) fn dispatch_nothing(&self, pipeline: &Arc<Pipeline>) -> Result<()> {
        let context = &self.0.context;
        let lease = |usage, bytes| {
            let lease =
                self.0.pool.lease(context, usage, bytes, pipeline.shader.name, "warm-up")?;
            Ok(Arc::new(lease))
        };
        let uniform = lease(Use::Uniform, pipeline.shader.uniform_size.into())?;
        let leases: Vec<Arc<Lease>> = pipeline
            .shader
            .storage
            .iter()
            .map(|_| lease(Use::Storage, 4))
            .collect::<Result<_>>()?;
        let storage = pipeline.shader.storage.iter().zip(&leases);
        let entries: Vec<_> = storage
            .map(|(binding, lease)| (binding.index, lease))
            .chain([(pipeline.shader.uniform_index, &uniform)])
            .map(|(binding, lease)| wgpu::BindGroupEntry {
                binding,
                resource: lease.buffer().as_entire_binding(),
            })
            .collect();
        let bind_group = context.guarded("warm-up", 0, || {
            context.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some("warm-up"),
                layout: &pipeline.layout,
                entries: &entries,
            })
        })?;
        let (pipeline, workgroups, work) = (pipeline.clone(), [0; 3], Duration::ZERO);
        let dispatch = Dispatch { pipeline, bind_group, workgroups, work };
        self.record(dispatch.pipeline.shader.name, std::slice::from_ref(&dispatch), None)
            .map(|_| ())
    }
}

impl InFlight {
    /// Waits for the oldest where there would be more than `most`.
    pub(crate) fn push(&self, gpu: &Gpu, submission: wgpu::SubmissionIndex, most: usize) {
        let mut queue = self.lock();
        queue.push_back(submission);
        if queue.len() > most
            && let Some(oldest) = queue.pop_front()
        {
            drop(queue);
            wait(gpu, oldest);
        }
    }

    /// Waits for all of them.
    pub(crate) fn drain(&self, gpu: &Gpu) {
        let last = std::mem::take(&mut *self.lock()).pop_back();
        if let Some(last) = last {
            wait(gpu, last);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<wgpu::SubmissionIndex>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait(gpu: &Gpu, submission: wgpu::SubmissionIndex) {
    let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
    // A device that is lost meanwhile says so at the next call.
    let _ = gpu.0.context.device.poll(wait);
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

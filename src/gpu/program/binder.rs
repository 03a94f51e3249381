//! From calls and their tensors to dispatches: one binder for all calls that are submitted together, so
//! that they share one buffer of uniform blocks and their scratch.

use std::sync::Arc;
use std::time::Duration;

use super::super::device::context::Context;
use super::super::device::pool::{Lease, Use};
use super::super::device::tensor::GpuTensor;
use super::dispatch::Dispatch;
use super::pipelines::{Pipeline, Pipelines};
use crate::error::{Error, Result};
use crate::kernels::{Candidate, KernelCall, Operand};
use crate::ops::{Grouped, Op, Operator};
use crate::schedule::{Slice, fold};
use crate::shape::Shape;

/// Dispatches, and what must stay lent as long as their bind groups name it.
#[derive(Debug)]
pub(crate) struct Bound {
    pub dispatches: Vec<Dispatch>,
    /// By dispatch, the place of its call among those that were pushed.
    pub calls: Vec<usize>,
    pub leases: Vec<Arc<Lease>>,
}

/// Bytes of what stands in for a tensor that is not given: the largest element that kernels read.
const NOTHING: u64 = 16;

/// What the calls of a candidate's [prepacking](Candidate::prepack) have written: the first of its
/// scratch buffers, with their bytes.
pub(crate) type Packed = (Arc<Lease>, u64);

/// A call with its tensors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    pub op: &'a Operator,
    pub shapes: &'a [&'a Shape],
    /// Nothing for a weight that is `ready` in another layout.
    pub inputs: &'a [Option<&'a GpuTensor>],
    pub output: &'a GpuTensor,
    pub slices: &'a [Slice],
    /// Empty where the weights are not packed yet.
    pub ready: &'a [Packed],
    /// By slice, where the first of the scratch buffers behind those may lie; the slices behind the last of these have its
    /// room.
    pub room: &'a [Vec<Window>],
}

/// Bytes of a buffer: the lease, where they begin, and how many.
pub(crate) type Window = (Arc<Lease>, u64, u64);

/// A dispatch whose uniform block has its place but no buffer yet.
struct Pending {
    pipeline: Arc<Pipeline>,
    windows: Vec<(u32, Window)>,
    uniform_offset: u64,
    workgroups: [u32; 3],
    work: Duration,
}

/// Collects calls.
pub(crate) struct Binder<'a> {
    context: &'a Context,
    pipelines: &'a Pipelines,
    /// Names the whole in errors.
    op: &'static str,
    absent: Arc<Lease>,
    uniforms: Vec<u8>,
    pending: Vec<Pending>,
    /// By place: calls run one after another, so that the next may use the scratch of the one before.
    scratch: Vec<(Arc<Lease>, u64)>,
    leases: Vec<Arc<Lease>>,
    /// Calls pushed so far, and of which of them each dispatch is.
    pushed: usize,
    calls: Vec<usize>,
}

impl<'a> Binder<'a> {
    pub fn new(context: &'a Context, pipelines: &'a Pipelines, op: &'static str) -> Result<Self> {
        let absent = Arc::new(context.lease(Use::Storage, NOTHING, op, "nothing")?);
        let leases = vec![absent.clone()];
        Ok(Binder {
            context,
            pipelines,
            op,
            absent,
            uniforms: Vec::new(),
            pending: Vec::new(),
            scratch: Vec::new(),
            leases,
            pushed: 0,
            calls: Vec::new(),
        })
    }

    /// Adds the slices of a call.
    pub fn push(&mut self, call: Call<'_>) -> Result<()> {
        let Call { op, shapes, inputs, output, slices, ready, room } = call;
        for (name, input) in op.inputs().into_iter().zip(inputs) {
            if input.is_some_and(|input| !self.context.owns(input)) {
                return Err(Error::ForeignTensor { op: op.name(), tensor: name });
            }
        }
        let batched = op.batched(shapes);
        let batch = if batched.contains(&true) { output.shape.dims()[0] } else { 1 };
        let mut cut_op = op.clone();
        let grouped = cut_op.grouped().map(|Grouped { groups, cut }| (*groups as u64, cut));
        for (index, slice) in slices.iter().enumerate() {
            // The groups of a slice among all of them.
            let groups = slice.groups.clone().zip(grouped.as_ref().map(|(all, _)| *all));
            let Candidate { scratch, calls, prepack, .. } = &slice.candidate;
            let room = room.get(index).or(room.last()).map_or(&[][..], Vec::as_slice);
            let scratch = self.scratch(op.name(), scratch, ready, room, output.slack)?;
            let tensor = |tensor: &GpuTensor, batched: bool, grouped: bool| {
                let cut = batched && slices.len() > 1;
                let all = (tensor.dtype.size() * tensor.elements()) as u64;
                let sample = if cut { all / batch as u64 } else { all };
                let samples = if cut { slice.samples.clone() } else { 0..1 };
                let mut offset = tensor.offset + samples.start as u64 * sample;
                let mut bytes = samples.len() as u64 * sample;
                if let Some((own, all)) = groups.as_ref().filter(|_| grouped) {
                    offset += bytes / all * own.start as u64;
                    bytes = bytes / all * own.len() as u64;
                }
                let bytes = bytes.next_multiple_of(4);
                (tensor.lease.clone(), offset, bytes + tensor.dtype.bytes(tensor.slack))
            };
            let absent = self.absent.clone();
            let window = |operand: Operand| match operand {
                Operand::Input(i) => {
                    let input = inputs.get(i).copied().flatten();
                    let is = |of: &[bool]| of.get(i) == Some(&true);
                    let cut = grouped.as_ref().is_some_and(|(_, cut)| is(cut));
                    input.map(|input| tensor(input, is(&batched), cut))
                }
                Operand::Output => Some(tensor(output, !batched.is_empty(), true)),
                Operand::Scratch(i) => scratch.get(i).cloned(),
                Operand::Absent => Some((absent.clone(), 0, NOTHING)),
            };
            let made = if ready.is_empty() { 0 } else { *prepack };
            for (place, call) in calls.iter().enumerate().skip(made) {
                // Weights are small beside activations.
                let work = if place < *prepack { Duration::ZERO } else { slice.work };
                self.call(call, work, &window)?;
                self.calls.push(self.pushed);
            }
        }
        self.leases.extend(inputs.iter().flatten().map(|input| input.lease.clone()));
        self.leases.extend(ready.iter().map(|(lease, _)| lease.clone()));
        self.leases.push(output.lease.clone());
        self.pushed += 1;
        Ok(())
    }

    /// Adds a call that makes `to` of one tensor.
    pub fn push_once(&mut self, call: &KernelCall, from: &GpuTensor, to: &Packed) -> Result<()> {
        let window = |operand| match operand {
            Operand::Input(_) => Some((from.lease.clone(), from.offset, from.bytes())),
            Operand::Scratch(_) | Operand::Output => Some((to.0.clone(), 0, to.1)),
            Operand::Absent => None,
        };
        self.call(call, Duration::ZERO, &window)?;
        self.calls.push(self.pushed);
        self.leases.extend([from.lease.clone(), to.0.clone()]);
        self.pushed += 1;
        Ok(())
    }

    /// Scratch buffers of these sizes: the first are `ready`, the next lie where there is `room`, with so many elements
    /// of slack behind them, and of the others those of earlier calls are used where they are large enough.
    fn scratch(
        &mut self,
        op: &'static str,
        elements: &[usize],
        ready: &[Packed],
        room: &[Window],
        slack: u64,
    ) -> Result<Vec<Window>> {
        let mut windows: Vec<Window> =
            ready.iter().map(|(lease, bytes)| (lease.clone(), 0, *bytes)).collect();
        let dtype = self.context.driver.profile.storage;
        let mut own = 0;
        for (place, &elements) in elements.iter().skip(ready.len()).enumerate() {
            let bytes = dtype.bytes(elements as u64);
            if let Some((lease, offset, _)) = room.get(place).filter(|(.., size)| *size >= bytes) {
                windows.push((lease.clone(), *offset, bytes + dtype.bytes(slack)));
                continue;
            }
            // Those of this call lie beside each other.
            let place = own;
            own += 1;
            if self.scratch.get(place).is_none_or(|(_, size)| *size < bytes) {
                let lease =
                    Arc::new(self.context.lease_exact(Use::Storage, bytes, op, "scratch")?);
                self.leases.push(lease.clone());
                self.scratch.truncate(place);
                self.scratch.push((lease, bytes));
            }
            windows.push((self.scratch[place].0.clone(), 0, bytes));
        }
        Ok(windows)
    }

    fn call(
        &mut self,
        call: &KernelCall,
        work: Duration,
        window: &impl Fn(Operand) -> Option<Window>,
    ) -> Result<()> {
        let limits = &self.context.driver.limits;
        let pipeline = self.pipelines.get(self.context, call.key())?;
        let shader = &pipeline.shader;
        let fail = |message| Error::Kernel { kernel: shader.name.to_owned(), message };
        if call.bindings.len() != shader.storage.len() {
            let (given, wanted) = (call.bindings.len(), shader.storage.len());
            return Err(fail(format!("the call gives {given} tensors for {wanted} bindings")));
        }
        let mut windows = Vec::new();
        for binding in &shader.storage {
            let named = call.bindings.iter().find(|(name, _)| *name == binding.name);
            let found = named.and_then(|&(_, operand)| window(operand));
            let found =
                found.ok_or_else(|| fail(format!("the call gives no '{}'", binding.name)))?;
            windows.push((binding.index, found));
        }
        let workgroups =
            fold(call, shader.workgroup_size, limits.max_compute_workgroups_per_dimension)?;
        let block = shader.uniform_bytes(&call.params)?;
        let alignment = limits.min_uniform_buffer_offset_alignment as usize;
        self.uniforms.resize(self.uniforms.len().next_multiple_of(alignment), 0);
        let uniform_offset = self.uniforms.len() as u64;
        self.uniforms.extend(block);
        self.pending.push(Pending { pipeline, windows, uniform_offset, workgroups, work });
        Ok(())
    }

    /// Uploads the uniform blocks and makes the bind groups.
    pub fn finish(mut self) -> Result<Bound> {
        let driver = &self.context.driver;
        self.uniforms.resize(self.uniforms.len().next_multiple_of(4), 0);
        let bytes = self.uniforms.len() as u64;
        let arena = Arc::new(self.context.lease(Use::Uniform, bytes, self.op, "uniforms")?);
        driver.guarded("uniforms", bytes, || {
            driver.queue.write_buffer(arena.buffer(), 0, &self.uniforms);
        })?;
        let dispatches = self.pending.into_iter().map(|pending| {
            let Pending { pipeline, windows, uniform_offset, workgroups, work } = pending;
            let shader = &pipeline.shader;
            let uniform =
                (shader.uniform_index, arena.buffer(), uniform_offset, shader.uniform_size.into());
            let entries: Vec<_> = windows
                .iter()
                .map(|(index, (lease, offset, bytes))| (*index, lease.buffer(), *offset, *bytes))
                .chain([uniform])
                .map(|(binding, buffer, offset, bytes)| wgpu::BindGroupEntry {
                    binding,
                    resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                        buffer,
                        offset,
                        size: wgpu::BufferSize::new(bytes),
                    }),
                })
                .collect();
            let bind_group = driver.guarded(shader.name, 0, || {
                driver.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: Some(shader.name),
                    layout: &pipeline.layout,
                    entries: &entries,
                })
            })?;
            Ok(Dispatch { pipeline, bind_group, workgroups, work })
        });
        let dispatches = dispatches.collect::<Result<_>>()?;
        self.leases.push(arena);
        Ok(Bound { dispatches, calls: self.calls, leases: self.leases })
    }
}

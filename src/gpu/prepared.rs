//! Operators bound to tensors of a device.

use std::sync::Arc;

use super::device::pool::Lease;
use super::device::tensor::GpuTensor;
use super::device::timestamps::Timing;
use super::handle::Gpu;
use super::program::binder::{Bound, Call, Window};
use super::program::dispatch::{Dispatch, submit, time};
use crate::error::{Error, Result};
use crate::ops::{Op, Operator};
use crate::schedule::{Choice, Lowered};
use crate::shape::Shape;

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

    /// How many dispatches it is.
    pub fn dispatches(&self) -> usize {
        self.dispatches.len()
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

impl Gpu {
    /// Checks an operator against its inputs, and compiles and binds what runs it.
    pub fn prepare(
        &self,
        op: &Operator,
        inputs: &[&GpuTensor],
        choice: &Choice,
    ) -> Result<Prepared> {
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).collect();
        let lowered = self.lower_call(op, &shapes, choice)?;
        let shape = op.output_shape(&shapes).map_err(Error::at(op.name()))?;
        let output = self.0.context.empty(&shape, op.name(), "the output")?;
        self.bind(op, inputs, output, &lowered, &[])
    }

    /// Binds the slices of a call to its tensors, and by slice to room for its scratch where there is some.
    pub(crate) fn bind(
        &self,
        op: &Operator,
        inputs: &[&GpuTensor],
        output: GpuTensor,
        lowered: &Lowered,
        room: &[Vec<Window>],
    ) -> Result<Prepared> {
        let mut binder = self.binder(op.name())?;
        let shapes: Vec<&Shape> = inputs.iter().map(|input| &input.shape).collect();
        let inputs: Vec<Option<&GpuTensor>> = inputs.iter().map(|&input| Some(input)).collect();
        let (shapes, inputs) = (shapes.as_slice(), inputs.as_slice());
        let slices = &lowered.slices;
        binder.push(Call { op, shapes, inputs, output: &output, slices, ready: &[], room })?;
        let candidate = lowered.candidate().map_or_else(String::new, |c| c.name.clone());
        let Bound { dispatches, leases, .. } = binder.finish()?;
        Ok(Prepared { dispatches, op: op.name(), candidate, output, _leases: leases })
    }

    /// Sends prepared work to the device; does not wait for it.
    pub fn submit(&self, prepared: &Prepared) -> Result<()> {
        submit(&self.0.context, prepared.op, &prepared.dispatches)
    }

    /// Submits prepared work, waits for it, and says how long it took.
    pub fn submit_timed(&self, prepared: &Prepared) -> Result<Timing> {
        time(&self.0.context, prepared.op, &prepared.dispatches)
    }
}

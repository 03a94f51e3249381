//! Runs that catch stray accesses: outputs, scratch and the slack around every tensor hold a NaN pattern first.
//! Then none of it may be left inside the output, none disturbed outside of output and scratch, and a read past an
//! input, or of scratch that was not written, shows as NaN in the result.

use super::device::context::Context;
use super::device::tensor::GpuTensor;
use super::device::transfer::read;
use super::handle::Gpu;
use super::program::binder::Window;
use crate::error::{Error, Result};
use crate::kernels::Tolerance;
use crate::ops::{Op, Operator};
use crate::schedule::Choice;
use crate::shape::Shape;
use crate::tensor::{DType, Tensor};

/// Quiet NaNs that no arithmetic produces by itself: around inputs, in and around the output, and in and around
/// scratch. They differ, so that a stray read that is passed on to a stray write shows as one.
const INPUT_POISON: Poison = Poison { single: 0x7fda_5a5a, half: 0x7eda };
const OUTPUT_POISON: Poison = Poison { single: 0x7fdb_5b5b, half: 0x7edb };
const SCRATCH_POISON: Poison = Poison { single: 0x7fdc_5c5c, half: 0x7edc };

/// A NaN of each type.
#[derive(Clone, Copy)]
struct Poison {
    single: u32,
    half: u16,
}

impl Poison {
    fn bytes(self, dtype: DType) -> Vec<u8> {
        match dtype {
            DType::F32 => self.single.to_ne_bytes().to_vec(),
            DType::F16 => self.half.to_ne_bytes().to_vec(),
        }
    }
}

/// Elements of slack on each side of a tensor; a multiple of every alignment that WebGPU allows.
const SLACK: u64 = 64;

/// What a guarded run saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Guarded {
    /// The result.
    pub output: Tensor,
    /// The candidate that ran.
    pub candidate: String,
    /// How far its result may be off.
    pub tolerance: Tolerance,
    /// Elements of the output that were never written.
    pub unwritten: usize,
    /// Elements of the slack around the output and the scratch buffers that were written.
    pub disturbed: usize,
}

impl Gpu {
    /// Runs one candidate of an operator with poisoned surroundings and waits for the result.
    #[cfg(feature = "testing")]
    pub fn run_guarded(
        &self,
        op: &Operator,
        inputs: &[&Tensor],
        choice: &Choice,
    ) -> Result<Guarded> {
        self.guarded_run(op, inputs, choice)
    }

    pub(crate) fn guarded_run(
        &self,
        op: &Operator,
        inputs: &[&Tensor],
        choice: &Choice,
    ) -> Result<Guarded> {
        let shapes: Vec<&Shape> = inputs.iter().map(|input| input.shape()).collect();
        let context = &self.0.context;
        let lowered = self.lower_call(op, &shapes, choice)?;
        let mut guarded = Vec::new();
        for input in inputs {
            guarded.push(poisoned(context, input.shape(), input.data(), INPUT_POISON, op.name())?);
        }
        let shape = op.output_shape(&shapes).map_err(Error::at(op.name()))?;
        let output = poisoned(context, &shape, &[], OUTPUT_POISON, op.name())?;
        let inputs: Vec<&GpuTensor> = guarded.iter().collect();
        // A slice has scratch of its own: what a smaller one leaves alone must not be what a larger one wrote.
        let mut scratch: Vec<Vec<GpuTensor>> = Vec::new();
        for slice in &lowered.slices {
            let sizes = slice.candidate.scratch.iter().map(|&elements| Shape::from([elements]));
            let buffers =
                sizes.map(|shape| poisoned(context, &shape, &[], SCRATCH_POISON, op.name()));
            scratch.push(buffers.collect::<Result<_>>()?);
        }
        let window = |buffer: &GpuTensor| (buffer.lease.clone(), buffer.offset, buffer.bytes());
        let room: Vec<Vec<Window>> =
            scratch.iter().map(|buffers| buffers.iter().map(window).collect()).collect();
        let prepared = self.bind(op, &inputs, output.clone(), &lowered, &room)?;
        self.submit(&prepared)?;

        let Seen { data, untouched, mut disturbed } = seen(context, &output, OUTPUT_POISON)?;
        for buffer in scratch.iter().flatten() {
            disturbed += seen(context, buffer, SCRATCH_POISON)?.disturbed;
        }
        Ok(Guarded {
            unwritten: untouched,
            disturbed,
            output: Tensor::new(shape, data).map_err(Error::at(op.name()))?,
            candidate: prepared.candidate().to_owned(),
            tolerance: lowered.candidate().map_or_else(Tolerance::default, |c| c.tolerance),
        })
    }
}

/// What a guarded tensor holds after a run.
struct Seen {
    data: Vec<f32>,
    /// Elements that are poison as before.
    untouched: usize,
    /// Elements of the slack that are poison no longer.
    disturbed: usize,
}

fn seen(context: &Context, tensor: &GpuTensor, poison: Poison) -> Result<Seen> {
    let (size, poison) = (tensor.dtype.size(), poison.bytes(tensor.dtype));
    let whole = tensor.offset + tensor.dtype.bytes(tensor.elements() as u64 + tensor.slack);
    let bytes: Vec<u8> = read(context, &tensor.lease, 0, whole, "guard")?;
    let (before, rest) = bytes.split_at(tensor.offset as usize);
    let (data, after) = rest.split_at(size * tensor.elements());
    let poisoned = |bytes: &[u8]| bytes.chunks_exact(size).filter(|one| **one == poison).count();
    Ok(Seen {
        data: tensor.dtype.decode(data),
        untouched: poisoned(data),
        disturbed: [before, after].map(|slack| slack.len() / size - poisoned(slack)).iter().sum(),
    })
}

/// A tensor with these values, or poison where there are none, between poisoned slack.
fn poisoned(
    context: &Context,
    shape: &Shape,
    values: &[f32],
    poison: Poison,
    op: &'static str,
) -> Result<GpuTensor> {
    let dtype = context.driver.profile.storage;
    let tensor = context.window(shape, dtype, [SLACK, SLACK], op, "a guarded tensor")?;
    let elements = tensor.elements() as u64 + SLACK;
    let whole = tensor.offset + dtype.bytes(elements);
    let mut bytes = poison.bytes(dtype).repeat(whole as usize / dtype.size());
    let start = tensor.offset as usize;
    bytes[start..][..dtype.size() * values.len()]
        .copy_from_slice(&dtype.encode(values)[..dtype.size() * values.len()]);
    let driver = &context.driver;
    driver.guarded("guard", whole, || {
        driver.queue.write_buffer(tensor.lease.buffer(), 0, &bytes);
    })?;
    Ok(tensor)
}

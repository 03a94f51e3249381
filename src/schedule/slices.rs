//! A call within the limits of a device: is each tensor small enough, and must the batch be cut so that each slice can be
//! bound, and none keeps the device busy for too long?

use std::ops::Range;
use std::time::Duration;

use super::choose::{Choice, Policy, Why, choose};
use super::fold::fold;
use crate::error::{Error, Limit, Result};
use crate::kernels::{Candidate, DeviceProfile, Grid, KernelCall, KernelKey, shader};
use crate::ops::{Op, Operator};
use crate::shape::{Shape, gcd};

/// Samples of the batch, and the candidate that computes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Which samples.
    pub samples: Range<usize>,
    /// What computes them.
    pub candidate: Candidate,
    /// How long that may take on a slow device, by an estimate.
    pub work: Duration,
}

/// How a call is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The slices of the batch: one, for all but huge tensors.
    pub slices: Vec<Slice>,
    /// Why the candidate of the first slice was chosen.
    pub why: Why,
}

impl Lowered {
    /// The candidate of the first slice.
    pub fn candidate(&self) -> Option<&Candidate> {
        self.slices.first().map(|slice| &slice.candidate)
    }

    /// The pipelines that it takes, each once.
    pub fn keys(&self) -> Vec<KernelKey> {
        let mut keys = Vec::new();
        for call in self.slices.iter().flat_map(|slice| &slice.candidate.calls) {
            if !keys.contains(&call.key()) {
                keys.push(call.key());
            }
        }
        keys
    }
}

/// A number of samples: every tensor that they take, by name, the candidate, why it was chosen, and how long it may take.
struct Part {
    tensors: Vec<(&'static str, Shape)>,
    candidate: Candidate,
    why: Why,
    work: Duration,
}

/// What a slow GPU does in a second: floating-point operations, and bytes of memory.
const SLOW_FLOPS: f64 = 50e9;
const SLOW_BYTES: f64 = 5e9;

/// What helps where one sample fits, but not as many as lie between two places where a window may start.
const UNALIGNED: &str = "a single sample would fit, but samples of this size cannot be cut out of a batch \
                         where the device lets a binding start: use a smaller batch";

/// The shape of a call's output; an error where a tensor of it is larger than any buffer may be.
pub(super) fn check_buffers(
    op: &Operator,
    shapes: &[&Shape],
    profile: &DeviceProfile,
) -> Result<Shape> {
    let at = Error::at(op.name());
    let output = op.output_shape(shapes).map_err(&at)?;
    for (name, shape) in op.inputs().into_iter().zip(shapes).chain([("the output", &&output)]) {
        let needed = profile.storage.bytes(shape.elements().map_err(&at)? as u64);
        let allowed = profile.max_buffer_size;
        if needed > allowed {
            return Err(Error::Limit {
                op: op.name(),
                what: format!("{name} {shape}"),
                limit: Limit::BufferSize,
                needed,
                allowed,
                cure: "use a smaller batch or image",
            });
        }
    }
    Ok(output)
}

/// A call with what decides about it.
pub(super) struct Slicing<'a> {
    pub op: &'a Operator,
    pub shapes: &'a [&'a Shape],
    pub profile: &'a DeviceProfile,
    pub policy: &'a Policy,
    pub choice: &'a Choice,
}

impl Slicing<'_> {
    /// The slices into which the call is cut so that each can be bound and keeps to the budget. What can be bound but not
    /// be cut any further may take longer.
    pub fn slices(&self) -> Result<Lowered> {
        let output = check_buffers(self.op, self.shapes, self.profile)?;
        let batched = self.op.batched(self.shapes);
        let batch = if batched.contains(&true) { output.dims()[0] } else { 1 };
        let take = |samples| self.part(&batched, batch, samples);
        let mut size = batch;
        let mut part = take(batch)?;
        let mut refusal = self.too_large(&part)?;
        // Windows into a buffer start at multiples of the alignment.
        let unit = self.window_unit(&batched, &output, batch);
        while size > unit && (refusal.is_some() || part.work > self.policy.submission_budget) {
            let less = (size / 2).next_multiple_of(unit).min(size - 1) / unit * unit;
            let smaller = take(less)?;
            match self.too_large(&smaller)? {
                None => refusal = None,
                // With fewer samples another kernel is preferred, one that needs more: these are few enough.
                Some(_) if refusal.is_none() => break,
                Some(_) => {}
            }
            (size, part) = (less, smaller);
        }
        if let Some(mut refusal) = refusal {
            // Fewer samples than a unit cannot be cut out of a batch; whether they fit decides what helps.
            if let (Error::Limit { cure, .. }, None) = (&mut refusal, self.too_large(&take(1)?)?) {
                *cure = UNALIGNED;
            }
            return Err(refusal);
        }
        let why = part.why;
        let slice = |samples: Range<usize>, Part { candidate, work, .. }: Part| Slice {
            samples,
            candidate,
            work,
        };
        if size == batch {
            return Ok(Lowered { slices: vec![slice(0..batch, part)], why });
        }
        let starts = (0..batch).step_by(size);
        let ranges = starts.map(|start| start..(start + size).min(batch));
        let slices = ranges.map(|samples| Ok(slice(samples.clone(), take(samples.len())?)));
        Ok(Lowered { slices: slices.collect::<Result<_>>()?, why })
    }

    /// What `samples` of the batch take.
    fn part(&self, batched: &[bool], batch: usize, samples: usize) -> Result<Part> {
        let Slicing { op, shapes, profile, policy, choice } = self;
        let at = Error::at(op.name());
        let inputs: Vec<Shape> = shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| {
                let cut = samples < batch && batched.get(i) == Some(&true);
                if cut { with_samples(shape, samples) } else { (*shape).clone() }
            })
            .collect();
        let views: Vec<&Shape> = inputs.iter().collect();
        let (candidate, why) = choose(op, &views, profile, policy, choice)?;
        let output = op.output_shape(&views).map_err(&at)?;
        let mut tensors: Vec<_> = op.inputs().into_iter().zip(inputs.iter().cloned()).collect();
        tensors.push(("the output", output));
        for &elements in &candidate.scratch {
            tensors.push(("scratch", Shape::from([elements])));
        }
        let cost = op.cost(&views).map_err(&at)?;
        let seconds = (cost.flops as f64 / SLOW_FLOPS).max(cost.bytes as f64 / SLOW_BYTES);
        let work = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Ok(Part { tensors, candidate, why, work })
    }

    /// The refusal of the first tensor that is too large to bind or to launch; an error where a kernel cannot be read,
    /// which no smaller part would change.
    fn too_large(&self, part: &Part) -> Result<Option<Error>> {
        let (op, profile) = (self.op.name(), self.profile);
        let allowed = profile.max_binding_size;
        for (name, shape) in &part.tensors {
            let bytes = |elements| profile.storage.bytes(elements as u64);
            let needed = shape.elements().map_or(u64::MAX, bytes);
            if needed > allowed {
                return Ok(Some(Error::Limit {
                    op,
                    what: format!("{name} {shape}"),
                    limit: Limit::BindingSize,
                    needed,
                    allowed,
                    cure: "one sample of it must fit: use a smaller image or fewer channels",
                }));
            }
        }
        let longest = part.candidate.calls.iter().max_by_key(|call| call.trips);
        if let Some(call) = longest.filter(|call| call.trips > profile.max_trips) {
            return Ok(Some(Error::Limit {
                op,
                what: format!("the kernel {}", call.name()),
                limit: Limit::Trips,
                needed: call.trips as u64,
                allowed: profile.max_trips as u64,
                cure: "use a shorter sum, a smaller window or image, or a newer driver",
            }));
        }
        for call in &part.candidate.calls {
            if fits_in_any_workgroups(call, profile) {
                continue;
            }
            let size = shader::load(call.kernel, call.variant, &[])?.workgroup_size;
            if let Err(refusal) = fold(call, size, profile.max_workgroups) {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    /// The least number of samples after which every batched tensor is aligned for a window.
    fn window_unit(&self, batched: &[bool], output: &Shape, batch: usize) -> usize {
        let alignment = self.profile.min_offset_alignment as usize;
        let cut = self.shapes.iter().zip(batched).filter(|(_, batched)| **batched);
        let tensors = cut.map(|(shape, _)| *shape).chain([output]);
        tensors.fold(1, |unit, shape| {
            let elements = shape.dims().iter().product::<usize>();
            let bytes = self.profile.storage.size() * elements / batch;
            lcm(unit, alignment / gcd(alignment, bytes))
        })
    }
}

/// Whether a call can be launched whatever the size of its workgroups, for which its shader has to be read.
fn fits_in_any_workgroups(call: &KernelCall, profile: &DeviceProfile) -> bool {
    let (Grid::Invocations(most) | Grid::Workgroups(most)) = call.grid;
    let limit = profile.max_workgroups as usize;
    let rounded = most.saturating_add(limit).saturating_mul(profile.max_workgroup_size as usize);
    most <= limit.saturating_mul(limit) && rounded <= u32::MAX as usize
}

/// The shape with another number of samples.
fn with_samples(shape: &Shape, samples: usize) -> Shape {
    let mut dims = shape.dims().to_vec();
    if let Some(first) = dims.first_mut() {
        *first = samples;
    }
    Shape::new(dims)
}

fn lcm(a: usize, b: usize) -> usize {
    a / gcd(a, b) * b
}

//! Before anything is allocated: is each tensor within the limits, which candidate is it to be, and must
//! the batch be cut so that each part can be bound, and none keeps the device busy for too long?

use std::ops::Range;
use std::time::Duration;

use super::handle::{Choice, Gpu};
use super::program::dispatch::fold;
use crate::error::{Error, Limit, Result};
use crate::kernels::{self, Candidate};
use crate::ops::{Op, Operator};
use crate::shape::{Shape, gcd};

/// A part of a call: samples of the batch, and the candidate that computes them.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub samples: Range<usize>,
    pub candidate: Candidate,
    /// How long it may take.
    pub work: Duration,
}

/// A number of samples: every tensor that they take, by name, the candidate, and how long it may take.
struct Part {
    tensors: Vec<(&'static str, Shape)>,
    candidate: Candidate,
    work: Duration,
}

/// What a slow GPU does in a second: floating-point operations, and bytes of memory.
const SLOW_FLOPS: f64 = 50e9;
const SLOW_BYTES: f64 = 5e9;

impl Gpu {
    /// The parts into which a call is cut so that each can be bound and keeps to the budget: one, for all but
    /// huge tensors. What can be bound but not be cut any further may take longer.
    pub(crate) fn chunks(
        &self,
        op: &Operator,
        shapes: &[&Shape],
        choice: &Choice,
    ) -> Result<Vec<Chunk>> {
        let output = self.check_buffers(op, shapes)?;
        let batched = op.batched(shapes);
        let batch = if batched.contains(&true) { output.dims()[0] } else { 1 };
        let take = |samples| self.part(op, shapes, &batched, batch, samples, choice);
        let mut size = batch;
        let mut part = take(batch)?;
        let mut refusal = self.too_large(op, &part)?;
        // Windows into a buffer start at multiples of the alignment.
        let unit = self.window_unit(&batched, shapes, &output, batch);
        while size > unit && (refusal.is_some() || part.work > self.0.context.budget) {
            let less = (size / 2).next_multiple_of(unit).min(size - 1) / unit * unit;
            let smaller = take(less)?;
            match self.too_large(op, &smaller)? {
                None => refusal = None,
                // With fewer samples another kernel is preferred, one that needs more: these are few enough.
                Some(_) if refusal.is_none() => break,
                Some(_) => {}
            }
            (size, part) = (less, smaller);
        }
        if let Some(mut refusal) = refusal {
            // Fewer samples than a unit cannot be cut out of a batch; whether they fit decides what helps.
            if let (Error::Limit { cure, .. }, None) =
                (&mut refusal, self.too_large(op, &take(1)?)?)
            {
                *cure = UNALIGNED;
            }
            return Err(refusal);
        }
        let chunk = |samples: Range<usize>, Part { candidate, work, .. }: Part| Chunk {
            samples,
            candidate,
            work,
        };
        if size == batch {
            return Ok(vec![chunk(0..batch, part)]);
        }
        let starts = (0..batch).step_by(size);
        let ranges = starts.map(|start| start..(start + size).min(batch));
        ranges.map(|samples| Ok(chunk(samples.clone(), take(samples.len())?))).collect()
    }

    /// The shape of a call's output; an error where a tensor of it is larger than any buffer may be.
    pub(crate) fn check_buffers(&self, op: &Operator, shapes: &[&Shape]) -> Result<Shape> {
        self.0.context.driver.check()?;
        let at = Error::at(op.name());
        let output = op.output_shape(shapes).map_err(&at)?;
        for (name, shape) in op.inputs().into_iter().zip(shapes).chain([("the output", &&output)]) {
            let needed = 4 * shape.elements().map_err(&at)? as u64;
            let allowed = self.0.context.driver.limits.max_buffer_size;
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

    /// The candidates that this device has for an operator, in the order of their [ranks](Candidate::rank). The last one is
    /// preferred: it is the one of the highest rank, or the one that was [measured](crate::autotune) to be the fastest.
    pub fn candidates(&self, op: &Operator, shapes: &[&Shape]) -> Result<Vec<Candidate>> {
        let candidates = self.fixed_candidates(op, shapes)?;
        let mut candidates = self.prefer_tuned(op, shapes, candidates);
        if self.0.context.options.low_memory {
            candidates.sort_by_key(|candidate| !candidate.stores_kernel);
        }
        candidates.sort_by_key(|candidate| candidate.trips() <= self.0.profile.max_trips);
        Ok(candidates)
    }

    /// The candidates that this device has for an operator, in the order that holds without any measurement.
    pub fn fixed_candidates(&self, op: &Operator, shapes: &[&Shape]) -> Result<Vec<Candidate>> {
        kernels::candidates(op, shapes, &self.0.profile).map_err(Error::at(op.name()))
    }

    /// The candidates with the measured one last. A choice stands for a range of sizes, and a kernel may not
    /// fit all of them: where it is not among the candidates, the order stays.
    fn prefer_tuned(
        &self,
        op: &Operator,
        shapes: &[&Shape],
        mut candidates: Vec<Candidate>,
    ) -> Vec<Candidate> {
        // With one candidate there is nothing to look up.
        let found = (candidates.len() > 1).then(|| self.0.tuned.kernel(op, shapes)).flatten();
        let place = found.and_then(|kernel| candidates.iter().position(|c| c.name == kernel));
        if let Some(place) = place {
            candidates[place..].rotate_left(1);
        }
        candidates
    }

    /// What `samples` of the batch take.
    fn part(
        &self,
        op: &Operator,
        shapes: &[&Shape],
        batched: &[bool],
        batch: usize,
        samples: usize,
        choice: &Choice,
    ) -> Result<Part> {
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
        let candidate = choose(op, self.candidates(op, &views)?, choice)?;
        let output = op.output_shape(&views).map_err(&at)?;
        let mut tensors: Vec<_> = op.inputs().into_iter().zip(inputs.iter().cloned()).collect();
        tensors.push(("the output", output));
        for &elements in &candidate.scratch {
            tensors.push(("scratch", Shape::from([elements])));
        }
        let cost = op.cost(&views).map_err(&at)?;
        let seconds = (cost.flops as f64 / SLOW_FLOPS).max(cost.bytes as f64 / SLOW_BYTES);
        let work = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Ok(Part { tensors, candidate, work })
    }

    /// The refusal of the first tensor that is too large to bind or to launch; an error where a kernel
    /// does not compile, which no smaller part would.
    fn too_large(&self, op: &Operator, part: &Part) -> Result<Option<Error>> {
        let limits = &self.0.context.driver.limits;
        let allowed = limits.max_storage_buffer_binding_size;
        for (name, shape) in &part.tensors {
            let needed = shape.elements().map_or(u64::MAX, |elements| 4 * elements as u64);
            if needed > allowed {
                return Ok(Some(Error::Limit {
                    op: op.name(),
                    what: format!("{name} {shape}"),
                    limit: Limit::BindingSize,
                    needed,
                    allowed,
                    cure: "one sample of it must fit: use a smaller image or fewer channels",
                }));
            }
        }
        let longest = part.candidate.calls.iter().max_by_key(|call| call.trips);
        if let Some(call) = longest.filter(|call| call.trips > self.0.profile.max_trips) {
            return Ok(Some(Error::Limit {
                op: op.name(),
                what: format!("the kernel {}", call.name()),
                limit: Limit::Trips,
                needed: call.trips as u64,
                allowed: self.0.profile.max_trips as u64,
                cure: "use a shorter sum, a smaller window or image, or a newer driver",
            }));
        }
        for call in &part.candidate.calls {
            let pipeline = self.0.pipelines.get(&self.0.context, call.key())?;
            if let Err(refusal) = fold(call, pipeline.shader.workgroup_size, limits) {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }

    /// The least number of samples after which every batched tensor is aligned for a window.
    fn window_unit(
        &self,
        batched: &[bool],
        shapes: &[&Shape],
        output: &Shape,
        batch: usize,
    ) -> usize {
        let alignment = self.0.context.driver.limits.min_storage_buffer_offset_alignment as usize;
        let cut = shapes.iter().zip(batched).filter(|(_, batched)| **batched);
        let tensors = cut.map(|(shape, _)| *shape).chain([output]);
        tensors.fold(1, |unit, shape| {
            let bytes = 4 * shape.dims().iter().product::<usize>() / batch;
            lcm(unit, alignment / gcd(alignment, bytes))
        })
    }
}

/// What helps where one sample fits, but not as many as lie between two places where a window may start.
const UNALIGNED: &str = "a single sample would fit, but samples of this size cannot be cut out of a batch \
                         where the device lets a binding start: use a smaller batch";

/// The shape with another number of samples.
fn with_samples(shape: &Shape, samples: usize) -> Shape {
    let mut dims = shape.dims().to_vec();
    if let Some(first) = dims.first_mut() {
        *first = samples;
    }
    Shape::new(dims)
}

/// The candidate that is asked for, among those in the order of [`Gpu::candidates`].
fn choose(op: &Operator, mut candidates: Vec<Candidate>, choice: &Choice) -> Result<Candidate> {
    let names = || candidates.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let (wanted, index) = match choice {
        Choice::Preferred => ("", candidates.len().checked_sub(1)),
        Choice::Named(name) => (name.as_str(), candidates.iter().position(|c| c.name == *name)),
    };
    match index {
        Some(index) => Ok(candidates.swap_remove(index)),
        None => {
            Err(Error::UnknownKernel { op: op.name(), kernel: wanted.to_owned(), known: names() })
        }
    }
}

fn lcm(a: usize, b: usize) -> usize {
    a / gcd(a, b) * b
}

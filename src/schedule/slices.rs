//! A call within the limits of a device: is each tensor small enough, and must the batch be cut so that each slice can be
//! bound, and none keeps the device busy for too long?

use std::ops::Range;
use std::time::Duration;

use super::choose::{Choice, Policy, Why, choose};
use super::fold::fold;
use crate::error::{Error, Limit, Result};
use crate::kernels::{Candidate, DeviceProfile, Grid, KernelCall, KernelKey, shader};
use crate::ops::{Grouped, Op, Operator};
use crate::shape::{Shape, gcd};

/// Samples of the batch, or groups of channels of one, and the candidate that computes them.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Which samples.
    pub samples: Range<usize>,
    /// Which groups of channels; nothing where it is all of them.
    pub groups: Option<Range<usize>>,
    /// What computes them.
    pub candidate: Candidate,
    /// How long that may take on a slow device, by an estimate.
    pub work: Duration,
}

/// How a call is carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    /// The slices of the call: one, for all but huge tensors.
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

/// A number of samples, or of groups of one: every tensor that they take, by name, the candidate, why it was chosen, and how long it may take.
struct Part {
    tensors: Vec<(&'static str, Shape)>,
    candidate: Candidate,
    why: Why,
    work: Duration,
}

/// What comes of cutting a call for one candidate.
enum Cut {
    Slices(Lowered),
    /// The candidate needs too much for the fewest samples that can be cut out.
    TooLarge {
        candidate: String,
        refusal: Error,
    },
    /// There is no candidate but those that were tried.
    NoCandidate,
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
    /// be cut any further may take longer. Where a candidate needs too much for the fewest samples even, the next one is
    /// taken; the error is that of the first.
    pub fn slices(&self) -> Result<Lowered> {
        let output = check_buffers(self.op, self.shapes, self.profile)?;
        let mut unfit: Vec<String> = Vec::new();
        let mut first: Option<Error> = None;
        loop {
            match self.slices_without(&unfit, &output)? {
                Cut::Slices(lowered) => return Ok(lowered),
                Cut::TooLarge { candidate, refusal } => {
                    let refusal = first.get_or_insert(refusal);
                    if *self.choice != Choice::Preferred {
                        return Err(refusal.clone());
                    }
                    unfit.push(candidate);
                }
                Cut::NoCandidate => {
                    let none = || Error::Internal(format!("{} has no candidate", self.op.name()));
                    return Err(first.unwrap_or_else(none));
                }
            }
        }
    }

    /// The slices with the most preferred candidate but these.
    fn slices_without(&self, unfit: &[String], output: &Shape) -> Result<Cut> {
        let batched = self.op.batched(self.shapes);
        let batch = if batched.contains(&true) { output.dims()[0] } else { 1 };
        let take = |samples| self.part(&batched, batch, (samples, None), unfit);
        let mut size = batch;
        let Some(mut part) = take(batch)? else { return Ok(Cut::NoCandidate) };
        let mut refusal = self.too_large(&part)?;
        // Windows into a buffer start at multiples of the alignment.
        let unit = self.window_unit(&batched, output, batch);
        while size > unit && (refusal.is_some() || part.work > self.policy.submission_budget) {
            let less = (size / 2).next_multiple_of(unit).min(size - 1) / unit * unit;
            let Some(smaller) = take(less)? else { break };
            match self.too_large(&smaller)? {
                None => refusal = None,
                // With fewer samples another kernel is preferred, one that needs more: these are few enough.
                Some(_) if refusal.is_none() => break,
                Some(_) => {}
            }
            (size, part) = (less, smaller);
        }
        if let Some(mut refusal) = refusal {
            match self.by_groups(&batched, output, batch, unfit) {
                Ok(Some(lowered)) => return Ok(Cut::Slices(lowered)),
                // A candidate that takes the whole need not take a part.
                Ok(None) | Err(Error::UnknownKernel { .. }) => {}
                Err(error) => return Err(error),
            }
            // Fewer samples than a unit cannot be cut out of a batch; whether they fit decides what helps.
            let one = take(1)?.map(|one| self.too_large(&one)).transpose()?;
            if let (Error::Limit { cure, .. }, Some(None)) = (&mut refusal, one) {
                *cure = UNALIGNED;
            }
            return Ok(Cut::TooLarge { candidate: part.candidate.name, refusal });
        }
        let why = part.why;
        let slice = |samples: Range<usize>, Part { candidate, work, .. }: Part| Slice {
            samples,
            groups: None,
            candidate,
            work,
        };
        if size == batch {
            return Ok(Cut::Slices(Lowered { slices: vec![slice(0..batch, part)], why }));
        }
        let starts = (0..batch).step_by(size);
        let ranges = starts.map(|start| start..(start + size).min(batch));
        let slices =
            ranges.map(|samples| Ok(take(samples.len())?.map(|part| slice(samples.clone(), part))));
        let slices: Option<Vec<Slice>> = slices.collect::<Result<_>>()?;
        Ok(slices.map_or(Cut::NoCandidate, |slices| Cut::Slices(Lowered { slices, why })))
    }

    /// The slices of so many groups of channels of each sample as can be bound; nothing where the call may not be cut between
    /// its groups, or one of them is too large.
    fn by_groups(
        &self,
        batched: &[bool],
        output: &Shape,
        batch: usize,
        unfit: &[String],
    ) -> Result<Option<Lowered>> {
        let mut op = self.op.clone();
        let Some(Grouped { groups: &mut groups, cut }) = op.grouped() else { return Ok(None) };
        let tensors = self.shapes.iter().zip(batched).zip(&cut);
        let tensors = tensors.filter(|(_, cut)| **cut);
        let tensors =
            tensors.map(|((shape, batched), _)| (*shape, if *batched { batch } else { 1 }));
        let groups_of =
            tensors.chain([(output, batch)]).map(|(shape, samples)| (shape, samples * groups));
        let samples_of = self.shapes.iter().zip(batched).filter(|(_, batched)| **batched);
        let samples_of = samples_of.map(|(shape, _)| (*shape, batch));
        let unit = self.aligned_unit(groups_of);
        if batch > 1 && self.aligned_unit(samples_of) > 1 {
            return Ok(None);
        }
        let take = |count| self.part(batched, batch, (1, Some(count)), unfit);
        let mut count = groups;
        let first = loop {
            if count <= unit {
                return Ok(None);
            }
            count = (count / 2).next_multiple_of(unit).min(count - 1) / unit * unit;
            match take(count)? {
                None => return Ok(None),
                Some(part) if self.too_large(&part)?.is_none() => break part,
                Some(_) => {}
            }
        };
        let mut slices = Vec::new();
        for (sample, start) in (0..batch)
            .flat_map(|sample| (0..groups).step_by(count).map(move |start| (sample, start)))
        {
            let own = start..(start + count).min(groups);
            let Some(Part { candidate, work, .. }) = take(own.len())? else { return Ok(None) };
            slices.push(Slice { samples: sample..sample + 1, groups: Some(own), candidate, work });
        }
        Ok(Some(Lowered { slices, why: first.why }))
    }

    /// What `samples` of the batch take, or so many groups of channels of one, with the most preferred candidate but these;
    /// nothing where there is no other.
    fn part(
        &self,
        batched: &[bool],
        batch: usize,
        (samples, groups): (usize, Option<usize>),
        unfit: &[String],
    ) -> Result<Option<Part>> {
        let Slicing { shapes, profile, policy, choice, .. } = self;
        let mut op = self.op.clone();
        let cut = match (op.grouped(), groups) {
            (Some(Grouped { groups: all, cut }), Some(groups)) => {
                let whole = std::mem::replace(all, groups);
                cut.into_iter().map(|cut| if cut { (groups, whole) } else { (1, 1) }).collect()
            }
            _ => vec![(1, 1); shapes.len()],
        };
        let op = &op;
        let at = Error::at(op.name());
        let inputs: Vec<Shape> = shapes
            .iter()
            .enumerate()
            .map(|(i, shape)| {
                let batched = batched.get(i) == Some(&true);
                let mut dims = shape.dims().to_vec();
                if let Some(first) = dims.first_mut().filter(|_| samples < batch && batched) {
                    *first = samples;
                }
                let (groups, whole) = cut.get(i).copied().unwrap_or((1, 1));
                if let Some(channels) = dims.get_mut(usize::from(batched)) {
                    *channels = *channels / whole * groups;
                }
                Shape::new(dims)
            })
            .collect();
        let views: Vec<&Shape> = inputs.iter().collect();
        let Some((candidate, why)) = choose(op, &views, profile, policy, choice, unfit)? else {
            return Ok(None);
        };
        let output = op.output_shape(&views).map_err(&at)?;
        let mut tensors: Vec<_> = op.inputs().into_iter().zip(inputs.iter().cloned()).collect();
        tensors.push(("the output", output));
        for &elements in &candidate.scratch {
            tensors.push(("scratch", Shape::from([elements])));
        }
        let cost = op.cost(&views).map_err(&at)?;
        let seconds = (cost.flops as f64 / SLOW_FLOPS).max(cost.bytes as f64 / SLOW_BYTES);
        let work = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        Ok(Some(Part { tensors, candidate, why, work }))
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
        let cut = self.shapes.iter().zip(batched).filter(|(_, batched)| **batched);
        self.aligned_unit(cut.map(|(shape, _)| *shape).chain([output]).map(|shape| (shape, batch)))
    }

    /// The least number of parts after which each of these tensors, of so many parts, is aligned for a window.
    fn aligned_unit<'a>(&self, tensors: impl Iterator<Item = (&'a Shape, usize)>) -> usize {
        let alignment = self.profile.min_offset_alignment as usize;
        tensors.fold(1, |unit, (shape, parts)| {
            let elements = shape.dims().iter().product::<usize>();
            let bytes = self.profile.storage.size() * elements / parts.max(1);
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

fn lcm(a: usize, b: usize) -> usize {
    a / gcd(a, b) * b
}

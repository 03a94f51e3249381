//! Which candidate: the one that is asked for by name, else the one that was measured, else the one of the highest rank.

use std::fmt;
use std::time::Duration;

use crate::autotune::Choices;
use crate::error::{Error, Result};
use crate::kernels::{self, Candidate, DeviceProfile};
use crate::ops::{Op, Operator};
use crate::shape::Shape;

/// Which of an operator's candidates to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// The one that was [measured](crate::autotune) to be the fastest, or the one of the highest rank.
    #[default]
    Preferred,
    /// The one of this name, as in [`Candidate`].
    Named(String),
}

/// What a program wants of a schedule, whatever the device.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// The candidates that were measured to be the fastest.
    pub measured: Choices,
    /// Whether candidates that store a kernel for every pixel are passed over where there is another.
    pub low_memory: bool,
    /// For how long one submission may keep the device busy, by an estimate for a slow one.
    pub submission_budget: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        let (measured, low_memory) = (Choices::default(), false);
        Policy { measured, low_memory, submission_budget: Duration::MAX }
    }
}

/// Why a candidate was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It was asked for.
    Named,
    /// It was measured to be the fastest.
    Measured,
    /// The one of the highest rank takes more memory.
    LowMemory,
    /// Those of higher ranks need more at once than the device can bind or launch, for a single sample even.
    Fits,
    /// It has the highest rank, for this reason.
    Rank(&'static str),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Why::Named => "asked for by name",
            Why::Measured => "measured to be the fastest",
            Why::LowMemory => "stores no kernels, to save memory",
            Why::Fits => "fits, where faster ones are too large for the device",
            Why::Rank(reason) => reason,
        })
    }
}

/// The candidates that a device supports, the preferred one last: that of the highest rank, unless another was measured to
/// be faster or takes less memory.
pub fn ordered(
    op: &Operator,
    shapes: &[&Shape],
    profile: &DeviceProfile,
    policy: &Policy,
) -> Result<Vec<Candidate>> {
    let mut candidates = kernels::candidates(op, shapes, profile).map_err(Error::at(op.name()))?;
    // A measurement holds for a range of sizes, and a candidate may not fit all of them.
    let measured = measured(op, shapes, &candidates, policy);
    if let Some(place) = measured.and_then(|name| candidates.iter().position(|c| c.name == name)) {
        candidates[place..].rotate_left(1);
    }
    if policy.low_memory {
        candidates.sort_by_key(|candidate| !candidate.stores_kernel);
    }
    candidates.sort_by_key(|candidate| candidate.trips() <= profile.max_trips);
    Ok(candidates)
}

fn measured<'a>(
    op: &Operator,
    shapes: &[&Shape],
    candidates: &[Candidate],
    policy: &'a Policy,
) -> Option<&'a str> {
    // With one candidate there is nothing to look up.
    if candidates.len() > 1 { policy.measured.kernel(op, shapes) } else { None }
}

/// The candidate to run, and why: none of those that are `unfit`, unless it is asked for by name. Nothing where no other is
/// left.
pub(super) fn choose(
    op: &Operator,
    shapes: &[&Shape],
    profile: &DeviceProfile,
    policy: &Policy,
    choice: &Choice,
    unfit: &[String],
) -> Result<Option<(Candidate, Why)>> {
    let mut candidates = ordered(op, shapes, profile, policy)?;
    let names = || candidates.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let unknown = |kernel: &str| Error::UnknownKernel {
        op: op.name(),
        kernel: kernel.to_owned(),
        known: names(),
    };
    if let Choice::Named(name) = choice {
        let place = candidates.iter().position(|candidate| candidate.name == *name);
        let place = place.ok_or_else(|| unknown(name))?;
        return Ok(Some((candidates.swap_remove(place), Why::Named)));
    }
    let highest = candidates.iter().max_by_key(|candidate| candidate.rank);
    let highest = highest.map(|candidate| candidate.name.clone());
    let preferred = candidates.last().ok_or_else(|| unknown(""))?.name.clone();
    candidates.retain(|candidate| !unfit.contains(&candidate.name));
    let Some(last) = candidates.last() else { return Ok(None) };
    let why = if last.name != preferred {
        Why::Fits
    } else if measured(op, shapes, &candidates, policy) == Some(last.name.as_str()) {
        Why::Measured
    } else if highest.as_deref() != Some(last.name.as_str()) {
        Why::LowMemory
    } else {
        Why::Rank(last.reason)
    };
    Ok(candidates.pop().map(|chosen| (chosen, why)))
}

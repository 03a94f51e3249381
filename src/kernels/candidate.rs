//! One way to carry out a call, with what it requires, and how it ranks among the others.

use super::call::KernelCall;
use super::profile::{DeviceClass, DeviceProfile, MatrixUnits};
use crate::tensor::DType;

/// The rank of the general candidate of an operator, which takes any shape on any device. Preferred ones have higher
/// ranks, those that a device should not run have negative ones.
pub const GENERAL: i32 = 0;

/// How far a candidate falls that was made for another class of device.
const FOREIGN: i32 = 1_000;

/// How far a candidate falls whose loops are longer than the device allows.
const TOO_LONG: i32 = 1_000_000;

/// What a candidate needs of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requires {
    /// Lanes that a subgroup must have at the least.
    pub subgroup: u32,
    /// The class of device that it was made for; on others it is a last resort.
    pub class: Option<DeviceClass>,
    /// The matrix units that it is made for.
    pub matrices: Option<MatrixUnits>,
}

impl Requires {
    /// Made for software adapters.
    pub const SOFTWARE: Requires = Requires::class(DeviceClass::Software);
    /// Made for software adapters whose subgroups have eight lanes.
    pub const SOFTWARE_SUBGROUPS: Requires = Requires { subgroup: 8, ..Requires::SOFTWARE };
    /// Made for GPUs.
    pub const GPU: Requires = Requires::class(DeviceClass::Gpu);

    const fn class(class: DeviceClass) -> Self {
        Requires { subgroup: 0, class: Some(class), matrices: None }
    }

    /// Made for GPUs with these matrix units.
    pub const fn matrices(units: MatrixUnits) -> Self {
        Requires { matrices: Some(units), ..Requires::GPU }
    }

    /// Whether a device can run it at all. What was made for software adapters knows single precision only.
    pub fn supported_by(&self, profile: &DeviceProfile) -> bool {
        let storage = profile.storage == DType::F32 || self.class != Some(DeviceClass::Software);
        self.subgroup <= profile.subgroup_min
            && storage
            && (self.matrices.is_none() || self.matrices == profile.matrix_units())
    }

    /// Whether whatever has what the other needs has what this one needs.
    pub fn within(&self, other: &Requires) -> bool {
        self.subgroup <= other.subgroup
            && (self.class.is_none() || self.class == other.class)
            && (self.matrices.is_none() || self.matrices == other.matrices)
    }

    /// What both need.
    pub fn and(self, other: Requires) -> Requires {
        Requires {
            subgroup: self.subgroup.max(other.subgroup),
            class: self.class.or(other.class),
            matrices: self.matrices.or(other.matrices),
        }
    }
}

/// How far a result may be from the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tolerance {
    /// What the sum of the definition may lose in any order.
    #[default]
    Direct,
    /// What Winograd's transforms lose beside it.
    Winograd,
}

/// One way to carry out a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The kernel that does the work, with its tile where there are several, or the algorithm.
    pub name: String,
    /// What the device must have.
    pub requires: Requires,
    /// Its rank: the highest is preferred.
    pub rank: i32,
    /// Why it has that rank.
    pub reason: &'static str,
    /// Elements of each scratch buffer.
    pub scratch: Vec<usize>,
    /// The dispatches, in order.
    pub calls: Vec<KernelCall>,
    /// The first so many calls read nothing but weights, and bring them into the layout that the others
    /// want, each into the scratch buffer of its number: where the weights stay, they run once.
    pub prepack: usize,
    /// Whether it stores a kernel for every pixel, which other candidates of the operator make where they use it.
    pub stores_kernel: bool,
    /// How far its result may be off.
    pub tolerance: Tolerance,
}

impl Candidate {
    /// A candidate of one dispatch that requires nothing.
    pub fn new(call: KernelCall, rank: i32, reason: &'static str) -> Self {
        Candidate::of_calls(vec![call], rank, reason)
    }

    /// A candidate of dispatches that requires nothing, named after the kernel of the last one.
    pub fn of_calls(calls: Vec<KernelCall>, rank: i32, reason: &'static str) -> Self {
        Candidate {
            name: calls.last().map(KernelCall::name).unwrap_or_default(),
            requires: Requires::default(),
            rank,
            reason,
            scratch: Vec::new(),
            calls,
            prepack: 0,
            stores_kernel: false,
            tolerance: Tolerance::default(),
        }
    }

    /// The general candidate, of one dispatch.
    pub fn general(call: KernelCall) -> Self {
        Candidate::new(call, GENERAL, "general")
    }

    /// States what the candidate requires.
    pub fn requiring(self, requires: Requires) -> Self {
        Candidate { requires, ..self }
    }

    /// Iterations of the loops of one invocation, at most.
    pub fn trips(&self) -> usize {
        self.calls.iter().map(|call| call.trips).max().unwrap_or(0)
    }

    /// Ranks the candidate on a device.
    pub(super) fn rank_on(&mut self, profile: &DeviceProfile) {
        if let Some(class) = self.requires.class.filter(|&class| class != profile.class) {
            self.rank -= FOREIGN;
            self.reason = match class {
                DeviceClass::Software => "made for software adapters",
                DeviceClass::Gpu => "made for GPUs",
            };
        }
        if self.trips() > profile.max_trips {
            self.rank -= TOO_LONG;
            self.reason = "its loops are longer than the device allows";
        }
    }
}

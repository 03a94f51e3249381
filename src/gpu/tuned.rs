//! Where measured choices take effect: which adapter they are for, and the order of candidates.

use super::{AdapterInfo, Gpu};
use crate::autotune::{Choices, Identity};
use crate::ops::{Candidate, Operator};
use crate::shape::Shape;

impl AdapterInfo {
    /// What measurements on this adapter hold for.
    pub fn identity(&self) -> Identity {
        Identity {
            involution: env!("CARGO_PKG_VERSION").to_owned(),
            adapter: self.name.clone(),
            backend: self.backend.clone(),
            driver: self.driver.clone(),
            driver_info: self.driver_info.clone(),
        }
    }
}

impl Gpu {
    /// The measured choices that this device goes by; none where they are off or nothing was measured.
    pub fn tuned(&self) -> &Choices {
        &self.0.tuned
    }

    /// The candidates with the measured one last. A choice stands for a range of sizes, and a kernel may not
    /// fit all of them: where it is not among the candidates, the order stays.
    pub(crate) fn prefer_tuned(
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
}

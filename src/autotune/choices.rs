//! The kernels that were chosen by measuring, by call.

use std::collections::HashMap;

use super::key::Key;
use crate::ops::Operator;
use crate::shape::Shape;

/// The kernels that were measured to be faster than the fixed choice, by call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choices(HashMap<Key, String>);

impl Choices {
    /// The kernel that was chosen for a call, by its name as a candidate.
    pub fn kernel(&self, op: &Operator, shapes: &[&Shape]) -> Option<&str> {
        // Most devices have none, and should not pay for a look-up.
        if self.0.is_empty() {
            return None;
        }
        self.0.get(&Key::of(op, shapes)).map(String::as_str)
    }

    /// How many calls have a kernel of their own.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(Key, String)> for Choices {
    fn from_iter<I: IntoIterator<Item = (Key, String)>>(choices: I) -> Self {
        Choices(choices.into_iter().collect())
    }
}

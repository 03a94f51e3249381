//! Named tensors: the weights of a layer or a network under the names of PyTorch's `state_dict()`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::owned::Tensor;
use crate::error::WeightsError;
use crate::shape::Shape;

/// Tensors by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateDict(BTreeMap<String, Tensor>);

impl StateDict {
    /// No tensors.
    pub fn new() -> Self {
        StateDict::default()
    }

    /// Adds a tensor; gives back the one that had the name before.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.0.insert(name.into(), tensor)
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// The shape of the tensor of this name.
    pub fn shape(&self, name: &str) -> Option<&Shape> {
        self.get(name).map(Tensor::shape)
    }

    /// The tensors in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name starts with this.
    pub fn has_prefix(&self, prefix: &str) -> bool {
        self.from(prefix).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The tensors whose names start with `prefix`, without it.
    pub fn below(&self, prefix: &str) -> StateDict {
        let inside = |(name, tensor): (&String, &Tensor)| {
            Some((name.strip_prefix(prefix)?.to_owned(), tensor.clone()))
        };
        self.from(prefix).map_while(inside).collect()
    }

    /// What all names begin with, up to and with a dot, where there are several.
    pub fn common_prefix(&self) -> Option<&str> {
        let mut names = self.names();
        // The names between the first and the last in order share what those two share.
        let (first, last) = (names.next()?, self.0.keys().next_back().filter(|_| self.len() > 1)?);
        let shared = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
        let end = first.bytes().take(shared).rposition(|byte| byte == b'.')?;
        first.get(..=end)
    }

    /// The tensors from this name on.
    fn from(&self, name: &str) -> impl Iterator<Item = (&String, &Tensor)> {
        self.0.range::<str, _>((Bound::Included(name), Bound::Unbounded))
    }

    /// Whether the tensors are exactly those of `expected`; everything that differs is in one error
    /// that names `network`.
    pub fn check<'a>(
        &self,
        network: &str,
        expected: impl IntoIterator<Item = (&'a str, &'a Shape)>,
    ) -> Result<(), WeightsError> {
        let mut unexpected: BTreeSet<&str> = self.names().collect();
        let (mut missing, mut misshaped) = (Vec::new(), Vec::new());
        let mut names = 0;
        for (name, shape) in expected {
            names += 1;
            unexpected.remove(name);
            match self.shape(name) {
                None => missing.push(name.to_owned()),
                Some(found) if found != shape => {
                    misshaped.push((name.to_owned(), shape.clone(), found.clone()));
                }
                Some(_) => {}
            }
        }
        if missing.is_empty() && misshaped.is_empty() && unexpected.is_empty() {
            return Ok(());
        }
        let unexpected = unexpected.into_iter().map(str::to_owned).collect();
        // Where no name is right, it may be that all have something in front of them.
        let prefix = self.common_prefix().filter(|_| missing.len() == names).map(Box::from);
        let network = network.to_owned();
        Err(WeightsError::Mismatch { network, missing, unexpected, misshaped, prefix })
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        StateDict(tensors.into_iter().collect())
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = std::collections::btree_map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

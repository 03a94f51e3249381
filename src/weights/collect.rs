//! What a reader has found so far, counted against the limits.

use std::collections::BTreeMap;

use super::limits::{Limits, Result, check, clip};
use super::loaded::{Format, Loaded, Skipped};
use crate::error::{ShapeError, WeightsError, WeightsLimit};
use crate::shape::Shape;
use crate::tensor::{StateDict, Tensor};

/// Texts that are kept as metadata are at most so many bytes long, and so many.
const METADATA_BYTES: usize = 16 << 10;
const METADATA_ENTRIES: usize = 1 << 10;

/// What a reader has found so far.
pub(super) struct Collector<'a> {
    limits: &'a Limits,
    file_bytes: u64,
    tensor_bytes: u64,
    loaded: Loaded,
}

impl<'a> Collector<'a> {
    pub(super) fn new(format: Format, file_bytes: usize, limits: &'a Limits) -> Self {
        let loaded = Loaded {
            tensors: StateDict::new(),
            skipped: Vec::new(),
            format,
            wrapper: Vec::new(),
            metadata: BTreeMap::new(),
        };
        Collector { limits, file_bytes: file_bytes as u64, tensor_bytes: 0, loaded }
    }

    /// Counts a name; an error where it is too long or one too many.
    pub(super) fn name(&self, name: &str) -> Result<()> {
        let Limits { tensors, name_bytes, .. } = *self.limits;
        check(name, WeightsLimit::NameBytes, name.len() as u64, name_bytes)?;
        let count = (self.loaded.tensors.len() + self.loaded.skipped.len()) as u64 + 1;
        check("the file", WeightsLimit::Tensors, count, tensors)
    }

    /// The number of values in a tensor of this shape, once they are known to be allowed.
    pub(super) fn elements(&mut self, name: &str, dims: &[usize]) -> Result<usize> {
        check(name, WeightsLimit::Dimensions, dims.len() as u64, self.limits.dimensions)?;
        let elements = Shape::new(dims).elements().map_err(at(name))?;
        let bytes = self.tensor_bytes.saturating_add((elements as u64).saturating_mul(4));
        check(name, WeightsLimit::TensorBytes, bytes, self.limits.tensor_bytes)?;
        check(name, WeightsLimit::Growth, bytes, self.limits.grown(self.file_bytes))?;
        self.tensor_bytes = bytes;
        Ok(elements)
    }

    /// Adds a tensor whose name and elements were counted.
    pub(super) fn tensor(&mut self, name: &str, dims: &[usize], data: Vec<f32>) -> Result<()> {
        let tensor = Tensor::new(Shape::new(dims), data).map_err(at(name))?;
        self.loaded.tensors.insert(name, tensor);
        Ok(())
    }

    /// Adds a value that is left out, once its name was counted.
    pub(super) fn skip(&mut self, name: &str, reason: &'static str) {
        self.loaded.skipped.push(Skipped { name: name.to_owned(), reason });
    }

    /// Adds a text that says something about the weights, where it is short.
    pub(super) fn say(&mut self, key: &str, value: &str) {
        let metadata = &mut self.loaded.metadata;
        let short = key.len() as u64 <= self.limits.name_bytes && value.len() <= METADATA_BYTES;
        if short && metadata.len() < METADATA_ENTRIES {
            metadata.insert(key.to_owned(), value.to_owned());
        }
    }

    /// Adds a key that led to the tensors.
    pub(super) fn under(&mut self, key: &str) {
        self.loaded.wrapper.push(key.to_owned());
    }

    pub(super) fn finish(self) -> Loaded {
        self.loaded
    }
}

/// Adds the tensor's name to a [`ShapeError`].
fn at(name: &str) -> impl Fn(ShapeError) -> WeightsError {
    move |source| WeightsError::Tensor { name: clip(name), source }
}

//! A layer that is ready to run.

use crate::error::Result;
use crate::ops::Operator;
use crate::tensor::Tensor;

/// A layer with its weights where it runs: on a device, or on the reference. Work of several layers, with decisions of the
/// host in between, such as that of a detector, is written once for both.
pub trait Loaded {
    /// A tensor that stays where the layer runs.
    type Tensor: Clone;

    /// Brings a tensor to where the layer runs.
    fn place(&self, tensor: &Tensor) -> Result<Self::Tensor>;

    /// Runs it on tensors that are there already, and gives the results of these names in their order.
    fn run_placed(&self, inputs: &[&Self::Tensor], outputs: &[&str]) -> Result<Vec<Self::Tensor>>;

    /// Runs an operator there.
    fn apply(&self, op: Operator, inputs: &[&Self::Tensor]) -> Result<Self::Tensor>;

    /// Brings a tensor to the host.
    fn fetch(&self, tensor: &Self::Tensor) -> Result<Tensor>;
}

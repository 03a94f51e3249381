//! What can be wrong with a file of weights, or with weights that do not belong to a network.

use crate::error::ShapeError;
use crate::shape::Shape;

/// Why weights cannot be read or used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The tensors are not those that the network takes; everything that differs is listed.
    #[error("{}", mismatch(network, missing, unexpected, misshaped))]
    Mismatch {
        /// The network or layer.
        network: String,
        /// Names that it takes and the weights lack.
        missing: Vec<String>,
        /// Names that it does not take.
        unexpected: Vec<String>,
        /// Names with the shape that it takes and the shape found.
        misshaped: Vec<(String, Shape, Shape)>,
    },
    /// A tensor's shape and values do not belong together.
    #[error("tensor '{name}': {source}")]
    Tensor {
        /// The tensor.
        name: String,
        /// What is wrong with it.
        source: ShapeError,
    },
}

/// Names listed in full before the rest is only counted.
const LISTED: usize = 12;

fn mismatch(
    network: &str,
    missing: &[String],
    unexpected: &[String],
    misshaped: &[(String, Shape, Shape)],
) -> String {
    let list = |what: &str, names: Vec<String>| match names.len() {
        0 => String::new(),
        count => {
            let more = count.saturating_sub(LISTED);
            let names = names.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("; {count} {what}: {names}{rest}")
        }
    };
    let shapes = misshaped
        .iter()
        .map(|(name, expected, found)| format!("{name} {found} where {expected} is taken"));
    format!(
        "the weights are not those of {network}{}{}{}",
        list("missing", missing.to_vec()),
        list("unexpected", unexpected.to_vec()),
        list("mis-shaped", shapes.collect()),
    )
}

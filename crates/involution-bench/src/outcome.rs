//! How a command ends: its checks passed or failed, or it was used wrongly.

use involution::{Error, ShapeError};

/// Whether the checks passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
}

impl Outcome {
    pub fn of(passed: bool) -> Self {
        if passed { Outcome::Passed } else { Outcome::Failed }
    }
}

/// An error in how the command is used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadUse(String);

pub fn bad_use(message: impl Into<String>) -> anyhow::Error {
    BadUse(message.into()).into()
}

/// Whether the caller could have known better: wrong names, shapes and files, not failures of a run.
pub fn is_bad_use(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| match cause.downcast_ref() {
        Some(
            Error::Shape { .. }
            | Error::Layer { .. }
            | Error::Weights(_)
            | Error::UnknownOutput { .. }
            | Error::UnknownKernel { .. }
            | Error::UnknownAdapter { .. }
            | Error::Variable { .. },
        ) => true,
        _ => cause.is::<ShapeError>() || cause.is::<BadUse>(),
    })
}

//! The inputs and weights of rows as files, for other libraries to be timed on the same.

use std::path::{Path, PathBuf};

use anyhow::Result;
use involution::{Gpu, Tensor};
use serde::Serialize;

use super::super::workload::Workload;
use crate::tensors;

/// What the files of a row begin with, whatever is in them.
pub fn files_of(folder: &Path, workload: &Workload) -> PathBuf {
    folder.join(workload.name.replace('/', "_"))
}

/// The file of its tensors: `input.0`, `input.1`, and `weight.` before the name of each weight.
pub fn tensors_of(folder: &Path, workload: &Workload) -> PathBuf {
    files_of(folder, workload).with_extension("safetensors")
}

/// The files that were written.
#[derive(Debug, Serialize)]
pub struct Exported {
    pub rows: Vec<Written>,
}

/// A file, and the row that it belongs to.
#[derive(Debug, Serialize)]
pub struct Written {
    pub workload: String,
    pub file: PathBuf,
}

/// Writes a file for each row.
pub fn write(gpu: &Gpu, workloads: &[Workload], folder: &Path) -> Result<Exported> {
    let mut rows = Vec::new();
    for workload in workloads {
        let inputs = workload.inputs()?;
        let weights = workload.weights(gpu)?;
        let inputs = inputs.iter().enumerate().map(|(at, input)| (format!("input.{at}"), input));
        let weights = weights.iter().map(|(name, weight)| (format!("weight.{name}"), weight));
        let named: Vec<(String, &Tensor)> = inputs.chain(weights).collect();
        let file = tensors_of(folder, workload);
        tensors::write(&file, named.iter().map(|(name, tensor)| (name.as_str(), *tensor)))?;
        rows.push(Written { workload: workload.name.clone(), file });
    }
    Ok(Exported { rows })
}

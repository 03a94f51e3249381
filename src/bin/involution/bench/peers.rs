//! The suite `peers`: operators, layers and networks from host to host, as other libraries are timed, and on
//! tensors that stay on the device.

mod catalogue;
mod report;

use std::time::{Duration, Instant};

use anyhow::Result;
use involution::Gpu;

use super::findings::Header;
use super::sampling::{self, Effort};
use super::selection::selected;
use super::workload::Workload;
use super::{Args, rows};
use crate::adapter::Runner;
pub use catalogue::NormRelu;
use report::Report;

/// Samples that will do after so much time, as where the others are timed.
const LEAST_SAMPLES: usize = 5;
const ENOUGH: Duration = Duration::from_secs(6);

/// The rows that the arguments select.
pub fn select(args: &Args) -> Result<Vec<Workload>> {
    selected(catalogue::all()?, args, |workload| &workload.name, |workload| &workload.shapes[0])
}

/// Times these rows, or those of a suite like it, and checks what they computed.
pub fn measure(runner: &Runner, gpu: &Gpu, workloads: &[Workload], args: &Args) -> Result<Report> {
    let start = Instant::now();
    sampling::listen()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let limits = gpu.limits()?;
    let rows = rows::measure(gpu, workloads, |_| effort);
    let rows = rows.into_iter().map(|row| row.above(&limits)).collect();
    Ok(Report { header: Header::new(runner, Some(&limits), args, start), rows })
}

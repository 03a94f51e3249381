//! The suite `peers`: operators, layers and networks from host to host, as other libraries are timed, and on
//! tensors that stay on the device. In turns with those libraries where they are there.

mod against;
mod catalogue;
pub mod export;
mod field;
mod ratios;
mod worker;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use involution::Gpu;

use super::limits::Limits;
use super::record::Run;
use super::sampling::{self, Effort};
use super::selection::selected;
use super::workload::Workload;
use super::{Args, rows};
use crate::adapter::Runner;
use crate::bad_use;
pub use against::Against;
pub use catalogue::NormRelu;
pub use field::Field;
pub use ratios::{Compared, ERROR, MEANING, Ratios};

/// Samples that will do after so much time, as where the others are timed.
const LEAST_SAMPLES: usize = 5;
const ENOUGH: Duration = Duration::from_secs(6);

/// Other libraries to be timed beside.
#[derive(Debug, Default, clap::Args)]
#[group(skip)]
pub struct Options {
    /// Time the libraries that this file lists in turns with the rows of the suite `peers`, and hold their answers
    /// against ours; `benches/peers/run.py` makes it
    #[arg(long, value_name = "FILE")]
    pub peers: Option<PathBuf>,
    /// Write the inputs and weights of the rows of the suite `peers` for them, and time nothing
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["peers", "md", "html"])]
    pub export: Option<PathBuf>,
}

impl Options {
    /// Whether any is given.
    pub fn any(&self) -> bool {
        self.peers.is_some() || self.export.is_some()
    }

    /// The libraries that are asked for; whatever is wrong with them is said here.
    pub fn field(&self, workloads: &[Workload]) -> Result<Field> {
        if let Some(folder) = self.export.as_deref().filter(|folder| !folder.is_dir()) {
            return Err(bad_use(format!("--export: there is no folder {}", folder.display())));
        }
        let Some(list) = &self.peers else { return Ok(Field::default()) };
        let field = Field::read(list)?;
        field.check(workloads)?;
        Ok(field)
    }
}

/// The rows that the arguments select.
pub fn select(args: &Args) -> Result<Vec<Workload>> {
    selected(catalogue::all()?, args, |workload| &workload.name, |workload| &workload.shapes[0])
}

/// Times these rows, or those of a suite like it, and checks what they computed.
pub fn measure(
    runner: &Runner,
    gpu: &Gpu,
    workloads: &[Workload],
    field: &mut Field,
    args: &Args,
) -> Result<Run> {
    let start = Instant::now();
    sampling::listen()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let limits = gpu.limits()?;
    let rows = rows::measure(gpu, workloads, |_| effort, field);
    let rows = rows.into_iter().map(|row| row.above(&limits)).collect();
    // Ratios outlast a machine that became slower meanwhile; times do not, so that it is told.
    let limits_after = match field.is_empty() {
        true => None,
        false => Some(Limits::from(&gpu.limits()?)),
    };
    Ok(Run { limits_after, ..Run::new(runner, Some(&limits), args, start, rows) })
}

//! The other libraries that rows are timed beside: in turns with ours, a sample each, so that a machine whose speed
//! changes disturbs all alike.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use involution::{Shape, Tensor};
use serde::Deserialize;

use super::super::sampling::interrupted;
use super::super::stats::Stats;
use super::super::workload::Workload;
use super::against::Against;
use super::export;
use super::worker::{Entry, Reply, Request, Worker};
use crate::{bad_use, files};

/// Before each turn: idle threads of the one before may still spin.
const SETTLE: Duration = Duration::from_millis(30);

/// A call that is shorter is run once untimed at the beginning of a turn: the others have filled the caches. Peers do
/// the same.
const SHORT: Duration = Duration::from_millis(100);

/// Samples of a peer that will do after so much time.
const LEAST_SAMPLES: usize = 3;
const ENOUGH: Duration = Duration::from_secs(4);

/// The peers of a run; none where they are not asked for.
#[derive(Debug, Default)]
pub struct Field {
    folder: PathBuf,
    peers: Vec<Peer>,
}

#[derive(Debug)]
struct Peer {
    worker: Worker,
    row: Progress,
}

/// How far a peer has come in the row at hand.
#[derive(Debug, Default)]
struct Progress {
    times: Vec<f64>,
    spent: Duration,
    first_ms: Option<f64>,
    answer: Option<Tensor>,
    failure: Option<String>,
}

/// A file that says which peers there are.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    /// Where the models are that were made from what `--export` wrote.
    folder: PathBuf,
    peers: Vec<Entry>,
}

impl Field {
    /// The peers of a file.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |error: anyhow::Error| bad_use(format!("{}: {error:#}", path.display()));
        let text = files::text(path)?;
        let list: List = serde_json::from_str(&text).context("no list of peers").map_err(wrong)?;
        let peer =
            |entry| Peer { worker: Worker::new(entry, &list.folder), row: Progress::default() };
        Ok(Field { peers: list.peers.into_iter().map(peer).collect(), folder: list.folder })
    }

    /// Refuses rows whose inputs the peers have not.
    pub fn check(&self, workloads: &[Workload]) -> Result<()> {
        let missing = |workload: &&Workload| !export::tensors_of(&self.folder, workload).is_file();
        match workloads.iter().find(missing) {
            None => Ok(()),
            Some(workload) => Err(bad_use(format!(
                "{} has no tensors of {}: write them with --export {}",
                self.folder.display(),
                workload.name,
                self.folder.display()
            ))),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// Whether a call of ours that takes so long begins its turn with a run that is not timed.
    pub fn cools(&self, once: Duration) -> bool {
        !self.is_empty() && once < SHORT
    }

    /// Has every peer load a row, and answer.
    pub fn load(&mut self, workload: &Workload) {
        for Peer { worker, row } in &mut self.peers {
            let files = export::files_of(&self.folder, workload);
            let answer = self.folder.join(format!("{}.answer", worker.name()));
            *row = Progress::default();
            let loaded = worker.ask(&Request::Load { files: &files, answer: &answer });
            match loaded.and_then(|reply| read(&answer, reply)) {
                Ok((first_ms, answer)) => (row.first_ms, row.answer) = (first_ms, Some(answer)),
                Err(error) => row.failure = Some(error),
            }
        }
    }

    /// A sample of every peer that is not done.
    pub fn turn(&mut self) {
        for Peer { worker, row } in &mut self.peers {
            let done = row.times.len() >= LEAST_SAMPLES && row.spent >= ENOUGH;
            if row.failure.is_some() || done || interrupted() {
                continue;
            }
            sleep(SETTLE);
            let start = Instant::now();
            match worker.ask(&Request::Sample) {
                Ok(reply) => row.times.extend(reply.ms),
                Err(error) => row.failure = Some(error),
            }
            row.spent += start.elapsed();
        }
        if !self.is_empty() {
            sleep(SETTLE);
        }
    }

    /// What each made of the row, held against our answer and our times.
    pub fn results(&mut self, ours: &Tensor, tolerance: f64, wall: Option<&Stats>) -> Vec<Against> {
        let result = |Peer { worker, row }: &mut Peer| {
            let Progress { times, first_ms, answer, failure, .. } = std::mem::take(row);
            let version = worker.version();
            if failure.is_none() {
                // One that cannot forget fails at the next row, where it is said.
                let _ = worker.ask(&Request::Drop);
            }
            let against = Against {
                peer: worker.name().to_owned(),
                version,
                wall_ms: if failure.is_some() { None } else { Stats::of(times) },
                first_ms,
                note: failure,
                ..Against::default()
            };
            against.judged(answer.as_ref(), ours, tolerance, wall)
        };
        self.peers.iter_mut().map(result).collect()
    }
}

/// The answer that a peer wrote, and how long its first took.
fn read(path: &Path, reply: Reply) -> Result<(Option<f64>, Tensor), String> {
    let wrong = |error: &dyn std::fmt::Display| format!("its answer: {error}");
    let bytes = fs::read(path).map_err(|error| wrong(&error))?;
    // It may be large.
    let _ = fs::remove_file(path);
    let float =
        |bytes: &[u8]| bytes.try_into().map(f32::from_le_bytes).map_err(|error| wrong(&error));
    let values = bytes.chunks(4).map(float).collect::<Result<_, _>>()?;
    let tensor = Tensor::new(Shape::new(reply.shape), values).map_err(|error| wrong(&error))?;
    Ok((reply.first_ms, tensor))
}

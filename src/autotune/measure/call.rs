//! One call: its candidates checked, timed in turns, and one of them chosen.

use std::time::{Duration, Instant};

use super::calls::Call;
use super::choose::{Row, Time, choose};
use super::eligible::check;
use crate::autotune::{Entry, Key};
use crate::error::Result;
use crate::gpu::{Choice, Gpu, GpuTensor, Prepared, Timer, Timing};
use crate::kernels::GENERAL;
use crate::ops::Operator;
use crate::shape::Shape;
use crate::tensor::Tensor;
use crate::tolerance::{Distribution, inputs};

/// How to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Samples of each candidate at the least.
    pub rounds: usize,
    /// Samples at the most, where they are short.
    pub most_rounds: usize,
    /// For how long to go on beyond the least number of rounds.
    pub enough: Duration,
    /// Floating-point operations of the largest call that is checked against the reference; larger ones are
    /// against the general kernel.
    pub reference_flops: u64,
    /// Where the inputs come from.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            rounds: 7,
            most_rounds: 101,
            enough: Duration::from_millis(300),
            reference_flops: 20_000_000,
            seed: 0,
        }
    }
}

/// What was found for a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The call.
    pub key: Key,
    /// The candidates, the fixed choice last.
    pub rows: Vec<Row>,
    /// The place of the chosen one; nothing where none is eligible.
    pub chosen: Option<usize>,
    /// The clock; nothing where there was no choice to make, so that nothing was timed.
    pub timer: Option<Timer>,
}

impl Measured {
    /// The fixed choice.
    pub fn fixed(&self) -> Option<&Row> {
        self.rows.last()
    }

    /// The candidate to run.
    pub fn chosen(&self) -> Option<&Row> {
        self.rows.get(self.chosen?)
    }

    /// Whether another candidate than the fixed choice is to run.
    pub fn differs(&self) -> bool {
        self.chosen.is_some_and(|place| place + 1 != self.rows.len())
    }

    /// What to store; nothing where nothing was timed.
    pub fn entry(&self) -> Option<Entry> {
        let (fixed, chosen) = (self.fixed()?, self.chosen()?);
        Some(Entry {
            key: self.key.clone(),
            kernel: chosen.kernel.clone(),
            fixed: fixed.kernel.clone(),
            ms: milliseconds(chosen.time?.median),
            fixed_ms: fixed.time.map(|time| milliseconds(time.median)),
        })
    }
}

/// To the nanosecond: what the file has beyond that is noise.
fn milliseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e6
}

/// Checks the candidates of a call on random inputs, times those that are right, and chooses one; `earlier` is
/// the choice of a measurement before this one. A call with one candidate is neither checked nor timed.
pub fn measure(
    gpu: &Gpu,
    call: &Call,
    earlier: Option<&str>,
    settings: &Settings,
) -> Result<Measured> {
    let Call { key, op, shapes, .. } = call;
    let views: Vec<&Shape> = shapes.iter().collect();
    // Whatever else is wrong with the call is said before its inputs are made.
    gpu.check(op, &views)?;
    let row = |kernel| Row { kernel, refused: None, time: None };
    let mut candidates = gpu.fixed_candidates(op, &views)?;
    // Those that the device should not run, such as kernels for another class of device, would only take time.
    let least = candidates.last().map_or(GENERAL, |preferred| preferred.rank.min(GENERAL));
    candidates.retain(|candidate| candidate.rank >= least);
    let mut rows: Vec<Row> = candidates.into_iter().map(|c| row(c.name)).collect();
    let mut measured = Measured { key: key.clone(), rows: Vec::new(), chosen: None, timer: None };
    if rows.len() < 2 {
        measured.rows = rows;
        return Ok(measured);
    }
    let dtype = gpu.profile().storage;
    let of = Distribution { seed: settings.seed, scale: 1.0, positive: false, dtype };
    let inputs = inputs(op, shapes, of);
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    check(gpu, op, &inputs, &mut rows, settings.reference_flops)?;
    for row in &rows {
        if let Some(why) = &row.refused {
            tracing::warn!("{} is not eligible for {key}: {why}", row.kernel);
        }
    }
    // What was lent to the checks would only be in the way.
    gpu.trim();
    let (timer, samples) = time(gpu, op, &inputs, &rows, settings)?;
    measured.timer = Some(timer);
    for (row, samples) in rows.iter_mut().zip(&samples) {
        row.time = Time::of(samples);
    }
    let earlier = earlier.and_then(|name| rows.iter().position(|row| row.kernel == name));
    measured.chosen = choose(&samples, rows.len() - 1, earlier);
    measured.rows = rows;
    Ok(measured)
}

/// Times the eligible candidates in turns, so that what slows the machine down meets all of them; the others
/// have no samples.
fn time(
    gpu: &Gpu,
    op: &Operator,
    inputs: &[&Tensor],
    rows: &[Row],
    settings: &Settings,
) -> Result<(Timer, Vec<Vec<Duration>>)> {
    let inputs: Vec<GpuTensor> =
        inputs.iter().map(|input| gpu.upload(input)).collect::<Result<_>>()?;
    let inputs: Vec<&GpuTensor> = inputs.iter().collect();
    let mut runs: Vec<(usize, Prepared, Vec<Timing>)> = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        if row.refused.is_none() {
            let prepared = gpu.prepare(op, &inputs, &Choice::Named(row.kernel.clone()))?;
            // The first run may still compile, and brings the tensors closer.
            gpu.submit_timed(&prepared)?;
            runs.push((place, prepared, Vec::new()));
        }
    }
    let start = Instant::now();
    for round in 0..settings.most_rounds.max(settings.rounds).max(1) {
        if round >= settings.rounds.max(1) && start.elapsed() >= settings.enough {
            break;
        }
        for (_, prepared, samples) in &mut runs {
            samples.push(gpu.submit_timed(prepared)?);
        }
    }
    // One clock for all of them.
    let device = runs.iter().all(|(.., samples)| samples.iter().all(|s| s.dispatches.is_some()));
    let mut samples = vec![Vec::new(); rows.len()];
    for (place, _, timings) in runs {
        let time = |timing: &Timing| timing.gpu().filter(|_| device).unwrap_or(timing.wall);
        samples[place] = timings.iter().map(time).collect();
    }
    Ok((if device { Timer::Timestamps } else { Timer::Wall }, samples))
}

//! What is timed from host to host, and on tensors that stay on the device: an operator or a network.

use std::time::{Duration, Instant};

use involution::gpu::{Choice, GpuTensor, Network, Timing};
use involution::ops::Operator;
use involution::{Gpu, Result, Shape, Tensor};

use super::machine::Noise;
use super::peers::Field;
use super::rounds::{self, Run, clocked};
use super::row::{Row, Step};
use super::sampling::{Effort, Sampled};
use super::stats::{Stats, milliseconds};

/// What is run before anything is timed.
const WARM_UP: Duration = Duration::from_millis(300);
const WARM_UP_RUNS: usize = 2;

/// A run that is longer is not repeated to warm up.
const LONG: Duration = Duration::from_secs(2);

/// The least that a sample from host to host takes: calls that are shorter are timed several at a time.
const LEAST_SAMPLE: Duration = Duration::from_millis(2);

/// Runs of a network without timestamps, in turns with as many that have them.
const UNTIMED: usize = 3;

/// An operator all of whose inputs are given at each run, or a network, which has one input, with its weights
/// on the device.
#[derive(Debug)]
pub enum Subject {
    Operator(Gpu, Operator),
    Network(Network),
}

impl Subject {
    /// From host to host.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        match self {
            Subject::Network(network) => network.run(&inputs[0]),
            Subject::Operator(gpu, op) => gpu.run(op.clone(), &inputs.iter().collect::<Vec<_>>()),
        }
    }

    /// The kernels that run, each once, and the number of dispatches.
    pub fn kernels(&self, shapes: &[&Shape]) -> Result<(Vec<String>, usize)> {
        match self {
            Subject::Operator(gpu, op) => {
                let candidates = gpu.candidates(op, shapes)?;
                let preferred = candidates.last();
                let dispatches = preferred.map_or(0, |candidate| candidate.calls.len());
                Ok((
                    preferred.map(|candidate| candidate.name.clone()).into_iter().collect(),
                    dispatches,
                ))
            }
            Subject::Network(network) => {
                let dispatches = network.dispatches(shapes[0], &[network.layer().output()])?;
                let mut names: Vec<String> = Vec::new();
                for (_, kernel) in &dispatches {
                    if !names.iter().any(|name| name == kernel) {
                        names.push((*kernel).to_owned());
                    }
                }
                Ok((names, dispatches.len()))
            }
        }
    }

    /// The dispatches of a network with their times, where every run has them.
    fn steps(&self, x: &Shape, samples: &[Timing]) -> Result<Vec<Step>> {
        let Subject::Network(network) = self else { return Ok(Vec::new()) };
        let runs: Option<Vec<&Vec<Duration>>> =
            samples.iter().map(|sample| sample.dispatches.as_ref()).collect();
        let runs = runs.unwrap_or_default();
        let output = network.layer().output();
        let (plan, _) = network.plan(x, &[output])?;
        let shape = |name: &str| {
            let step = plan.steps().iter().find(|step| step.name == name);
            step.map_or_else(Vec::new, |step| plan.shape(step.output).dims().to_vec())
        };
        let dispatches = network.dispatches(x, &[output])?.into_iter().enumerate();
        Ok(dispatches
            .filter_map(|(index, (step, kernel))| {
                let times = runs.iter().filter_map(|run| run.get(index).copied());
                let ms = Stats::of_durations(times)?.median;
                Some(Step { shape: shape(&step), step, kernel: kernel.to_owned(), ms })
            })
            .collect())
    }

    /// What a run with timestamps takes, as a multiple of one without; nothing for a single operator. On a software adapter
    /// by the processor time, for which other programs do not matter as much.
    fn timed_over_untimed(&self, software: bool, x: &Shape) -> Result<Option<f64>> {
        let Subject::Network(network) = self else { return Ok(None) };
        let output = network.layer().output();
        let mut least = [Duration::MAX; 2];
        for _ in 0..UNTIMED {
            let timed = clocked(|| network.time(x, &[output]))?;
            if timed.timing.dispatches.is_none() {
                return Ok(None);
            }
            let untimed = clocked(|| network.time_whole(x, &[output]))?;
            for (least, run) in least.iter_mut().zip([timed, untimed]) {
                *least = (*least).min(run.cpu.filter(|_| software).unwrap_or(run.timing.wall));
            }
        }
        Ok(Some(least[0].as_secs_f64() / least[1].as_secs_f64()))
    }

    /// What runs it on tensors that stay on the device.
    fn resident(&self, inputs: &[Tensor]) -> Result<Run<'_>> {
        Ok(match self {
            Subject::Operator(gpu, op) => {
                let tensors: Vec<GpuTensor> =
                    inputs.iter().map(|input| gpu.upload(input)).collect::<Result<_>>()?;
                let tensors: Vec<&GpuTensor> = tensors.iter().collect();
                let prepared = gpu.prepare(op, &tensors, &Choice::Preferred)?;
                Box::new(move || gpu.submit_timed(&prepared))
            }
            Subject::Network(network) => {
                let (x, output) = (inputs[0].shape().clone(), network.layer().output());
                Box::new(move || network.time(&x, &[output]))
            }
        })
    }
}

/// Times what `make` makes on these inputs, from host to host in turns with what peers there are. Gives it with its
/// times in this row and its output; nothing where it was interrupted.
pub fn time(
    gpu: &Gpu,
    make: impl FnOnce() -> Result<Subject>,
    inputs: &[Tensor],
    effort: Effort,
    field: &mut Field,
    row: Row,
) -> Result<Option<(Subject, Row, Tensor)>> {
    // New buffers are zero: nothing can pass with what another row left in the output.
    gpu.trim();
    let compiled = gpu.pipeline_stats().misses;
    let first = Instant::now();
    let subject = make()?;
    subject.run(inputs)?;
    let compile_ms = Some(milliseconds(first.elapsed()));
    let compiled = gpu.pipeline_stats().misses - compiled;
    let once = warm_up(&subject, inputs)?;
    let Some((wall, output)) = host_to_host(&subject, inputs, once, effort, field)? else {
        return Ok(None);
    };
    let mut resident = subject.resident(inputs)?;
    resident()?;
    let samples = rounds::sample(&gpu.probes()?, vec![resident], effort)?.pop().transpose()?;
    let Some(samples) = samples.filter(|samples| !samples.runs.is_empty()) else {
        return Ok(None);
    };
    let timed_over_untimed =
        subject.timed_over_untimed(gpu.adapter().software, inputs[0].shape())?;
    let steps = subject.steps(inputs[0].shape(), &samples.runs)?;
    let (count, wall_ms) = (wall.runs.len(), Stats::of_durations(wall.runs));
    let waited = wall.waited.zip(samples.waited).map(|(wall, device)| wall.max(device));
    let noise = Noise::of(wall_ms.as_ref(), waited);
    let mut row = row.timed(samples);
    // The runs from host to host had no probe beside them.
    row.probe_ms.iter_mut().flatten().for_each(|(_, beside)| beside.wall.clear());
    let resident_ms = row.wall_ms.take();
    let samples = count;
    let row = Row {
        samples,
        noise,
        wall_ms,
        resident_ms,
        timed_over_untimed,
        compile_ms,
        compiled,
        steps,
        ..row
    };
    Ok(Some((subject, row, output)))
}

/// Runs it until caches and clocks are warm, and says how long one run takes then.
fn warm_up(subject: &Subject, inputs: &[Tensor]) -> Result<Duration> {
    let start = Instant::now();
    let mut runs = 0;
    loop {
        let one = Instant::now();
        subject.run(inputs)?;
        runs += 1;
        let warm = runs >= WARM_UP_RUNS && start.elapsed() >= WARM_UP;
        if warm || start.elapsed() >= LONG {
            return Ok(one.elapsed());
        }
    }
}

/// Samples from host to host, and the output of the last run; nothing where it was interrupted.
fn host_to_host(
    subject: &Subject,
    inputs: &[Tensor],
    once: Duration,
    effort: Effort,
    field: &mut Field,
) -> Result<Option<(Sampled<Duration>, Tensor)>> {
    let at_a_time = (LEAST_SAMPLE.as_nanos() / once.as_nanos().max(1)).max(1) as u32;
    let cools = field.cools(once);
    let mut last = None;
    let run = || {
        if cools {
            subject.run(inputs)?;
        }
        let start = Instant::now();
        for _ in 0..at_a_time {
            last = Some(subject.run(inputs)?);
        }
        Ok(start.elapsed() / at_a_time)
    };
    let samples = effort.sample_in_turns(run, || field.turn())?;
    Ok(samples.zip(last))
}

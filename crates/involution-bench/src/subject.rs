//! A workload on the device: made ready and run once, then timed on tensors of the device and, but for single calls,
//! from host to host.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use involution::gpu::{Choice, GpuTensor, Network, Prepared, Timing};
use involution::ops::Op;
use involution::{Gpu, Result, StateDict, Tensor};

use crate::row::{Row, Step};
use crate::sampling::{Run, Sampled};
use crate::stats::{Stats, milliseconds};
use crate::workload::{Work, Workload, distance, sample};
use crate::{fault, output};

/// What is run before anything is timed from host to host, and a run that is too long to be repeated for that.
const WARM_UP: Duration = Duration::from_millis(300);
const WARM_UP_RUNS: usize = 2;
const LONG: Duration = Duration::from_secs(2);

/// The least that a sample from host to host takes: calls that are shorter are timed several at a time.
const LEAST_SAMPLE: Duration = Duration::from_millis(2);

/// The work of a sample of a single call: some milliseconds on a processor. A call that has less is run several times.
const LEAST_FLOPS: u64 = 40_000_000;
const LEAST_BYTES: u64 = 8_000_000;
const MOST_TIMES: u64 = 64;

/// A workload after its first run.
pub struct Subject<'a> {
    pub workload: &'a Workload,
    gpu: Gpu,
    row: Row,
    inputs: Vec<Tensor>,
    ready: Ready,
    /// How long a run from host to host takes.
    pub once: Duration,
    /// What the last run from host to host gave.
    output: RefCell<Option<Tensor>>,
}

/// What is bound to tensors of the device.
enum Ready {
    /// An operator; the second one is it so often, each time on tensors of its own.
    Operator(Box<[Prepared; 2]>, u32),
    Network(Network),
}

impl<'a> Subject<'a> {
    pub fn new(gpu: &Gpu, workload: &'a Workload, weights: &StateDict) -> Result<Self> {
        // New buffers are zero: nothing can pass with what another row left in the output.
        gpu.trim();
        let memory = workload.memory(gpu)?;
        let mut inputs = workload.inputs(gpu.profile().storage)?;
        let compiled = gpu.pipeline_stats().misses;
        let (ready, first) = match &workload.work {
            Work::Operator(op, kernel) => {
                let choice = kernel.clone().map_or(Choice::Preferred, Choice::Named);
                let upload = || inputs.iter().map(|it| gpu.upload(it)).collect::<Result<Vec<_>>>();
                let prepare = |tensors: Vec<GpuTensor>| {
                    gpu.prepare(op, &tensors.iter().collect::<Vec<_>>(), &choice)
                };
                let uploaded = upload()?;
                let start = Instant::now();
                let prepared = prepare(uploaded)?;
                gpu.submit_timed(&prepared)?;
                let first = start.elapsed();
                let times = if kernel.is_some() { times(workload.cost()) } else { 1 };
                let copies = (1..times).map(|_| prepare(upload()?));
                let repeated = prepared.then(&copies.collect::<Result<Vec<_>>>()?);
                gpu.submit_timed(&repeated)?;
                (Ready::Operator(Box::new([prepared, repeated]), times), first)
            }
            Work::Layer(layer, fused) => {
                let start = Instant::now();
                let network = match fused {
                    true => gpu.load_shared(layer.clone(), weights.clone())?,
                    false => gpu.load_unfused(layer.clone(), weights.clone())?,
                };
                network.run(&inputs[0])?;
                (Ready::Network(network), start.elapsed())
            }
        };
        if workload.is_resident() {
            inputs.clear();
        }
        let mut row = Row { memory: Some(memory), ..row(workload) };
        row.bytes = row.bytes * gpu.profile().storage.size() as u64 / 4;
        row.compile_ms = Some(milliseconds(first));
        row.compiled = gpu.pipeline_stats().misses - compiled;
        let (gpu, once, output) = (gpu.clone(), Duration::ZERO, RefCell::default());
        let mut subject = Subject { workload, gpu, row, inputs, ready, once, output };
        if !workload.is_resident() {
            subject.once = subject.warm_up()?;
        }
        Ok(subject)
    }

    /// From host to host; of what stays on the device, what is there.
    fn run(&self, inputs: &[Tensor]) -> Result<Tensor> {
        match (&self.ready, &self.workload.work) {
            (Ready::Network(network), _) => network.run(&inputs[0]),
            (_, Work::Operator(op, None)) => self.gpu.run(op.clone(), inputs),
            (Ready::Operator(prepared, _), _) => self.gpu.download(prepared[0].output()),
        }
    }

    /// Runs it until caches and clocks are warm, and says how long one run takes then.
    fn warm_up(&self) -> Result<Duration> {
        let (start, mut runs) = (Instant::now(), 0);
        loop {
            let one = Instant::now();
            self.run(&self.inputs)?;
            runs += 1;
            let warm = runs >= WARM_UP_RUNS && start.elapsed() >= WARM_UP;
            if warm || start.elapsed() >= LONG {
                return Ok(one.elapsed());
            }
        }
    }

    /// A sample from host to host: the mean of as many runs as make it long enough.
    pub fn host_to_host(&self) -> Result<Timing> {
        let times = (LEAST_SAMPLE.as_nanos() / self.once.as_nanos().max(1)).max(1) as u32;
        let start = Instant::now();
        for _ in 1..times {
            self.run(&self.inputs)?;
        }
        let output = self.run(&self.inputs)?;
        let wall = start.elapsed() / times;
        self.output.replace(Some(output));
        Ok(Timing { dispatches: None, span: None, wall })
    }

    /// What the last run gave.
    pub fn output(&self) -> Result<Tensor> {
        self.output.take().map_or_else(|| self.run(&self.inputs), Ok)
    }

    /// A sample on tensors of the device.
    fn on_device(&self) -> Result<Timing> {
        match &self.ready {
            Ready::Operator(prepared, times) => {
                let Timing { dispatches, span, wall } = self.gpu.submit_timed(&prepared[1])?;
                let dispatches = dispatches.map(|all| vec![all.iter().sum::<Duration>() / *times]);
                Ok(Timing { dispatches, span: span.map(|it| it / *times), wall: wall / *times })
            }
            Ready::Network(network) => {
                network.time(self.inputs[0].shape(), &[network.layer().output()])
            }
        }
    }

    /// What is to be sampled: on the device and, but for single calls, from host to host.
    pub fn runs(&self) -> Vec<Run<'_>> {
        let mut runs: Vec<Run<'_>> = vec![Box::new(|| self.on_device())];
        if !self.workload.is_resident() {
            runs.push(Box::new(|| self.host_to_host()));
        }
        runs
    }

    /// The row with its times, and what is left to be checked: the output of a single call, or its first sample. The
    /// other samples of a batch are held against a run of each by itself, which shares neither memory nor grid with
    /// the batch.
    pub fn finish(self, mut samples: Vec<Sampled>) -> Result<(Row, Tensor)> {
        let host = if self.workload.is_resident() { None } else { samples.pop() };
        let Some(mut device) = samples.pop() else { return Ok((self.row.clone(), self.output()?)) };
        let output = self.output()?;
        if let Ready::Operator(prepared, times) = &self.ready {
            device.cpu_ms.iter_mut().for_each(|time| *time /= f64::from(*times));
            if self.workload.is_resident() {
                return Ok(fault::planted(self.row.timed(device), output, prepared[0].candidate()));
            }
        }
        let mut apart = 0f64;
        for index in 1..output.shape().dims().first().copied().unwrap_or(1) {
            let alone = self.run(&self.workload.sample(&self.inputs, index)?)?;
            apart = apart.max(distance(&sample(&output, index)?, &alone) / self.workload.tolerance);
        }
        let (kernels, dispatches, steps) = self.dispatched(&device.runs)?;
        let mut row = self.row.timed(device);
        row.resident_ms = row.wall_ms.take();
        if let Some(host) = host {
            row.samples = host.runs.len();
            row.wall_ms = Stats::of_durations(host.runs.iter().map(|run| run.wall));
            row = row.spread_of(|row| row.wall_ms.as_ref());
        }
        let kernel = match kernels.as_slice() {
            [one] => Some(one.clone()),
            _ => Some(output::count(dispatches, "dispatch")),
        };
        let worst_over_bound = Some(apart);
        Ok((
            Row { kernel, kernels, dispatches, steps, worst_over_bound, ..row },
            sample(&output, 0)?,
        ))
    }

    /// The kernels that run, each once, and the number of dispatches; those of a network with their times where the device
    /// times them.
    fn dispatched(&self, samples: &[Timing]) -> Result<(Vec<String>, usize, Vec<Step>)> {
        let network = match &self.ready {
            Ready::Network(network) => network,
            Ready::Operator(prepared, _) => {
                let kernels = vec![prepared[0].candidate().to_owned()];
                return Ok((kernels, prepared[0].dispatches(), Vec::new()));
            }
        };
        let (x, output) = (self.inputs[0].shape(), network.layer().output());
        let (plan, _) = network.plan(x, &[output])?;
        let shape = |name: &str| {
            let step = plan.steps().iter().find(|step| step.name == name);
            step.map_or_else(Vec::new, |step| plan.shape(step.output).dims().to_vec())
        };
        let dispatches = network.dispatches(x, &[output])?;
        let (mut kernels, mut steps) = (Vec::new(), Vec::new());
        for (index, (step, kernel)) in dispatches.iter().enumerate() {
            if !kernels.iter().any(|known| known == kernel) {
                kernels.push((*kernel).to_owned());
            }
            let times = samples.iter().filter_map(|it| it.dispatches.as_ref()?.get(index).copied());
            let times: Vec<Duration> = times.collect();
            if times.len() == samples.len() {
                let ms = Stats::of_durations(times).map_or(0.0, |times| times.median);
                let (kernel, shape) = ((*kernel).to_owned(), shape(step));
                steps.push(Step { step: step.clone(), kernel, shape, ms });
            }
        }
        Ok((kernels, dispatches.len(), steps))
    }
}

/// How often a call of so many operations and bytes is run in a sample: a short one so often that what a submission costs is
/// little of it. By the work alone, so that it is the same for every build on every machine.
pub fn times((flops, bytes): (u64, u64)) -> u32 {
    let fewer = |least: u64, work: u64| least.div_ceil(work.max(1)).min(MOST_TIMES);
    fewer(LEAST_FLOPS, flops).min(fewer(LEAST_BYTES, bytes)) as u32
}

/// A row without its times.
pub fn row(workload: &Workload) -> Row {
    let (inputs, attributes, kernel, fused) = match &workload.work {
        Work::Operator(op, kernel) => (op.inputs(), op.to_attributes(), kernel.clone(), None),
        Work::Layer(_, fused) => (vec!["x"], Vec::new(), None, Some(*fused)),
    };
    let (flops, bytes) = workload.cost();
    let shapes = inputs.into_iter().zip(&workload.shapes);
    Row {
        op: workload.op(),
        group: workload.group.clone(),
        case: workload.name.clone(),
        kernel,
        batch: workload.shapes[0].dims().first().map(|&batch| batch as u64),
        fused,
        flops,
        bytes,
        shapes: shapes.map(|(name, shape)| (name.to_owned(), shape.dims().to_vec())).collect(),
        attributes: attributes.into_iter().map(|(name, it)| (name.to_owned(), it)).collect(),
        ..Row::default()
    }
}

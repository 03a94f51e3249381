//! The suite `transfer`: what goes to the device and comes back, and what it costs to ask for something.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use involution::gpu::{Choice, Network};
use involution::ops::{Activate, Activation, Operator};
use involution::plan::{Builder, Value};
use involution::{Gpu, Layer, Shape, StateDict, Tensor};

use super::record::Run;
use super::row::Row;
use super::sampling::{self, Effort, Sampled, interrupted};
use super::selection::named;
use super::{Args, random};
use crate::adapter::Runner;
use crate::output;

/// From 4 KiB to 64 MiB.
const SIZES: [usize; 8] =
    [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20];

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 5;
const ENOUGH: Duration = Duration::from_millis(500);

/// Dispatches of the run that is held against a run of one.
const MANY: usize = 257;

const LEGEND: &str = "upload: until the device has it, with a tiny submission that waits for it; download: until the host has it;\n\
                      submission: of a tiny dispatch until the host knows of its end; dispatch: each one more in a\n\
                      submission. GB/s by the medians.";

/// What a row of the suite times.
#[derive(Debug, Clone, Copy)]
pub enum What {
    Upload(usize),
    Download(usize),
    Submission,
    Dispatch,
}

impl What {
    fn name(self) -> String {
        let size = |bytes: usize| match bytes >> 20 {
            0 => format!("{} KiB", bytes >> 10),
            mib => format!("{mib} MiB"),
        };
        match self {
            What::Upload(bytes) => format!("upload {}", size(bytes)),
            What::Download(bytes) => format!("download {}", size(bytes)),
            What::Submission => "submission".to_owned(),
            What::Dispatch => "dispatch".to_owned(),
        }
    }

    fn bytes(self) -> usize {
        match self {
            What::Upload(bytes) | What::Download(bytes) => bytes,
            What::Submission | What::Dispatch => 0,
        }
    }

    /// Its samples, and whether what came of it is right; nothing where it was interrupted.
    fn time(self, gpu: &Gpu, effort: Effort) -> involution::Result<Timed> {
        match self {
            What::Upload(bytes) => upload(gpu, bytes, effort),
            What::Download(bytes) => download(gpu, bytes, effort),
            What::Submission => submission(gpu, effort),
            What::Dispatch => dispatch(gpu, effort),
        }
    }
}

type Timed = Option<(Sampled<Duration>, Result<(), String>)>;

/// The rows that the arguments select.
pub fn select(args: &Args) -> Result<Vec<What>> {
    let copies = [What::Upload, What::Download].into_iter().flat_map(|copy| SIZES.map(copy));
    let all = copies.chain([What::Submission, What::Dispatch]);
    named(all.collect(), args, |what| what.name())
}

/// Times these rows.
pub fn measure(runner: &Runner, gpu: &Gpu, wanted: Vec<What>, args: &Args) -> Result<Run> {
    let start = Instant::now();
    sampling::listen()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let limits = gpu.limits()?;
    let bar = output::progress("timing");
    bar.set_length(wanted.len() as u64);
    let mut rows = Vec::new();
    for what in wanted {
        bar.set_message(what.name());
        let (case, bytes) = (what.name(), what.bytes() as u64);
        let op = case.split(' ').next().unwrap_or_default().to_owned();
        let row = Row { op, case, bytes, ..Row::default() };
        match what.time(gpu, effort) {
            Ok(Some((samples, right))) => rows.push(row.timed_by_host(samples, right)),
            Ok(None) => {}
            Err(error) => rows.push(Row { note: Some(error.to_string()), ..row }),
        }
        if interrupted() {
            break;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let legend = LEGEND.to_owned();
    Ok(Run { legend, ..Run::new(runner, Some(&limits), args, start, rows) })
}

fn values(bytes: usize) -> involution::Result<Tensor> {
    random::tensor(&Shape::from([bytes / size_of::<f32>()]), bytes as u64)
}

fn same(found: &Tensor, want: &Tensor) -> Result<(), String> {
    let bits =
        |tensor: &Tensor| tensor.data().iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    (bits(found) == bits(want))
        .then_some(())
        .ok_or_else(|| "what came back is not what went there".to_owned())
}

fn relu() -> Operator {
    Activate { activation: Activation::Relu }.into()
}

fn upload(gpu: &Gpu, bytes: usize, effort: Effort) -> involution::Result<Timed> {
    let tensor = values(bytes)?;
    let tiny = gpu.upload(&values(4 * size_of::<f32>())?)?;
    let wait = gpu.prepare(&relu(), &[&tiny], &Choice::Preferred)?;
    gpu.submit_timed(&wait)?;
    let mut last = gpu.upload(&tensor)?;
    let samples = effort.sample(|| {
        let start = Instant::now();
        last = gpu.upload(&tensor)?;
        gpu.submit_timed(&wait)?;
        Ok(start.elapsed())
    })?;
    let right = same(&gpu.download(&last)?, &tensor);
    Ok(samples.map(|samples| (samples, right)))
}

fn download(gpu: &Gpu, bytes: usize, effort: Effort) -> involution::Result<Timed> {
    let tensor = values(bytes)?;
    let there = gpu.upload(&tensor)?;
    let mut back = gpu.download(&there)?;
    let samples = effort.sample(|| {
        let start = Instant::now();
        back = gpu.download(&there)?;
        Ok(start.elapsed())
    })?;
    let right = same(&back, &tensor);
    Ok(samples.map(|samples| (samples, right)))
}

fn submission(gpu: &Gpu, effort: Effort) -> involution::Result<Timed> {
    let x = values(4 * size_of::<f32>())?;
    let tiny = gpu.upload(&x)?;
    let prepared = gpu.prepare(&relu(), &[&tiny], &Choice::Preferred)?;
    gpu.submit_timed(&prepared)?;
    let samples = effort.sample(|| Ok(gpu.submit_timed(&prepared)?.wall))?;
    let right = same(&gpu.download(prepared.output())?, &positive(&x)?);
    Ok(samples.map(|samples| (samples, right)))
}

/// What a run of many dispatches takes longer than a run of one, for each.
fn dispatch(gpu: &Gpu, effort: Effort) -> involution::Result<Timed> {
    let x = values(4 * size_of::<f32>())?;
    let load = |count| gpu.load_unfused(Arc::new(Chain { count }), StateDict::new());
    let [one, many] = [load(1)?, load(MANY)?];
    let run = |network: &Network| {
        let start = Instant::now();
        network.run(&x).map(|output| (start.elapsed(), output))
    };
    run(&one)?;
    let mut output = run(&many)?.1;
    let samples = effort.sample(|| {
        let (short, _) = run(&one)?;
        let (long, last) = run(&many)?;
        output = last;
        Ok(long.saturating_sub(short) / (MANY - 1) as u32)
    })?;
    let right = same(&output, &positive(&x)?);
    Ok(samples.map(|samples| (samples, right)))
}

fn positive(x: &Tensor) -> involution::Result<Tensor> {
    involution::reference::run(&relu(), &[x])
}

/// So many dispatches that have next to nothing to do, one after the other.
#[derive(Debug)]
struct Chain {
    count: usize,
}

impl Layer for Chain {
    fn name(&self) -> String {
        "chain".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        vec![("x", Shape::from([4]))]
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> involution::Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let y =
            (0..self.count).try_fold(x, |x, step| plan.apply(&step.to_string(), relu(), &[x]))?;
        Ok(vec![y])
    }
}

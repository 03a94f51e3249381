//! The suite `transfer`: what goes to the device and comes back, and what it costs to ask for something.

use std::time::{Duration, Instant};

use anyhow::Result;
use involution::gpu::{Choice, Prepared, Timing};
use involution::ops::{Activate, Activation, Operator};
use involution::{Gpu, Shape, Tensor, reference};

use crate::adapter::Open;
use crate::output;
use crate::request::Request;
use crate::row::Row;
use crate::run::Run;
use crate::sampling::{Effort, Sampled, in_turns};
use crate::stats::milliseconds;
use crate::workload::uniform;

/// From 4 KiB to 64 MiB.
const SIZES: [usize; 8] =
    [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20];

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 5;
const ENOUGH: Duration = Duration::from_millis(500);

/// Dispatches of the submission that is held against one of a single dispatch.
const MANY: usize = 257;

const LEGEND: &str = "upload: until the device has it, with a tiny submission that waits for it; download: until the host has it;\n\
                      submission: of a tiny dispatch until the host knows of its end; dispatch: each one more in a\n\
                      submission. GB/s by the medians.";

/// What a row of the suite times, with the bytes that are copied.
#[derive(Debug, Clone, Copy)]
enum What {
    Upload(usize),
    Download(usize),
    Submission,
    Dispatch,
}

impl What {
    fn bytes(self) -> usize {
        match self {
            What::Upload(bytes) | What::Download(bytes) => bytes,
            What::Submission | What::Dispatch => 0,
        }
    }

    /// The kind in words, and the name of the row.
    fn name(self) -> (String, String) {
        let kind = format!("{self:?}").to_lowercase();
        let kind = kind.split('(').next().unwrap_or_default().to_owned();
        let case = match (self.bytes() >> 10, self.bytes() >> 20) {
            (0, _) => kind.clone(),
            (kib, 0) => format!("{kind} {kib} KiB"),
            (_, mib) => format!("{kind} {mib} MiB"),
        };
        (kind, case)
    }
}

/// Times the rows that the arguments select.
pub fn measure(open: Open<'_>, args: &Request) -> Result<Run> {
    let copies = [What::Upload, What::Download].into_iter().flat_map(|copy| SIZES.map(copy));
    let all = copies.chain([What::Submission, What::Dispatch]).collect();
    let wanted = args.selected(all, |what: &What| what.name().1)?;
    let runner = open()?;
    let gpu = runner.device()?;
    let effort = Effort::new(args, LEAST_SAMPLES, ENOUGH);
    let limits = gpu.limits()?;
    let bar = output::progress("timing");
    bar.set_length(wanted.len() as u64);
    let mut rows = Vec::new();
    for what in wanted {
        let ((op, case), bytes) = (what.name(), what.bytes() as u64);
        bar.set_message(case.clone());
        let row = Row { op, kernel: Some("-".to_owned()), case, bytes, ..Row::default() };
        match time(what, gpu, effort) {
            Ok((samples, _)) if samples.runs.is_empty() => break,
            Ok((Sampled { runs, cpu_ms }, right)) => {
                let times = runs.iter().map(|run| milliseconds(run.wall)).collect();
                rows.push(row.timed_by_host(times, cpu_ms, right));
            }
            Err(error) => rows.push(Row { note: Some(error.to_string()), ..row }),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(Run { legend: LEGEND.to_owned(), ..Run::new(&runner, Some(&limits), args, rows) })
}

/// The samples, and whether what came of the last one is right.
fn time(
    what: What,
    gpu: &Gpu,
    effort: Effort,
) -> involution::Result<(Sampled, Result<(), String>)> {
    let relu: Operator = Activate { activation: Activation::Relu }.into();
    let small = values(4 * size_of::<f32>())?;
    let positive = reference::run(&relu, &[&small])?;
    let tiny = gpu.upload(&small)?;
    let prepared = gpu.prepare(&relu, &[&tiny], &Choice::Preferred)?;
    gpu.submit_timed(&prepared)?;
    let more = (1..MANY).map(|_| gpu.prepare(&relu, &[&tiny], &Choice::Preferred));
    let many = prepared.then(&more.collect::<Result<Vec<_>, _>>()?);
    let tensor = values(what.bytes())?;
    let there = gpu.upload(&tensor)?;
    let downloaded = |work: &Prepared| {
        let start = Instant::now();
        gpu.submit(work)?;
        gpu.download(work.output()).map(|output| (start.elapsed(), output))
    };
    downloaded(&many)?;
    // How long it takes, and what comes of it.
    let run = || -> involution::Result<(Duration, Tensor)> {
        let start = Instant::now();
        match what {
            What::Upload(_) => {
                let uploaded = gpu.upload(&tensor)?;
                gpu.submit_timed(&prepared)?;
                Ok((start.elapsed(), gpu.download(&uploaded)?))
            }
            What::Download(_) => gpu.download(&there).map(|it| (start.elapsed(), it)),
            What::Submission => {
                Ok((gpu.submit_timed(&prepared)?.wall, gpu.download(prepared.output())?))
            }
            What::Dispatch => {
                // What many dispatches take longer than one, for each.
                let ((short, _), (long, output)) = (downloaded(&prepared)?, downloaded(&many)?);
                Ok((long.saturating_sub(short) / (MANY - 1) as u32, output))
            }
        }
    };
    let mut last = None;
    let sample = || {
        let (wall, given) = run()?;
        last = Some(given);
        Ok(Timing { dispatches: None, span: None, wall })
    };
    let samples = in_turns(&mut [Box::new(sample)], effort).swap_remove(0)?;
    let want = if what.bytes() > 0 { &tensor } else { &positive };
    let bits = |tensor: &Tensor| tensor.data().iter().map(|it| it.to_bits()).collect::<Vec<_>>();
    let right = last.is_some_and(|last| bits(&last) == bits(want));
    let wrong = || "what came back is not what went there".to_owned();
    Ok((samples, right.then_some(()).ok_or_else(wrong)))
}

fn values(bytes: usize) -> involution::Result<Tensor> {
    let shape = Shape::from([(bytes / size_of::<f32>()).max(1)]);
    uniform(&shape, [-1.0, 1.0], &mut fastrand::Rng::with_seed(bytes as u64))
}

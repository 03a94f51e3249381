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
use crate::stats::{Stats, milliseconds};
use crate::workload::uniform;

/// From 4 KiB to 64 MiB.
const SIZES: [usize; 8] =
    [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20, 16 << 20, 64 << 20];

/// Dispatches of the submission that is held against one of a single dispatch.
const MANY: usize = 257;

const LEGEND: &str = "upload: until the device has it, with a tiny submission that waits for it; download: until the host has it;\n\
                      submission: of a tiny dispatch until the host knows of its end; dispatch: each one more in a\n\
                      submission. GB/s by the medians.";

/// What a row of the suite times, and the bytes that are copied.
type What = (&'static str, usize);

fn name(&(what, bytes): &What) -> String {
    match (bytes >> 10, bytes >> 20) {
        (0, _) => what.to_owned(),
        (kib, 0) => format!("{what} {kib} KiB"),
        (_, mib) => format!("{what} {mib} MiB"),
    }
}

/// Times the rows that the arguments select.
pub fn measure(open: Open<'_>, args: &Request) -> Result<Run> {
    let copies = ["upload", "download"].into_iter().flat_map(|it| SIZES.map(|bytes| (it, bytes)));
    let all = copies.chain([("submission", 0), ("dispatch", 0)]).collect();
    let wanted = args.selected(all, name)?;
    let runner = open()?;
    let gpu = runner.device()?;
    let effort = Effort::new(args, 5, Duration::from_millis(500));
    let limits = gpu.limits()?;
    let bar = output::progress("timing", wanted.len());
    let mut rows = Vec::new();
    for what in wanted {
        let (op, case, bytes) = (what.0.to_owned(), name(&what), what.1 as u64);
        bar.set_message(case.clone());
        let row = Row { op, kernel: Some("-".to_owned()), case, bytes, ..Row::default() };
        match time(what, gpu, effort) {
            Ok((samples, _)) if samples.runs.is_empty() => break,
            Ok((Sampled { runs, cpu_ms, .. }, right)) => {
                let times = runs.iter().map(|run| milliseconds(run.wall)).collect();
                let cpu_ms = Stats::of(cpu_ms).filter(|_| right.is_ok());
                rows.push(Row { cpu_ms, ..row.timed_by_host(times, right) });
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
    (what, bytes): What,
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
    let tensor = values(bytes)?;
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
            "upload" => {
                let uploaded = gpu.upload(&tensor)?;
                gpu.submit_timed(&prepared)?;
                Ok((start.elapsed(), gpu.download(&uploaded)?))
            }
            "download" => gpu.download(&there).map(|it| (start.elapsed(), it)),
            "submission" => {
                Ok((gpu.submit_timed(&prepared)?.wall, gpu.download(prepared.output())?))
            }
            _ => {
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
    let want = if bytes > 0 { &tensor } else { &positive };
    let bits = |tensor: &Tensor| tensor.data().iter().map(|it| it.to_bits()).collect::<Vec<_>>();
    let right = last.is_some_and(|last| bits(&last) == bits(want));
    let wrong = || "what came back is not what went there".to_owned();
    Ok((samples, right.then_some(()).ok_or_else(wrong)))
}

fn values(bytes: usize) -> involution::Result<Tensor> {
    let shape = Shape::from([(bytes / size_of::<f32>()).max(1)]);
    uniform(&shape, [-1.0, 1.0], &mut fastrand::Rng::with_seed(bytes as u64))
}

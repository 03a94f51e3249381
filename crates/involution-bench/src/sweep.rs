//! The command `sweep`: what an operator or a network costs against the size of its input, from one image to a large
//! batch and from small images to large ones.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use involution::models::{self, MODELS, Model};
use involution::ops::{NAMES, Op};
use involution::{Error, Gpu, Shape};
use involution_check::usual;

use crate::adapter::Open;
use crate::output::mib;
use crate::request::{Forms, Request, Suite, positive};
use crate::row::Row;
use crate::rows::{self, is_too_large};
use crate::run::Run;
use crate::sampling::Effort;
use crate::workload::{NETWORK, Work, Workload};
use crate::{bad_use, subject};

/// The height and width that others are compared with.
const USUAL_SIZE: usize = 56;

/// Samples that will do after so much time.
const LEAST_SAMPLES: usize = 1;
const ENOUGH: Duration = Duration::from_secs(6);

const BATCHES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const SIZES: [usize; 10] = [128, 160, 192, 256, 320, 384, 512, 640, 768, 1024];

const EXAMPLES: &str = "\
Examples:
  involution bench sweep rednet50              batches to 64, sizes to 1024
  involution bench sweep mobilenet_v2 --var batch=1..8
                                               1, 2, 4 and 8 images
  involution bench sweep involution --var size=56..512 --html growth.html
  involution bench sweep conv2d --var batch=1,3,5 --json -

Every row is checked, and what there is no room for is left out with the reason.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// An operator or a network
    what: String,
    /// What varies: batch or size, as 1..64 (doubled at each step) or 1,3,5 [default: both]
    #[arg(long = "var", value_name = "NAME=VALUES", value_parser = parse)]
    variables: Vec<Variable>,
    /// Samples of each row [default: 15, fewer where they take too long]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: Option<u32>,
    #[command(flatten)]
    pub forms: Forms,
}

/// What varies, `batch` or `size`, and its values.
type Variable = (&'static str, Vec<usize>);

impl Args {
    /// What the suite is asked for.
    pub fn request(&self) -> Request {
        Request { suite: Suite::Sweep, repeat: self.repeat, ..Request::default() }
    }
}

/// A variable as it is written: `batch=1..64` or `size=56,224`.
fn parse(text: &str) -> Result<Variable, String> {
    match text.split_once('=') {
        Some(("batch", values)) => Ok(("batch", parse_values(values)?)),
        Some(("size", values)) => Ok(("size", parse_values(values)?)),
        _ => Err("must be batch=1..64 or size=56..512".to_owned()),
    }
}

/// Numbers one by one, or doubled from the first to the last, which is always among them.
fn parse_values(text: &str) -> Result<Vec<usize>, String> {
    let Some((first, last)) = text.split_once("..") else {
        return text.split(',').map(positive).collect();
    };
    let (first, last) = (positive(first)?, positive(last)?);
    if first > last {
        return Err(format!("the range runs backwards: write {last}..{first}"));
    }
    let doubled = std::iter::successors(Some(first), |value| value.checked_mul(2));
    Ok(doubled.take_while(|&value| value < last).chain([last]).collect())
}

/// The rows: one image of the usual size, against which all is measured; batches of it; other sizes.
fn select(what: &str, variables: &[Variable]) -> Result<Vec<Workload>> {
    let model: Option<Arc<dyn Model>> = match models::by_name(what, None) {
        _ if NAMES.contains(&what) => None,
        Ok(model) => Some(model.any_size().into()),
        Err(_) => {
            let (operators, networks) = (NAMES.join(", "), MODELS.join(", "));
            return Err(bad_use(format!(
                "'{what}' is neither an operator nor a network; there are:\n  {operators}\n  {networks}"
            )));
        }
    };
    let x = model.as_ref().map(|model| model.preprocessing().input(1));
    let usual_size = x.as_ref().map_or(USUAL_SIZE, |x| x.dims()[2]);
    let values = |name, usual: &[usize]| {
        let given = variables.iter().filter(|(given, _)| *given == name);
        let mut values = match variables.is_empty() {
            true => usual.to_vec(),
            false => given.flat_map(|(_, values)| values.iter().copied()).collect(),
        };
        values.sort_unstable();
        values
    };
    let batches = [vec![1], values("batch", &BATCHES)].concat();
    let sizes = values("size", &SIZES).into_iter().filter(|&size| size != usual_size);
    let points = batches.into_iter().map(|batch| (batch, usual_size));
    let mut points: Vec<(usize, usize)> = points.chain(sizes.map(|size| (1, size))).collect();
    points.dedup();
    let row = |(batch, size)| {
        let base = format!("{what}/{size}");
        let name = format!("{base}_b{batch}");
        match (&model, &x) {
            (Some(model), Some(x)) => {
                let shapes = vec![Shape::from([batch, x.dims()[1], size, size])];
                let row = Workload::new(name, what, Work::Layer(model.clone(), true), shapes);
                Ok(Workload { base, large: size > usual_size, tolerance: NETWORK, ..row })
            }
            _ => {
                let missing = || bad_use(format!("'{what}' has no usual call"));
                let (op, shapes) = usual(what, batch, size).ok_or_else(missing)?;
                Ok(Workload::new(name, what, Work::Operator(op, None), shapes))
            }
        }
    };
    points.into_iter().map(row).collect()
}

/// Times the rows that there is room for.
pub fn measure(open: Open<'_>, args: &Args) -> Result<Run> {
    let workloads = select(&args.what, &args.variables)?;
    let (runner, request) = (open()?, args.request());
    let gpu = runner.device()?;
    let (mut points, mut fitting) = (Vec::new(), Vec::new());
    for workload in workloads {
        let point = unmeasured(gpu, &workload)?;
        if point.refused.is_none() {
            fitting.push(workload);
        }
        points.push(point);
    }
    let effort = Effort::new(&request, LEAST_SAMPLES, ENOUGH);
    let run = rows::run(&runner, gpu, &fitting, &request, effort)?;
    let mut rows = run.rows.into_iter();
    let measured = points.into_iter().filter_map(|point| match point.refused {
        Some(_) => Some(point),
        // What Ctrl-C left out is missing at the end.
        None => rows.next().map(|row| per_pixel(Row { memory: point.memory, ..row })),
    });
    let mut rows: Vec<Row> = measured.collect();
    let first = rows.first().and_then(|row| row.ns_per_pixel);
    for row in &mut rows {
        row.ratio = row.ns_per_pixel.zip(first).map(|(each, first)| each / first);
    }
    Ok(Run { rows, ..run })
}

/// A row before it is run, with the reason where there is no room for it.
fn unmeasured(gpu: &Gpu, workload: &Workload) -> Result<Row> {
    let row = per_pixel(subject::row(workload));
    match needed(gpu, workload) {
        Ok(needed) => {
            let refused = refusal(gpu, workload, needed);
            Ok(Row { memory: Some(needed), refused, ..row })
        }
        Err(error) if is_too_large(&error) => Ok(Row { refused: Some(error.to_string()), ..row }),
        Err(error) => Err(error.into()),
    }
}

/// The row with its size and the time of a pixel.
fn per_pixel(mut row: Row) -> Row {
    let size = row.shapes.get("x").and_then(|dims| dims.last()).copied().unwrap_or_default();
    let pixels = row.batch.unwrap_or(1) as f64 * (size * size) as f64;
    row.ns_per_pixel = row.wall_ms.as_ref().map(|wall| wall.median * 1e6 / pixels);
    Row { size: Some(size as u64), ..row }
}

/// Bytes on the device of a row: of an operator its tensors, of a network by its plan values in their slots, weights and scratch.
fn needed(gpu: &Gpu, workload: &Workload) -> involution::Result<u64> {
    match &workload.work {
        Work::Operator(op, _) => {
            let shapes: Vec<&Shape> = workload.shapes.iter().collect();
            Ok(op.cost(&shapes).map_err(Error::at(op.name()))?.bytes)
        }
        Work::Layer(layer, _) => {
            let plan = layer.plan(&workload.shapes[0])?.keep(&[layer.output()])?.fuse();
            Ok(gpu.lower(&plan)?.memory.peak())
        }
    }
}

/// Why there is no room for a row that needs so many bytes on the device, where that can be known: a software
/// adapter has the memory of the machine, and other devices refuse by themselves what is too large for them, but
/// the input has to be made first.
fn refusal(gpu: &Gpu, workload: &Workload, on_device: u64) -> Option<String> {
    let elements = |shape: &Shape| shape.elements().map_or(u64::MAX, |count| count as u64);
    let on_host = workload.shapes.iter().map(elements).fold(0u64, u64::saturating_add);
    let on_host = on_host.saturating_mul(size_of::<f32>() as u64);
    let needed = if gpu.adapter().software { on_host.saturating_add(on_device) } else { on_host };
    let free = free()?;
    // A tenth stays free.
    (needed > free / 10 * 9)
        .then(|| format!("needs {:.0} MiB of memory, {:.0} MiB are free", mib(needed), mib(free)))
}

/// Bytes that programs could still have, where the system says so.
fn free() -> Option<u64> {
    available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(what: &str, variables: &[&str]) -> Result<Vec<String>> {
        let variables: Vec<_> = variables.iter().filter_map(|text| parse(text).ok()).collect();
        Ok(select(what, &variables)?.into_iter().map(|workload| workload.name).collect())
    }

    #[test]
    fn batches_and_sizes_meet_in_one_image_of_the_usual_size() -> Result<()> {
        assert_eq!(
            names("rednet26", &["batch=4,2,4", "size=256,224,96"])?,
            [
                "rednet26/224_b1",
                "rednet26/224_b2",
                "rednet26/224_b4",
                "rednet26/96_b1",
                "rednet26/256_b1"
            ]
        );
        let all = names("rednet50", &[])?;
        assert_eq!(all.len(), BATCHES.len() + SIZES.len());
        assert_eq!(all.first().map(String::as_str), Some("rednet50/224_b1"));
        // What is not named does not vary.
        assert_eq!(
            names("involution", &["size=56..112"])?,
            ["involution/56_b1", "involution/112_b1"]
        );
        assert!(names("rednet", &[]).is_err());
        Ok(())
    }

    #[test]
    fn what_is_larger_than_usual_is_not_left_to_the_reference() -> Result<()> {
        let rows = select("rednet26", &[("size", vec![96, 256])])?;
        assert_eq!(rows.iter().map(|row| row.large).collect::<Vec<_>>(), [false, false, true]);
        Ok(())
    }

    #[test]
    fn every_operator_can_be_swept() -> Result<()> {
        use involution::ops::Op;
        for name in NAMES {
            for (batch, size) in [(1, 56), (3, 14)] {
                let (op, shapes) = usual(name, batch, size).ok_or_else(|| bad_use(*name))?;
                assert_eq!(op.name(), *name);
                let output = op.output_shape(&shapes.iter().collect::<Vec<_>>());
                assert!(output.is_ok_and(|shape| shape.dims()[0] == batch), "{name}");
            }
        }
        Ok(())
    }

    #[test]
    fn values_are_a_list_or_are_doubled_up_to_the_last() {
        let values = |text: &str| parse(text).map(|variable| variable.1);
        assert_eq!(values("batch=1..8"), Ok(vec![1, 2, 4, 8]));
        assert_eq!(values("size=56..512"), Ok(vec![56, 112, 224, 448, 512]));
        assert_eq!(values("size=7..7"), Ok(vec![7]));
        assert_eq!(values("batch=3,1"), Ok(vec![3, 1]));
        for wrong in
            ["batch", "batch=", "batch=0", "batch=0..4", "batch=8..1", "depth=1..2", "size=a"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn free_memory_is_read_in_bytes() {
        let meminfo = "MemTotal:       24681512 kB\nMemAvailable:   24035020 kB\nBuffers: 1 kB\n";
        assert_eq!(available(meminfo), Some(24_035_020 * 1024));
        assert_eq!(available("MemTotal: 1 kB"), None);
    }
}

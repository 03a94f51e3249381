//! The suite `sweep`: what a network costs against the size of its input, from one image to a large batch and from
//! small images to large ones.

mod memory;
mod report;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use involution::models::{self, Model};
use involution::{Gpu, Shape};

use super::agreement::NETWORK;
use super::findings::Header;
use super::peers::Field;
use super::row::{Row, is_too_large};
use super::sampling::{self, Effort};
use super::workload::{Trusted, Work, Workload};
use super::{Args, filtered, rows};
use crate::adapter::Runner;
use crate::bad_use;
use report::{Point, Report};

/// Samples that will do after so much time; a single one where there are many more pixels than in the base.
const LEAST_SAMPLES: usize = 3;
const ENOUGH: Duration = Duration::from_secs(6);
const MANY: usize = 8;

const BATCHES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];
const SIZES: [usize; 10] = [128, 160, 192, 256, 320, 384, 512, 640, 768, 1024];

/// What the suite takes beside the others.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Network of the suite `sweep` [default: rednet50]
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Batches of it, at its usual size of image [default: 1,2,4,8,16,32,64]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    batches: Vec<usize>,
    /// Heights and widths of it, one image each [default: 128 to 1024]
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    sizes: Vec<usize>,
}

impl Options {
    /// Whether any of them was given.
    pub fn any(&self) -> bool {
        self.model.is_some() || !self.batches.is_empty() || !self.sizes.is_empty()
    }
}

/// The rows: one image of the usual size, against which all is measured; batches of it; other sizes.
pub fn select(options: &Options, filter: &[String]) -> Result<Vec<Workload>> {
    let name = options.model.as_deref().unwrap_or("rednet50");
    let model: Arc<dyn Model> = models::by_name(name, None)?.any_size().into();
    let or = |given: &[usize], usual: &[usize]| match given {
        [] => usual.to_vec(),
        given => given.to_vec(),
    };
    let usual = model.example_input().dims()[2];
    let mut batches = or(&options.batches, &BATCHES);
    let mut sizes = or(&options.sizes, &SIZES);
    if batches.contains(&0) || sizes.contains(&0) {
        return Err(bad_use("--batches and --sizes must be above 0"));
    }
    batches.push(1);
    let points = in_order(&mut batches).map(|batch| (batch, usual)).collect::<Vec<_>>();
    let others = in_order(&mut sizes).filter(|&size| size != usual).map(|size| (1, size));
    let workloads = points.into_iter().chain(others.collect::<Vec<_>>());
    let workloads = workloads.map(|(batch, size)| workload(name, &model, batch, size, usual));
    filtered(workloads.collect(), filter, |workload| &workload.name)
}

/// Each number once, the least first.
fn in_order(numbers: &mut Vec<usize>) -> impl Iterator<Item = usize> {
    numbers.sort_unstable();
    numbers.dedup();
    numbers.drain(..)
}

fn workload(
    name: &str,
    model: &Arc<dyn Model>,
    batch: usize,
    size: usize,
    usual: usize,
) -> Workload {
    let base = format!("{name}/{size}");
    Workload {
        name: format!("{base}_b{batch}"),
        base,
        work: Work::Layer(model.clone()),
        shapes: vec![Shape::from([batch, model.example_input().dims()[1], size, size])],
        // The reference would take minutes for the largest.
        trusted: if size > usual { Trusted::GeneralKernels } else { Trusted::Reference },
        tolerance: NETWORK,
    }
}

/// Times the rows that there is room for.
pub fn measure(
    runner: &Runner,
    gpu: &Gpu,
    workloads: Vec<Workload>,
    args: &Args,
) -> Result<Report> {
    let start = Instant::now();
    sampling::listen()?;
    let mut points = Vec::new();
    let mut fitting = Vec::new();
    for workload in workloads {
        let point = unmeasured(gpu, &workload)?;
        if point.refused.is_none() {
            fitting.push(workload);
        }
        points.push(point);
    }
    let usual = fitting.first().map_or(1, |workload| pixels(workload).max(1));
    let many = |workload: &Workload| pixels(workload) > MANY * usual;
    let limits = gpu.limits()?;
    let rows = rows::measure(
        gpu,
        &fitting,
        |workload| Effort::new(args, if many(workload) { 1 } else { LEAST_SAMPLES }, ENOUGH),
        &mut Field::default(),
    );
    let mut rows = rows.into_iter().map(|row| row.above(&limits));
    let measured = points.into_iter().filter_map(|point| match point.refused {
        Some(_) => Some(point),
        // What Ctrl-C left out is missing at the end.
        None => rows.next().map(|row| Point::new(row, point.memory)),
    });
    let points = report::against_first(measured.collect());
    Ok(Report { header: Header::new(runner, Some(&limits), args, start), rows: points })
}

/// A row before it is run, with the reason where there is no room for it.
fn unmeasured(gpu: &Gpu, workload: &Workload) -> Result<Point> {
    let point = |memory, refused| Point { refused, ..Point::new(Row::new(workload), memory) };
    match memory::needed(workload) {
        Ok(needed) => Ok(point(Some(needed), memory::refusal(gpu, workload, needed))),
        Err(error) if is_too_large(&error) => Ok(point(None, Some(error.to_string()))),
        Err(error) => Err(error.into()),
    }
}

fn pixels(workload: &Workload) -> usize {
    let dims = workload.shapes[0].dims();
    dims[0] * dims[2..].iter().product::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_and_sizes_meet_in_one_image_of_the_usual_size() -> Result<()> {
        let options = |batches: &[usize], sizes: &[usize]| Options {
            model: Some("rednet26".to_owned()),
            batches: batches.to_vec(),
            sizes: sizes.to_vec(),
        };
        let names = |options: &Options| -> Result<Vec<String>> {
            Ok(select(options, &[])?.into_iter().map(|workload| workload.name).collect())
        };
        assert_eq!(
            names(&options(&[4, 2, 4], &[256, 224, 96]))?,
            [
                "rednet26/224_b1",
                "rednet26/224_b2",
                "rednet26/224_b4",
                "rednet26/96_b1",
                "rednet26/256_b1"
            ]
        );
        let all = names(&Options::default())?;
        assert_eq!(all.len(), BATCHES.len() + SIZES.len());
        assert_eq!(all.first().map(String::as_str), Some("rednet50/224_b1"));
        let trusted = |size: usize| {
            let workloads = select(&options(&[1], &[size]), &[])?;
            Ok::<_, anyhow::Error>(workloads.last().map(|workload| workload.trusted))
        };
        assert_eq!(trusted(96)?, Some(Trusted::Reference));
        assert_eq!(trusted(256)?, Some(Trusted::GeneralKernels));
        assert!(select(&options(&[0], &[]), &[]).is_err());
        Ok(())
    }
}

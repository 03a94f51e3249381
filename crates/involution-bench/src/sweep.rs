//! The command `sweep`: what an operator or a network costs against the size of its input, from one image to a large
//! batch and from small images to large ones.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use involution::Shape;
use involution::models::{self, MODELS, Model};
use involution::ops::NAMES;
use involution_check::usual;

use crate::adapter::Open;
use crate::request::{Forms, Request, Suite, positive};
use crate::run::Run;
use crate::sampling::Effort;
use crate::workload::{NETWORK, Work, Workload};
use crate::{bad_use, rows};

/// The height and width that others are compared with.
const USUAL_SIZE: usize = 56;

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
    let effort = Effort::new(&request, 1, Duration::from_secs(6));
    let mut run = rows::run(&runner, runner.device()?, &workloads, &request, effort)?;
    let mut first = None;
    for row in &mut run.rows {
        let size = row.shapes.get("x").and_then(|dims| dims.last()).copied().unwrap_or_default();
        let pixels = row.batch.unwrap_or(1) as f64 * (size * size) as f64;
        row.size = Some(size as u64);
        row.ns_per_pixel = row.wall_ms.as_ref().map(|wall| wall.median * 1e6 / pixels);
        first = first.or(row.ns_per_pixel);
        row.ratio = row.ns_per_pixel.zip(first).map(|(each, first)| each / first);
    }
    Ok(run)
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
}

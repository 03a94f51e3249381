//! `involution compare detectors`: a detector of involutions beside its like of convolutions, stage by stage.
//!
//! Both have random weights, 1000 boxes and 100 masks. Before anything is timed, each stage is held against the reference on a
//! small image.

use std::time::Instant;

use anyhow::{Context, Result};
use involution::gpu::{GpuTensor, Network};
use involution::models::Model;
use involution::models::detect::boxes::level_of;
use involution::models::detect::{Detecting, Detector};
use involution::plan::Loaded;
use involution::{Gpu, Plan, Shape, StateDict, Tensor, reference};
use serde_json::{Value, json};

use crate::adapter::Flags;
use crate::request::positive;
use crate::stats::{median, milliseconds};
use crate::workload::{self, NETWORK, distance, uniform};
use crate::{Outcome, bad_use, output};

const EXAMPLES: &str = "\
Examples:
  involution compare detectors
  involution compare detectors --size 480x640 --runs 9";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Height and width of the image, multiples of 32
    #[arg(long, value_name = "HxW", default_value = "800x1344")]
    size: String,
    /// How often each stage is timed
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = positive)]
    runs: usize,
}

/// The network of convolutions, and that of involutions.
const COMPARED: [&str; 2] = ["mask_rcnn_red50_fpn", "mask_rcnn_red50_neck_fpn_head"];

/// The small image on which they are checked, and the boxes of it.
const SMALL: [usize; 2] = [64, 96];
const FEW: usize = 3;

/// Boxes and masks that are timed.
const BOXES: [usize; 2] = [1000, 100];

/// One stage of one network.
struct Stage {
    name: String,
    macs: u64,
    /// Median of the times from tensors on the device to the results on the host.
    ms: f64,
    /// The distance from the reference on the small image, in parts of the largest value.
    error: f64,
}

pub fn run(flags: &Flags, args: &Args, as_json: bool) -> Result<Outcome> {
    let size = size(&args.size)?;
    let runner = flags.open()?;
    let gpu = runner.device()?;
    if !as_json {
        output::print(&format!("{runner}\n"))?;
    }
    let bar = output::progress("stages", 2 * 3);
    let mut compared: Vec<(&str, Vec<Stage>)> = Vec::new();
    for name in COMPARED {
        let detector = Detector::named(name).context("the networks are known")?;
        let stages = stages(gpu, &detector, size, args.runs, &bar)?;
        compared.push((name, stages));
    }
    bar.finish_and_clear();
    let right = |stage: &Stage| stage.error <= NETWORK;
    let passed = compared.iter().flat_map(|(_, stages)| stages).all(right);
    let report = json!({
        "adapter": runner.name(),
        "image": size,
        "boxes": BOXES[0],
        "masks": BOXES[1],
        "networks": compared.iter().map(|(name, stages)| json!({
            "network": name,
            "stages": stages.iter().map(Stage::json).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "macs_ratio": ratio(&compared, |stage| stage.macs as f64),
        "ms_ratio": ratio(&compared, |stage| stage.ms),
    });
    output::result(as_json, &report, || text(&compared, size, passed))?;
    Ok(Outcome::of(passed))
}

impl Stage {
    fn json(&self) -> Value {
        json!({
            "stage": self.name,
            "macs": self.macs,
            "median_ms": self.ms,
            "error": self.error,
            "checked": self.error <= NETWORK,
        })
    }
}

fn size(text: &str) -> Result<[usize; 2]> {
    let wrong =
        || bad_use(format!("--size must be multiples of 32 such as 800x1344, it is {text}"));
    let (height, width) = text.split_once('x').ok_or_else(wrong)?;
    let size = [height, width].map(|side| side.parse().unwrap_or(0));
    let fits = size.iter().all(|&side: &usize| side > 0 && side.is_multiple_of(32));
    fits.then_some(size).ok_or_else(wrong)
}

/// What the second network takes of the first.
fn ratio(compared: &[(&str, Vec<Stage>)], of: impl Fn(&Stage) -> f64) -> f64 {
    let sum = |at: usize| compared.get(at).map_or(0.0, |(_, stages)| stages.iter().map(&of).sum());
    sum(1) / sum(0)
}

/// The stages of a network, checked and timed.
fn stages(
    gpu: &Gpu,
    detector: &Detector,
    size: [usize; 2],
    runs: usize,
    bar: &indicatif::ProgressBar,
) -> Result<Vec<Stage>> {
    let shape = |[height, width]: [usize; 2]| Shape::from([1, 3, height, width]);
    let plans = detector.plans(&shape(SMALL))?;
    let mut rng = fastrand::Rng::with_seed(9);
    let mut weights: Vec<(String, Tensor)> = Vec::new();
    for plan in &plans {
        weights.extend(workload::drawn(plan, &mut rng)?);
    }
    let run = |op: &involution::Operator, inputs: &[&Tensor]| gpu.run(op.clone(), inputs);
    weights.extend(workload::weights(detector, &shape(SMALL), 1, run)?);
    // Of two with one name the last stays: the maps have their statistics.
    let weights: StateDict = weights.into_iter().collect();
    let on_device: Detecting<Network> =
        detector.load(weights.clone(), |layer, weights| gpu.load_shared(layer, weights))?;
    let by_reference = detector.load(weights, reference::Network::new)?;
    let mut timed = Vec::new();
    let mut maps: Vec<GpuTensor> = Vec::new();
    let mut small: Vec<Tensor> = Vec::new();
    let names: Vec<Vec<&str>> = on_device.stages().iter().map(|it| it.layer().outputs()).collect();
    let full = detector.plans(&shape(size))?;
    for (index, (stage, want)) in on_device.stages().iter().zip(by_reference.stages()).enumerate() {
        bar.set_message(stage.layer().name());
        let mut outputs = names[index].clone();
        if index == 0 {
            outputs.extend(["p2", "p3", "p4", "p5"]);
        }
        let few = match index {
            0 => vec![uniform(&shape(SMALL), [-1.0, 1.0], &mut rng)?],
            _ => [small.clone(), rois(FEW, SMALL, &mut rng)?].concat(),
        };
        let expected = want.run_placed(&few.iter().collect::<Vec<_>>(), &outputs)?;
        let found = run_on(stage, &place(stage, &few)?, &outputs)?;
        let found =
            found.iter().map(|it| stage.fetch(it)).collect::<involution::Result<Vec<_>>>()?;
        let apart = found.iter().zip(&expected).map(|(found, want)| distance(found, want));
        let error = apart.fold(0.0, f64::max);
        let inputs = match index {
            0 => vec![stage.place(&uniform(&shape(size), [-1.0, 1.0], &mut rng)?)?],
            _ => {
                let rois = place(stage, &rois(BOXES[index - 1], size, &mut rng)?)?;
                [maps.clone(), rois].concat()
            }
        };
        // Once to compile, and for the maps.
        let results = run_on(stage, &inputs, &outputs)?;
        if index == 0 {
            small = expected[names[0].len()..].to_vec();
            maps = results[names[0].len()..].to_vec();
        }
        let mut times = Vec::new();
        for _ in 0..runs {
            let start = Instant::now();
            let results = run_on(stage, &inputs, &names[index])?;
            for result in &results {
                stage.fetch(result)?;
            }
            times.push(milliseconds(start.elapsed()));
        }
        let macs = full.get(index).map_or(Ok(0), Plan::macs)?;
        let name = ["maps and proposals", "boxes", "masks"][index.min(2)].to_owned();
        timed.push(Stage { name, macs, ms: median(times), error });
        bar.inc(1);
    }
    Ok(timed)
}

fn place(stage: &Network, tensors: &[Tensor]) -> involution::Result<Vec<GpuTensor>> {
    tensors.iter().map(|tensor| stage.place(tensor)).collect()
}

fn run_on(stage: &Network, inputs: &[GpuTensor], names: &[&str]) -> Result<Vec<GpuTensor>> {
    Ok(stage.run_placed(&inputs.iter().collect::<Vec<_>>(), names)?)
}

/// Boxes of an image, from 16 pixels to all of it, by the maps that they are read from.
fn rois(count: usize, [height, width]: [usize; 2], rng: &mut fastrand::Rng) -> Result<Vec<Tensor>> {
    let side = |most: usize, rng: &mut fastrand::Rng| {
        let most = most as f32;
        let side = 16.0 * (most / 16.0).powf(rng.f32());
        let from = rng.f32() * (most - side);
        [from, from + side]
    };
    let boxes: Vec<[f32; 4]> = (0..count)
        .map(|_| {
            let ([x1, x2], [y1, y2]) = (side(width, rng), side(height, rng));
            [x1, y1, x2, y2]
        })
        .collect();
    let rois = (0..4).map(|level| {
        let rows = boxes.iter().flat_map(|&of| {
            let [x1, y1, x2, y2] = if level_of(of, 4) == level { of } else { [0.0; 4] };
            [0.0, x1, y1, x2, y2]
        });
        Ok(Tensor::new([count, 5], rows.collect()).map_err(involution::Error::at("rois"))?)
    });
    rois.collect()
}

fn text(compared: &[(&str, Vec<Stage>)], [height, width]: [usize; 2], passed: bool) -> String {
    let mut table = output::table(&["network", "stage", "G MACs", "ms", "error"], 2);
    for (name, stages) in compared {
        for stage in stages {
            table.add_row([
                (*name).to_owned(),
                stage.name.clone(),
                format!("{:.1}", stage.macs as f64 / 1e9),
                format!("{:.0}", stage.ms),
                format!("{:.0e}", stage.error),
            ]);
        }
    }
    let judged = match passed {
        true => "every stage agrees with the reference",
        false => "A STAGE IS OFF: its times mean nothing",
    };
    format!(
        "one image of {height}x{width}, {} boxes, {} masks; error: on an image of {}x{}, in parts of the largest value\n\n\
         {}\ninvolution over convolution: {:.2} of the multiply-adds, {:.2} of the time; {judged}\n",
        BOXES[0],
        BOXES[1],
        SMALL[0],
        SMALL[1],
        output::render(&table),
        ratio(compared, |stage| stage.macs as f64),
        ratio(compared, |stage| stage.ms),
    )
}

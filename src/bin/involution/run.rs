//! `involution run`: images in, labels out.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use involution::image::{self, Pixels};
use involution::models::{Channels, Preprocessing};
use involution::{Error, Tensor};
use serde::Serialize;

use crate::adapter::Flags;
use crate::network::{self, Ready};
use crate::{Outcome, bad_use, files, output};

const HELP: &str = "\
Without --model and --weights, the small network for handwritten digits runs that comes with the crate.
It was trained on light ink on dark ground: --invert for the opposite. With --weights alone the network is
the one that they belong to. An image that cannot be read is reported, and the rest go on.

Examples:
  involution run examples/digits/7.png
  involution run --model mobilenet_v2 --weights mobilenet_v2-b0353104.pth cat.jpg
  involution run --weights rednet50.pth --batch 8 --json photos/*.jpg > labels.json";

/// Bytes that are read of an image in a pipe.
const MOST_BYTES: u64 = 1 << 30;

#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct Args {
    /// Images: PNG, JPEG, WebP or BMP; - for stdin
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// The network: see `involution plan --help`
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// File of weights: safetensors, or what torch.save wrote
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Names of the classes, one a line, instead of the network's own
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// How many of the likeliest classes to print
    #[arg(long, value_name = "K", default_value_t = 5)]
    top: usize,
    /// Images that run at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    batch: usize,
    /// Exchange light and dark
    #[arg(long)]
    invert: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    network: String,
    adapter: String,
    /// Until the network was ready for its first image: weights uploaded, kernels compiled.
    ready_ms: f64,
    /// What the plan said that a batch takes on the device, and the most that was lent there.
    memory: Option<Memory>,
    images: Vec<Row>,
}

/// Bytes on the device.
#[derive(Debug, Serialize)]
struct Memory {
    plan_peak: u64,
    pool_peak: u64,
}

#[derive(Debug, Serialize)]
struct Row {
    image: PathBuf,
    /// The image's share of the time that its batch took, from host tensor to logits.
    ms: Option<f64>,
    predictions: Vec<Prediction>,
    error: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Prediction {
    index: usize,
    label: String,
    probability: f64,
}

pub fn run(flags: &Flags, args: &Args, json: bool) -> Result<Outcome> {
    if args.batch == 0 || args.top == 0 {
        return Err(bad_use("--batch and --top must be at least 1"));
    }
    let network = network::load(args.model.as_deref(), args.weights.as_deref())?;
    let Some(classes) = network.model.classes() else {
        let file = args.weights.as_deref().unwrap_or(Path::new("the file")).display();
        return Err(bad_use(format!("{file} has no head: there is nothing to classify with")));
    };
    let labels = labels(args.labels.as_deref(), network.model.labels(), classes)?;
    let recipe = network.model.preprocessing();
    // Whatever is wrong with the call is said before a device is opened.
    let plan = network.model.plan(&network.model.example_input())?;
    plan.check_weights(&network.weights)?;
    let runner = flags.open()?;
    let started = Instant::now();
    let ready = Ready::new(&runner, network.model, network.weights)?;
    if recipe.size().is_some() {
        ready.prepare(&recipe.input(args.batch.min(args.images.len())), &["logits"])?;
    }
    let ready_ms = milliseconds(started.elapsed());

    let bar = output::progress("images");
    bar.set_length(args.images.len() as u64);
    let mut rows = Vec::new();
    for paths in args.images.chunks(args.batch) {
        rows.extend(classify(&ready, paths, &recipe, &labels, args));
        bar.inc(paths.len() as u64);
    }
    bar.finish_and_clear();
    let memory = memory(&ready, &recipe, args.batch.min(args.images.len()))?;
    let failed = rows.iter().any(|row| row.error.is_some());
    let report = Report {
        network: network.name,
        adapter: runner.name().to_owned(),
        ready_ms,
        memory,
        images: rows,
    };
    output::print(&if json || args.json { output::json(&report)? } else { text(&report) })?;
    Ok(Outcome::of(!failed))
}

/// The plan's memory beside the pool's; nothing where there is no device.
fn memory(ready: &Ready, recipe: &Preprocessing, batch: usize) -> Result<Option<Memory>> {
    let (Ready::Gpu(network), Some(_)) = (ready, recipe.size()) else { return Ok(None) };
    let (_, plan) = network.plan(&recipe.input(batch), &["logits"])?;
    let pool_peak = network.gpu().pool_stats().peak;
    Ok(Some(Memory { plan_peak: plan.peak(), pool_peak }))
}

/// The rows of one batch. One image that cannot be read does not hold up the others.
fn classify(
    ready: &Ready,
    paths: &[PathBuf],
    recipe: &Preprocessing,
    labels: &[String],
    args: &Args,
) -> Vec<Row> {
    let prepare = |path: &PathBuf| {
        let pixels = picture(path, recipe.channels)?;
        let pixels = if args.invert { pixels.inverted() } else { pixels };
        image::prepare(&pixels, recipe)
    };
    let prepared: Vec<_> = paths.iter().map(prepare).collect();
    let whole: Vec<Tensor> =
        prepared.iter().filter_map(|image| image.as_ref().ok().cloned()).collect();
    let started = Instant::now();
    let logits = if whole.is_empty() { Ok(Vec::new()) } else { logits(ready, &whole) };
    let ms = milliseconds(started.elapsed()) / whole.len().max(1) as f64;
    let mut logits = logits.map(Vec::into_iter);
    let row = |(path, image): (&PathBuf, involution::Result<Tensor>)| {
        let outcome = match (image, &mut logits) {
            (Err(error), _) => Err(error.to_string()),
            (Ok(_), Err(error)) => Err(format!("{error:#}")),
            (Ok(_), Ok(logits)) => logits.next().ok_or_else(|| "no logits".to_owned()),
        };
        let image = path.clone();
        // No answer is better than one made of what overflowed.
        let finite = |logits: &Vec<f32>| logits.iter().all(|value| value.is_finite());
        let outcome = outcome.and_then(|logits| match finite(&logits) {
            true => Ok(logits),
            false => {
                Err("its logits are not finite: the weights overflow single precision, or are \
                          not those of a trained network"
                    .to_owned())
            }
        });
        match outcome {
            Ok(logits) => {
                let predictions = top(&logits, labels, args.top);
                Row { image, ms: Some(ms), predictions, error: None }
            }
            Err(error) => Row { image, ms: None, predictions: Vec::new(), error: Some(error) },
        }
    };
    paths.iter().zip(prepared).map(row).collect()
}

/// The picture in a file. Decoders go back and forth in it: what comes through a pipe is read as a whole first.
fn picture(path: &Path, channels: Channels) -> involution::Result<Pixels> {
    if !files::is_stdin(path) && path.metadata().is_ok_and(|it| it.is_file()) {
        return image::open(path, channels);
    }
    let name = path.display().to_string();
    let bytes = files::read(path, MOST_BYTES)
        .map_err(|error| Error::Image { image: name.clone(), message: error.to_string() })?;
    image::read(&name, Cursor::new(bytes), channels, &image::Limits::default())
}

/// The logits of each image.
fn logits(ready: &Ready, images: &[Tensor]) -> Result<Vec<Vec<f32>>> {
    let results = ready.run(&image::batch(images)?, &["logits"])?;
    let (_, logits) = results.first().context("the network gave no logits")?;
    let classes = logits.data().len() / images.len();
    Ok(logits.data().chunks(classes.max(1)).map(<[f32]>::to_vec).collect())
}

/// The likeliest classes with their probabilities, by a softmax in double precision.
fn top(logits: &[f32], labels: &[String], count: usize) -> Vec<Prediction> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|&value| f64::from(value - largest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| powers[b].total_cmp(&powers[a]));
    let prediction = |index: usize| Prediction {
        index,
        label: labels.get(index).cloned().unwrap_or_else(|| format!("class {index}")),
        probability: powers[index] / sum,
    };
    order.into_iter().take(count).map(prediction).collect()
}

/// The names of the classes: of the file, or the network's own.
fn labels(
    file: Option<&Path>,
    own: Option<Vec<&'static str>>,
    classes: usize,
) -> Result<Vec<String>> {
    let Some(file) = file else {
        return Ok(own.unwrap_or_default().into_iter().map(str::to_owned).collect());
    };
    let text = files::text(file)?;
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if labels.len() != classes {
        return Err(bad_use(format!(
            "{} has {} lines where the network has {classes} classes",
            file.display(),
            labels.len()
        )));
    }
    Ok(labels)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn text(report: &Report) -> String {
    let mut text =
        format!("{} on {}, ready in {:.0} ms\n", report.network, report.adapter, report.ready_ms);
    for row in &report.images {
        text += &format!("\n{}", row.image.display());
        match (&row.error, row.ms) {
            (Some(error), _) => text += &format!("\n  error: {error}\n"),
            (None, ms) => {
                text += &format!("  {:.1} ms\n", ms.unwrap_or(0.0));
                for Prediction { label, probability, .. } in &row.predictions {
                    let bar = "#".repeat((probability * 30.0).round() as usize);
                    text +=
                        format!("  {:5.1} %  {label:<28} {bar}", 100.0 * probability).trim_end();
                    text += "\n";
                }
            }
        }
    }
    text
}

//! `involution run`: images in, labels out.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use involution::Tensor;
use involution::image::{self, Pixels};
use involution::models::{Channels, Preprocessing, Task};
use involution_bench::adapter::Flags;
use involution_bench::stats::milliseconds;
use involution_bench::{Outcome, bad_use, output};
use serde::Serialize;
use serde_json::{Value, json};

use crate::network::{self, Ready, Weighted};
use crate::pictures;

const HELP: &str = "\
Without --model and --weights, the small network for handwritten digits runs that comes with the \
crate. It was trained on light ink on dark ground: --invert for the opposite. With --weights alone \
the network is the one that they belong to. An image that cannot be read is reported, and the rest \
go on.

Examples:
  involution run examples/digits/7.png
  involution run --weights mobilenet_v2-b0353104.pth cat.jpg
  involution run --model rednet50 --weights rednet50.pth --top 1 cat.jpg
  involution run --weights rednet50.pth --batch 8 --json *.jpg > all.json";

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
}

#[derive(Debug, Default, Serialize)]
struct Row {
    image: String,
    /// The image's share of the time that its batch took, from host tensor to logits.
    ms: Option<f64>,
    predictions: Vec<Prediction>,
    /// Why the answer may mean nothing.
    warning: Option<String>,
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
    let Weighted { name, model, weights } =
        network::load(args.model.as_deref(), args.weights.as_deref())?;
    let Some(classes) = model.classes() else {
        let file = args.weights.as_deref().unwrap_or(Path::new("the file")).display();
        return Err(bad_use(format!("{file} has no head: there is nothing to classify with")));
    };
    let command = match model.task() {
        Task::Detect => Some("detect"),
        Task::Segment => Some("segment"),
        _ => None,
    };
    if let Some(command) = command {
        return Err(bad_use(format!("{name} does not classify: `involution {command}` runs it")));
    }
    let own = model.labels().unwrap_or_default().into_iter().map(str::to_owned).collect();
    let labels = pictures::labels(args.labels.as_deref(), own, classes)?;
    let recipe = model.preprocessing();
    // Whatever is wrong with the call is said before a device is opened.
    model.example_plan()?.check_weights(&weights)?;
    let runner = flags.open()?;
    let started = Instant::now();
    let ready = Ready::new(&runner, model, weights)?;
    let batch = recipe.input(args.batch.min(args.images.len()));
    if recipe.size().is_some() {
        ready.prepare(&batch, &["logits"])?;
    }
    let ready_ms = milliseconds(started.elapsed());

    let bar = output::progress("images", args.images.len());
    let mut rows = Vec::new();
    let knows_digits = name == network::DEFAULT;
    for paths in args.images.chunks(args.batch) {
        rows.extend(classify(&ready, paths, &recipe, &labels, knows_digits, args));
        bar.inc(paths.len() as u64);
    }
    bar.finish_and_clear();
    // What the plan says that a batch takes on the device, and the most that was lent there.
    let memory = match &ready {
        Ready::Gpu(network) if recipe.size().is_some() => {
            let plan_peak = network.plan(&batch, &["logits"])?.1.memory.peak();
            json!({ "plan_peak": plan_peak, "pool_peak": network.gpu().pool_stats().peak })
        }
        _ => Value::Null,
    };
    let doubtful = rows.iter().find_map(|row| Some((&row.image, row.warning.as_ref()?)));
    if let (true, Some((image, warning))) = (json, doubtful) {
        output::say(format!("warning: {image}: {warning}"));
    }
    let report = json!({
        "network": name,
        "adapter": runner.name(),
        "ready_ms": ready_ms,
        "memory": memory,
        "images": rows,
    });
    output::result(json, &report, || {
        let head = format!("{name} on {}, ready in {ready_ms:.0} ms\n", runner.name());
        rows.iter().fold(head, |text, row| text + &row.text())
    })?;
    Ok(Outcome::of(rows.iter().all(|row| row.error.is_none())))
}

/// The rows of one batch. One image that cannot be read does not hold up the others.
fn classify(
    ready: &Ready,
    paths: &[PathBuf],
    recipe: &Preprocessing,
    labels: &[String],
    knows_digits: bool,
    args: &Args,
) -> Vec<Row> {
    let prepare = |path: &PathBuf| {
        let pixels = pictures::picture(path, Channels::Rgb)?;
        let warning = if knows_digits { no_digit(&pixels) } else { None };
        let pixels = if recipe.channels == Channels::Grey { pixels.grey() } else { pixels };
        let pixels = if args.invert { pixels.inverted() } else { pixels };
        Ok((image::prepare(&pixels, recipe)?, warning))
    };
    let prepared: Vec<Result<(Tensor, Option<String>)>> = paths.iter().map(prepare).collect();
    let whole: Vec<Tensor> = prepared.iter().flatten().map(|(image, _)| image.clone()).collect();
    let started = Instant::now();
    let logits = if whole.is_empty() { Ok(Vec::new()) } else { logits(ready, &whole) };
    let ms = milliseconds(started.elapsed()) / whole.len().max(1) as f64;
    let mut logits = logits.map(Vec::into_iter);
    let mut answer = |prepared: Result<(Tensor, _)>| {
        let (_, warning) = prepared?;
        let logits = match &mut logits {
            Ok(logits) => logits.next().context("no logits")?,
            Err(error) => bail!("{error:#}"),
        };
        // No answer is better than one made of what overflowed.
        ensure!(
            logits.iter().all(|value| value.is_finite()),
            "its logits are not finite: the weights overflow single precision, or are not those of a trained network"
        );
        Ok((top(&logits, labels, args.top), warning))
    };
    let row = |(path, prepared): (&PathBuf, _)| {
        let image = path.display().to_string();
        match answer(prepared) {
            Ok((predictions, warning)) => {
                Row { image, ms: Some(ms), predictions, warning, error: None }
            }
            Err(error) => Row { image, error: Some(format!("{error:#}")), ..Row::default() },
        }
    };
    paths.iter().zip(prepared).map(row).collect()
}

/// Side of the largest picture that is taken for a digit, and how far compression may move the channels of a grey
/// pixel apart.
const LARGE: usize = 128;
const GREY: u8 = 16;

/// What speaks against a picture being of a handwritten digit, and what the network for these knows.
fn no_digit(pixels: &Pixels) -> Option<String> {
    let [height, width] = pixels.size;
    let coloured = pixels.data.as_chunks::<3>().0.iter().any(|pixel| {
        pixel.iter().max().zip(pixel.iter().min()).is_some_and(|(most, least)| most - least > GREY)
    });
    let what = match (coloured, height.max(width) > LARGE) {
        (true, _) => "a coloured picture",
        (_, true) => "a large picture",
        _ => return None,
    };
    Some(format!(
        "this is {what}, {width}x{height}, and {} knows nothing but handwritten digits, light on dark, in 8x8 \
         pixels: another network needs --weights",
        network::DEFAULT
    ))
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

impl Row {
    fn text(&self) -> String {
        let Row { image, ms, predictions, warning, error } = self;
        if let Some(error) = error {
            return format!("\n{image}\n  error: {error}\n");
        }
        let mut text = format!("\n{image}  {:.1} ms\n", ms.unwrap_or_default());
        if let Some(warning) = warning {
            text += &format!("  warning: {warning}\n");
        }
        for Prediction { label, probability, .. } in predictions {
            let bar = "#".repeat((probability * 30.0).round() as usize);
            text += format!("  {:5.1} %  {label:<28} {bar}", 100.0 * probability).trim_end();
            text += "\n";
        }
        text
    }
}

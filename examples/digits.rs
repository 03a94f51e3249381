//! Runs the network that ships with the crate on its test images of handwritten digits.
//!
//! ```text
//! cargo run --release --example digits
//! ```
//!
//! Prints how many of the 360 images are classified correctly, the confusion matrix, and how many answers agree with
//! PyTorch, whose logits are stored with the images. Without an adapter it uses the CPU reference.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use involution::models::{self, RedNet};
use involution::{Gpu, Layer, Shape, Tensor, reference, weights};

/// Images that run at once.
const BATCH: usize = 60;

fn main() -> ExitCode {
    match network().and_then(|run| read(&run)) {
        Ok(summary) => {
            print(&summary);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// How the network did.
#[derive(Debug)]
pub struct Summary {
    /// Images by digit, and by the digit they were taken for.
    pub confusion: [[usize; 10]; 10],
    /// Answers that are those of PyTorch.
    pub same: usize,
    /// The largest distance of a logit from PyTorch's.
    pub distance: f32,
    /// How long it took.
    pub seconds: f64,
}

impl Summary {
    /// Images in all.
    pub fn images(&self) -> usize {
        self.confusion.as_flattened().iter().sum()
    }

    /// Images that were read rightly.
    pub fn right(&self) -> usize {
        (0..10).map(|digit| self.confusion[digit][digit]).sum()
    }
}

/// Classifies all test images.
pub fn read(run: &Run) -> Result<Summary, Box<dyn Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/digits/test.safetensors");
    let tensors = weights::load(&file)?.tensors;
    let tensor = |name: &str| tensors.get(name).ok_or(format!("{}: no {name}", file.display()));
    let (x, labels, logits) = (tensor("x")?, tensor("labels")?, tensor("logits")?);

    let started = Instant::now();
    let (mut found, mut distance) = (Vec::new(), 0f32);
    for (images, expected) in batches(x)?.iter().zip(batches(logits)?) {
        let result = run(images)?;
        let apart = result.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs());
        distance = apart.fold(distance, f32::max);
        found.extend(answers(&result));
    }
    let seconds = started.elapsed().as_secs_f64();

    let mut confusion = [[0; 10]; 10];
    for (&label, &answer) in labels.data().iter().zip(&found) {
        confusion[label as usize % 10][answer] += 1;
    }
    let same = answers(logits).iter().zip(&found).filter(|(a, b)| a == b).count();
    Ok(Summary { confusion, same, distance, seconds })
}

fn print(summary: &Summary) {
    let (right, images) = (summary.right(), summary.images());
    let percent = 100.0 * right as f64 / images as f64;
    println!("{right} of {images} images are right: {percent:.1} %, in {:.2} s", summary.seconds);
    println!("\nrows are digits, columns are answers:\n");
    println!("    {}", row(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|digit| digit.to_string())));
    for (digit, counts) in summary.confusion.iter().enumerate() {
        let shown = counts.map(|count| if count == 0 { ".".to_owned() } else { count.to_string() });
        println!("  {digit} {}", row(&shown));
    }
    println!("\n{} of {images} answers are those of PyTorch;", summary.same);
    println!("its logits are {:.1e} away at most", summary.distance);
}

/// Runs images through the network.
pub type Run = Box<dyn Fn(&Tensor) -> involution::Result<Tensor>>;

/// The network on an adapter, or on the reference where there is none or `INVOLUTION_GPU` is `off`.
fn network() -> Result<Run, Box<dyn Error>> {
    if std::env::var("INVOLUTION_GPU").is_ok_and(|mode| mode == "off") {
        println!("running on the CPU reference");
        return Ok(on_reference()?);
    }
    match Gpu::new() {
        Ok(gpu) => {
            println!("running on {}", gpu.adapter());
            Ok(on(&gpu)?)
        }
        Err(involution::Error::NoAdapter { backends }) => {
            println!("no {backends} adapter: the CPU reference runs instead");
            Ok(on_reference()?)
        }
        Err(error) => Err(error.into()),
    }
}

/// The network on an adapter.
pub fn on(gpu: &Gpu) -> involution::Result<Run> {
    let network = gpu.load(RedNet::digits(), models::digits_weights()?)?;
    Ok(Box::new(move |images| network.run(images)))
}

/// The network on the reference.
pub fn on_reference() -> involution::Result<Run> {
    let (model, weights) = (RedNet::digits(), models::digits_weights()?);
    Ok(Box::new(move |images| {
        let plan = model.plan(images.shape())?.keep(&[model.output()])?;
        let mut results = reference::run_plan(&plan, &weights, &[images])?;
        Ok(results.remove(0).1)
    }))
}

/// A tensor cut along its first dimension.
fn batches(tensor: &Tensor) -> Result<Vec<Tensor>, involution::ShapeError> {
    let dims = tensor.shape().dims();
    let size: usize = dims[1..].iter().product();
    let batch = |values: &[f32]| {
        let shape = [&[values.len() / size], &dims[1..]].concat();
        Tensor::new(Shape::new(shape), values.to_vec())
    };
    tensor.data().chunks(BATCH * size).map(batch).collect()
}

/// The class with the largest logit of each image.
fn answers(logits: &Tensor) -> Vec<usize> {
    let largest = |row: &[f32]| (0..10).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap_or(0);
    logits.data().chunks_exact(10).map(largest).collect()
}

/// Numbers in columns.
fn row(cells: &[String; 10]) -> String {
    cells.each_ref().map(|cell| format!("{cell:>4}")).concat()
}

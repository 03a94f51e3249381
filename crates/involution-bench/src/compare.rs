//! `involution compare attention`: an involution beside attention of the same window, and attention to the whole image.
//!
//! What Li et al. (CVPR 2021) discuss about the two, as something to run: parameters, multiply-adds, memory and time of each
//! layer, every output checked, and a picture of the kernels that both make for a photograph.

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use involution::nn::{Involution2d, LocalAttention2d};
use involution::ops::Conv2d;
use involution::{Gpu, Layer, Shape, StateDict, Tensor};
use serde_json::json;

use crate::adapter::Flags;
use crate::request::{Request, positive};
use crate::row::Row;
use crate::sampling::{self, Effort};
use crate::workload::{LAYER, Work, Workload, uniform};
use crate::{Outcome, bad_use, output, rows};

/// The photograph that is drawn where no other is given: `examples/photo/LICENSE.md` says whose it is.
const PHOTOGRAPH: &[u8] = include_bytes!("../../../examples/photo/chelsea.jpg");

/// Pixels of a side of each of the three parts of the picture, at least.
const SIDE: usize = 392;

const EXAMPLES: &str = "\
Examples:
  involution compare attention
  involution compare attention --channels 64 --size 28 --kernel-size 13
  involution compare attention --image photo.jpg --draw kernels.png";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Channels, a multiple of 16: there is a group, or a head, for each 16
    #[arg(long, default_value_t = 256, value_parser = positive)]
    channels: usize,
    /// Height and width of the features
    #[arg(long, default_value_t = 56, value_parser = positive)]
    size: usize,
    /// Height and width of the window, odd
    #[arg(long, default_value_t = 7, value_parser = positive)]
    kernel_size: usize,
    /// Photograph to make kernels for, instead of the one that is built in
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// PNG to write: the photograph, the kernels of the involution, and those of the attention
    #[arg(long, value_name = "FILE", default_value = "attention.png")]
    draw: PathBuf,
}

/// Channels of a group or a head.
const GROUP: usize = 16;

/// One layer of the comparison.
struct Compared {
    name: String,
    layer: Arc<dyn Layer>,
    parameters: u64,
    /// Multiply-adds of a pixel.
    macs: u64,
    /// Values of the kernels of a pixel.
    kernel: usize,
    row: Option<Row>,
}

pub fn attention(flags: &Flags, args: &Args, as_json: bool) -> Result<Outcome> {
    let Args { channels, size, kernel_size, .. } = *args;
    if !channels.is_multiple_of(GROUP) {
        return Err(bad_use(format!("--channels {channels} is no multiple of {GROUP}")));
    }
    if kernel_size.is_multiple_of(2) {
        return Err(bad_use(format!("--kernel-size {kernel_size} is even: a window has a middle")));
    }
    output::check(&args.draw)?;
    let photograph = photograph(args)?;
    let x = Shape::from([1, channels, size, size]);
    let mut compared = layers(channels, size, kernel_size, &x)?;
    let runner = flags.open()?;
    let gpu = runner.device()?;
    if !as_json {
        output::print(&format!("{runner}\n"))?;
    }
    sampling::listen()?;
    let workload = |it: &Compared| {
        let work = Work::Layer(it.layer.clone(), true);
        Workload {
            tolerance: LAYER,
            ..Workload::new(it.name.clone(), "layers", work, vec![x.clone()])
        }
    };
    let workloads: Vec<Workload> = compared.iter().map(workload).collect();
    let request = Request::default();
    let effort = Effort::new(&request, 5, Duration::from_secs(1));
    let run = rows::run(&runner, gpu, &workloads, &request, effort)?;
    for row in run.rows {
        if let Some(it) = compared.iter_mut().find(|it| it.name == row.case) {
            it.row = Some(row);
        }
    }
    let picture = picture(gpu, &compared, &photograph, args)?;
    output::write(&args.draw, &picture)?;
    let place = args.draw.display().to_string();
    let report = json!({
        "channels": channels,
        "size": size,
        "kernel_size": kernel_size,
        "adapter": runner.name(),
        "layers": compared.iter().map(Compared::json).collect::<Vec<_>>(),
        "picture": place,
    });
    output::result(as_json, &report, || text(&compared, args, &place))?;
    // What is too large for the adapter is told, and is no failure.
    let right = compared.iter().filter_map(|it| it.row.as_ref());
    let right = right.filter(|row| row.refused.is_none()).all(|row| row.checked);
    Ok(if right { Outcome::Passed } else { Outcome::Failed })
}

/// The involution and its attention, and the attention without a window.
fn layers(channels: usize, size: usize, kernel_size: usize, x: &Shape) -> Result<Vec<Compared>> {
    let heads = channels / GROUP;
    let window = [kernel_size; 2];
    let of = |name: String, taps: usize, layer: Arc<dyn Layer>| {
        let plan = layer.plan(x)?;
        let (parameters, macs) = (plan.parameters(), plan.macs()? / (size * size) as u64);
        anyhow::Ok(Compared { name, layer, parameters, macs, kernel: heads * taps, row: None })
    };
    let taps = kernel_size * kernel_size;
    Ok(vec![
        of(
            format!("involution {kernel_size}x{kernel_size}"),
            taps,
            Arc::new(Involution2d::paper(channels, window)),
        )?,
        of(
            format!("local attention {kernel_size}x{kernel_size}"),
            taps,
            Arc::new(LocalAttention2d::new(channels, heads, window)),
        )?,
        of(
            "global attention".to_owned(),
            size * size,
            Arc::new(LocalAttention2d::global(channels, heads)),
        )?,
    ])
}

impl Compared {
    /// Milliseconds from tensors of the device to its end.
    fn time(&self) -> Option<f64> {
        let row = self.row.as_ref()?;
        row.resident_ms.as_ref().or(row.wall_ms.as_ref()).map(|it| it.median)
    }

    /// What stands where there is no time.
    fn note(&self) -> &str {
        let row = self.row.as_ref();
        let refused = row.filter(|row| row.refused.is_some()).map(|_| "too large here");
        let note = row.and_then(|row| row.note.as_deref());
        refused.or(note).unwrap_or("interrupted")
    }

    fn json(&self) -> serde_json::Value {
        let row = self.row.as_ref();
        json!({
            "layer": self.name,
            "parameters": self.parameters,
            "macs_per_pixel": self.macs,
            "kernel_values_per_pixel": self.kernel,
            "memory": row.and_then(|row| row.memory),
            "median_ms": self.time(),
            "checked": row.is_some_and(|row| row.checked),
            "worst_over_bound": row.and_then(|row| row.worst_over_bound),
            "refused": row.and_then(|row| row.refused.clone()),
        })
    }
}

fn text(compared: &[Compared], args: &Args, place: &str) -> String {
    let header = [
        "layer",
        "parameters",
        "MACs/pixel",
        "kernel/pixel",
        "kernels, MiB",
        "ms",
        "error/allowed",
    ];
    let mut table = output::table(&header, 1);
    let pixels = args.size * args.size;
    for it in compared {
        let error = it.row.as_ref().and_then(|row| row.worst_over_bound);
        table.add_row([
            it.name.clone(),
            it.parameters.to_string(),
            it.macs.to_string(),
            it.kernel.to_string(),
            format!("{:.1}", output::mib((4 * it.kernel * pixels) as u64)),
            it.time().map_or_else(|| it.note().to_owned(), |time| format!("{time:.2}")),
            error.map_or_else(|| "-".to_owned(), |error| format!("{error:.2}")),
        ]);
    }
    let [involution, local, ..] = compared else { return output::render(&table) };
    let ratio = |of: f64, to: f64| format!("{:.2}", of / to);
    let times = involution.time().zip(local.time());
    format!(
        "\n{} channels in {} groups or heads, {}x{} pixels, one image\n\n{}\n\
         Local attention needs {} times the multiply-adds of the involution{}.\n\
         {place}: the photograph; a kernel of the involution's first group for every window of it; \
         of the attention's first head. Orange is above zero, blue below. Weights are random: of the \
         involution mixtures of four smooth kernels, of the attention equal for queries and keys. An \
         involution makes a kernel from the pixel in the middle alone; attention compares it with \
         each pixel of the window.\n",
        args.channels,
        args.channels / GROUP,
        args.size,
        args.size,
        output::render(&table),
        ratio(local.macs as f64, involution.macs as f64),
        times.map_or_else(String::new, |(a, b)| format!(" and {} times its time", ratio(b, a))),
    )
}

/// The photograph at the size of the features.
fn photograph(args: &Args) -> Result<RgbImage> {
    let (found, name) = match &args.image {
        None => (image::load_from_memory(PHOTOGRAPH), "the photograph".to_owned()),
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
            (image::load_from_memory(&bytes), path.display().to_string())
        }
    };
    let found: DynamicImage = found.with_context(|| name)?;
    let size = u32::try_from(args.size).context("--size")?;
    Ok(found.resize_to_fill(size, size, FilterType::Triangle).to_rgb8())
}

/// A PNG: the photograph, the kernels of the involution, and those of the attention.
fn picture(gpu: &Gpu, compared: &[Compared], photo: &RgbImage, args: &Args) -> Result<Vec<u8>> {
    let Args { channels, size, kernel_size, .. } = *args;
    let x = features(gpu, photo, channels)?;
    let mut panels = vec![photo.clone()];
    for (it, output) in compared.iter().zip(["kernel", "logits"]) {
        let weights = weights(gpu, it, &x, kernel_size)?;
        let network = gpu.load_shared(it.layer.clone(), weights)?;
        let name = network.layer().name();
        let found = network.run_for(&x, &[output])?;
        let found = found.into_iter().next().map(|(_, tensor)| tensor);
        let mut taps = found.with_context(|| format!("{name} gives no {output}"))?.into_data();
        taps.truncate(kernel_size * kernel_size * size * size);
        if output == "logits" {
            softmax(&mut taps, size * size);
        }
        panels.push(kernels(&taps, size, kernel_size));
    }
    let scale = SIDE.div_ceil(size) as u32;
    let side = size as u32 * scale;
    let mut sheet = RgbImage::from_pixel(3 * side + 16, side, Rgb([255; 3]));
    for (index, panel) in panels.iter().enumerate() {
        let mut large = imageops::resize(panel, side, side, FilterType::Nearest);
        if index > 0 {
            separate(&mut large, kernel_size as u32 * scale);
        }
        imageops::replace(&mut sheet, &large, index as i64 * i64::from(side + 8), 0);
    }
    let mut bytes = Cursor::new(Vec::new());
    sheet.write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// Random mixtures `[1, C, H, W]` of the colours, which have mean 0 and variance 1.
fn features(gpu: &Gpu, photo: &RgbImage, channels: usize) -> Result<Tensor> {
    let [width, height] = [photo.width() as usize, photo.height() as usize];
    let mut colours = Vec::with_capacity(3 * width * height);
    for channel in 0..3 {
        let plane = || photo.pixels().map(move |pixel| f32::from(pixel[channel]));
        let count = (width * height) as f32;
        let mean = plane().sum::<f32>() / count;
        let variance = plane().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
        let deviation = variance.sqrt().max(1.0);
        colours.extend(plane().map(|value| (value - mean) / deviation));
    }
    let colours = Tensor::new([1, 3, height, width], colours)?;
    let shape = Shape::from([channels, 3, 1, 1]);
    let weight = uniform(&shape, [-1.0, 1.0], &mut fastrand::Rng::with_seed(0))?;
    Ok(gpu.run(Conv2d::default(), &[&colours, &weight])?)
}

/// Random weights: those of queries and keys are equal, and the kernels of the involution are mixtures of smooth ones, of
/// which the eye makes something.
fn weights(gpu: &Gpu, it: &Compared, x: &Tensor, kernel_size: usize) -> Result<StateDict> {
    let work = Work::Layer(it.layer.clone(), true);
    let workload = Workload::new(it.name.clone(), "layers", work, vec![x.shape().clone()]);
    let mut weights = workload.weights(gpu)?;
    if let Some(query) = weights.get("query.weight").cloned() {
        weights.insert("key.weight", query);
    }
    if let Some(span) = weights.get("conv2.conv.weight").cloned() {
        let (taps, reduced) = (kernel_size * kernel_size, span.shape().dims()[1]);
        let mut data = span.data().to_vec();
        for group in data.chunks_mut(taps * reduced) {
            // As many mixtures as smooth kernels are drawn already: the first rows.
            let mixtures = group[..group.len().min(4 * reduced)].to_vec();
            for (index, value) in group.iter_mut().enumerate() {
                let (tap, channel) = (index / reduced, index % reduced);
                let mixed = mixtures.iter().skip(channel).step_by(reduced);
                *value = mixed.zip(smooth(tap, kernel_size)).map(|(a, b)| a * b).sum();
            }
        }
        weights.insert("conv2.conv.weight", Tensor::new(span.shape().clone(), data)?);
        let bias = Tensor::filled([span.shape().dims()[0]], 0.0)?;
        weights.insert("conv2.conv.bias", bias);
    }
    Ok(weights)
}

/// What four smooth kernels have at a tap: a bell, a narrow one, and its slopes down and across.
fn smooth(tap: usize, kernel_size: usize) -> [f32; 4] {
    let from_middle = |at: usize| (at as f32 - (kernel_size / 2) as f32) / kernel_size as f32 * 3.0;
    let [y, x] = [tap / kernel_size, tap % kernel_size].map(from_middle);
    let bell = |width: f32| (-(x * x + y * y) / (2.0 * width * width)).exp();
    [0.5 * bell(1.0), bell(0.4), y * bell(0.7), x * bell(0.7)]
}

/// Makes the taps of each pixel of a plane sum to one.
fn softmax(taps: &mut [f32], plane: usize) {
    for pixel in 0..plane {
        let largest = taps[pixel..].iter().step_by(plane).copied().fold(f32::MIN, f32::max);
        let mut sum = 0.0;
        for tap in taps[pixel..].iter_mut().step_by(plane) {
            *tap = (*tap - largest).exp();
            sum += *tap;
        }
        taps[pixel..].iter_mut().step_by(plane).for_each(|tap| *tap /= sum);
    }
}

/// A kernel for every window that stands beside the last one, each as bright as its largest tap: orange above zero, blue
/// below.
fn kernels(taps: &[f32], size: usize, kernel_size: usize) -> RgbImage {
    let plane = size * size;
    RgbImage::from_fn(size as u32, size as u32, |x, y| {
        let [x, y] = [x as usize, y as usize];
        let middle = |at: usize| at / kernel_size * kernel_size + kernel_size / 2;
        let [row, column] = [middle(y), middle(x)];
        if row + kernel_size / 2 >= size || column + kernel_size / 2 >= size {
            return Rgb([0; 3]);
        }
        let kernel = || taps[row * size + column..].iter().step_by(plane);
        let largest = kernel().fold(f32::MIN_POSITIVE, |most, tap| most.max(tap.abs()));
        let tap = y % kernel_size * kernel_size + x % kernel_size;
        let value = kernel().nth(tap).copied().unwrap_or(0.0) / largest;
        let colour = if value < 0.0 { [0.25, 0.55, 1.0] } else { [1.0, 0.65, 0.2] };
        // The root lets small taps be seen.
        Rgb(colour.map(|part: f32| (255.0 * part * value.abs().sqrt()).round() as u8))
    })
}

/// Draws a line between the kernels, each of so many pixels.
fn separate(image: &mut RgbImage, cell: u32) {
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        if x % cell < 2 || y % cell < 2 {
            *pixel = Rgb([0; 3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_the_layers() -> Result<()> {
        for (channels, expected) in [
            (64, [(4388, 7296), (12288, 18560), (12288, 413_696)]),
            (256, [(67472, 79104), (196_608, 221_696), (196_608, 1_802_240)]),
        ] {
            let found = layers(channels, 56, 7, &Shape::from([1, channels, 56, 56]))?;
            let found: Vec<_> = found.iter().map(|it| (it.parameters, it.macs)).collect();
            assert_eq!(found, expected);
        }
        Ok(())
    }
}

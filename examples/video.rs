//! Removes the noise of a clip, frame by frame from the frames around it, with hand-made weights.
//!
//! ```text
//! cargo run --release --example video [IN] [OUT]
//! ```
//!
//! IN is a photograph (default: `examples/photo/chelsea.jpg`) that a clip is made of: a part of it stands still, another part
//! moves across it, and each frame has noise of its own. OUT is a PNG (default: `target/video.png`) of the middle frame: the
//! noisy one and where something moves above, the mean of five frames and the result below.
//!
//! The mean of five frames, `avg_pool3d`, removes noise and smears what moves. The network has a kernel of 5x3x3 for each
//! place instead: `conv3d` compares a patch of each frame with those one and two frames before and after it, another
//! `conv3d` of one tap makes the kernels from that, and `involution3d` normalises them with softmax and applies them. A frame
//! that shows something else at a place has no part in it.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use image::{Rgb, RgbImage, imageops};
use involution::ops::{Activation, AvgPool3d, Border, Conv3d, Involution3d};
use involution::{Gpu, Operator, Padding, Shape, Tensor, Window, reference};

/// Frames, height and width of the clip.
const CLIP: [usize; 3] = [9, 160, 240];
const PLACES: usize = CLIP[0] * CLIP[1] * CLIP[2];

/// Frames, rows and columns of a kernel, and of the patches that are compared.
const KERNEL: [usize; 3] = [5, 3, 3];
const PATCH: [usize; 3] = [5, 5, 5];

/// How far a frame may be off by noise, of values up to 1, and the difference of patches that is put down to it.
const NOISE: f32 = 0.15;
const THRESHOLD: f32 = 0.05;

fn main() -> ExitCode {
    match video() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn video() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let chelsea = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/photo/chelsea.jpg");
    let input = arguments.next().unwrap_or(chelsea);
    let output = arguments.next().unwrap_or_else(|| PathBuf::from("target/video.png"));
    let photo = image::open(&input).map_err(|error| format!("{}: {error}", input.display()))?;
    let [_, height, width] = CLIP.map(|size| size as u32);
    let photo = photo.resize_to_fill(width * 3 / 2, height * 3 / 2, imageops::Triangle).to_rgb8();

    let clean = clip(&photo)?;
    let mut random = fastrand::Rng::with_seed(1);
    let noisy = clean.data().iter().map(|v| v + NOISE * (2.0 * random.f32() - 1.0)).collect();
    let noisy = Tensor::new(clean.shape().clone(), noisy)?;
    let weights = weights()?;

    let [moving, mean, result] = match Gpu::new() {
        Ok(gpu) => {
            println!("running on {}", gpu.adapter());
            let on_device: Vec<_> =
                weights.iter().map(|weight| gpu.upload(weight)).collect::<Result<_, _>>()?;
            let apply = |op: Operator, inputs: &[&_]| gpu.apply(op, inputs);
            let [moving, mean, result] = network(&on_device, &gpu.upload(&noisy)?, apply)?;
            [gpu.download(&moving)?, gpu.download(&mean)?, gpu.download(&result)?]
        }
        Err(involution::Error::NoAdapter { backends }) => {
            println!("no {backends} adapter: the CPU reference runs instead");
            network(&weights, &noisy, |op, inputs| reference::run(&op, inputs))?
        }
        Err(error) => return Err(error.into()),
    };

    for (name, frames) in [("noisy", &noisy), ("mean of five frames", &mean), ("result", &result)] {
        println!("{name}: {:.1} dB", signal_to_noise(frames, &clean));
    }
    let views = [
        frame(&noisy, 3, 1.0),
        frame(&moving, 8, 4.0),
        frame(&mean, 3, 1.0),
        frame(&result, 3, 1.0),
    ];
    let mut sheet = RgbImage::from_pixel(2 * width + 8, 2 * height + 8, Rgb([255; 3]));
    for (index, view) in views.iter().enumerate() {
        let (x, y) = (index as i64 % 2, index as i64 / 2);
        imageops::replace(&mut sheet, view, x * i64::from(width + 8), y * i64::from(height + 8));
    }
    sheet.save(&output).map_err(|error| format!("{}: {error}", output.display()))?;
    println!("wrote {} ({}x{})", output.display(), sheet.width(), sheet.height());
    Ok(())
}

/// The network: what moves, the mean of five frames, and the result.
fn network<T>(
    weights: &[T],
    clip: &T,
    apply: impl Fn(Operator, &[&T]) -> involution::Result<T>,
) -> involution::Result<[T; 3]> {
    let [compare, threshold, span, preference] = weights else { return Err(missing()) };
    let compared = Conv3d {
        padding: Padding::Same,
        bias: true,
        activation: Activation::Relu,
        ..Conv3d::default()
    };
    let moving = apply(compared.into(), &[clip, compare, threshold])?;
    let spanning = Conv3d { bias: true, ..Conv3d::default() };
    let kernel = apply(spanning.into(), &[&moving, span, preference])?;
    let window = Window::new(KERNEL).padding(Padding::Same);
    let involution =
        Involution3d { border: Border::Replicate, softmax: true, ..Involution3d::new(window, 1) };
    let result = apply(involution.into(), &[clip, &kernel])?;
    let five = Window::new([5, 1, 1]).padding(Padding::Same);
    let mean = AvgPool3d { count_include_pad: false, ..AvgPool3d::new(five) };
    let mean = apply(mean.into(), &[clip])?;
    Ok([moving, mean, result])
}

/// The weights: of the comparison `[8, 3, 5, 5, 5]` and its bias, of the span `[45, 8, 1, 1, 1]` and its bias.
///
/// Of the 8 channels two belong to each of the four other frames: by how much it is brighter, and by how much darker.
fn weights() -> involution::Result<Vec<Tensor>> {
    let [frames, rows, columns] = PATCH;
    let area = rows * columns;
    let others = [0, 1, 3, 4];
    let mut compare = vec![0.0; 8 * 3 * frames * area];
    for (channel, taps) in compare.chunks_mut(3 * frames * area).enumerate() {
        let sign = if channel % 2 == 0 { 1.0 } else { -1.0 };
        for (at, tap) in taps.iter_mut().enumerate() {
            let frame = at / area % frames;
            let own = f32::from(frame == others[channel / 2]) - f32::from(frame == 2);
            *tap = sign * own / (3 * area) as f32;
        }
    }
    let taps = KERNEL.iter().product::<usize>();
    let mut span = vec![0.0; taps * 8];
    let mut preference = vec![0.0; taps];
    for tap in 0..taps {
        let [frame, place] = [tap / 9, tap % 9];
        // Pixels beside the own one count less.
        preference[tap] = if place == 4 { 0.0 } else { -2.5 };
        if let Some(other) = others.iter().position(|&other| other == frame) {
            span[tap * 8 + 2 * other] = -400.0;
            span[tap * 8 + 2 * other + 1] = -400.0;
        }
    }
    let tensor = |shape: &[usize], data| Tensor::new(Shape::new(shape), data);
    Ok(vec![
        tensor(&[8, 3, frames, rows, columns], compare)?,
        tensor(&[8], vec![-THRESHOLD; 8])?,
        tensor(&[taps, 8, 1, 1, 1], span)?,
        tensor(&[taps], preference)?,
    ])
}

fn missing() -> involution::Error {
    involution::ShapeError::InputCount { expected: vec!["the weights"], found: 0 }.into()
}

/// A clip `[1, 3, D, H, W]` with values of 0 to 1: the middle of the photograph, and its upper left moving across.
fn clip(photo: &RgbImage) -> involution::Result<Tensor> {
    let [frames, height, width] = CLIP.map(|size| size as u32);
    let still = imageops::crop_imm(photo, width / 4, height / 4, width, height).to_image();
    let piece = imageops::crop_imm(photo, width / 2, height / 2, width / 4, height / 3).to_image();
    let mut data = vec![0.0; 3 * PLACES];
    for t in 0..frames {
        let mut frame = still.clone();
        let x = i64::from(10 + t * (width - width / 4 - 20) / (frames - 1));
        imageops::replace(&mut frame, &piece, x, i64::from(height / 8 + 4 * t));
        for (column, row, pixel) in frame.enumerate_pixels() {
            let place = ((t * height + row) * width + column) as usize;
            for (channel, &value) in pixel.0.iter().enumerate() {
                data[channel * PLACES + place] = f32::from(value) / 255.0;
            }
        }
    }
    Ok(Tensor::new([1, 3, CLIP[0], CLIP[1], CLIP[2]], data)?)
}

/// The middle frame: three channels as colours, or the sum of more as grey.
fn frame(clip: &Tensor, channels: usize, scale: f32) -> RgbImage {
    let [frames, height, width] = CLIP;
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let place = (frames / 2 * height + y as usize) * width + x as usize;
        let value = |channel: usize| clip.data()[channel * PLACES + place];
        let colour = match channels {
            3 => [0, 1, 2].map(value),
            _ => [(0..channels).map(value).sum(); 3],
        };
        Rgb(colour.map(|value| (value * scale * 255.0).round().clamp(0.0, 255.0) as u8))
    })
}

/// How much larger a value of 1 is than the error of the middle frame, in decibels.
fn signal_to_noise(found: &Tensor, clean: &Tensor) -> f32 {
    let size = CLIP[1] * CLIP[2];
    let first = CLIP[0] / 2 * size;
    let errors = (0..3).flat_map(|channel| {
        let own = channel * PLACES + first..channel * PLACES + first + size;
        found.data()[own.clone()].iter().zip(&clean.data()[own])
    });
    let squares: f32 = errors.map(|(a, b)| (a - b).powi(2)).sum();
    -10.0 * (squares / (3 * size) as f32).log10()
}

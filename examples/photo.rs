//! Runs a photograph through one involution layer with hand-made weights.
//!
//! ```text
//! cargo run --release --example photo [IN] [OUT]
//! ```
//!
//! IN is a PNG or a JPEG (default: `examples/photo/chelsea.jpg`), OUT a PNG (default: `target/photo.png`). OUT shows four
//! pictures: the input and the output above, the energy of the kernels and some of the kernels below.
//!
//! It is the layer of the paper: `reduce` (1x1), `norm` with ReLU, `span` (1x1, a 7x7 kernel for each pixel), and the
//! involution of the image with these kernels. Its weights are made by hand so that they can be explained: dark and green
//! pixels get a kernel that sharpens, all others one that blurs. The stripes, nose and eyes of a cat become darker, its
//! fur smoother.
//!
//! Intermediate tensors stay on the device. Without an adapter the example uses the CPU reference.

#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage, imageops};
use involution::ops::{Activation, BatchNorm, Conv2d, Involution};
use involution::{Gpu, Operator, Shape, Tensor, Window, reference};

/// Height and width of the kernels.
const K: usize = 7;
const TAPS: usize = K * K;

/// Larger images are scaled down, so that their kernels, 49 planes, fit on any device.
const LARGEST: u32 = 640;

fn main() -> ExitCode {
    match photo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn photo() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let chelsea = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/photo/chelsea.jpg");
    let input = arguments.next().unwrap_or(chelsea);
    let output = arguments.next().unwrap_or_else(|| PathBuf::from("target/photo.png"));

    let photo = image::open(&input).map_err(|error| format!("{}: {error}", input.display()))?;
    let mut photo = photo.to_rgb8();
    if photo.width().max(photo.height()) > LARGEST {
        photo = image::DynamicImage::from(photo).thumbnail(LARGEST, LARGEST).to_rgb8();
    }
    let image = to_tensor(&photo)?;
    // The edge repeats around the image: zeros would darken its frame.
    let framed = to_tensor(&with_frame(&photo, K as u32 / 2))?;

    let weights = Weights::by_hand()?;
    let on_cpu = |op: Operator, inputs: &[&Tensor]| reference::run(&op, inputs);
    let [kernel, result] = match Gpu::new() {
        Ok(gpu) => {
            println!("running on {}", gpu.adapter());
            let on_gpu = |op: Operator, inputs: &[&_]| gpu.apply(op, inputs);
            let uploaded = weights.map(|tensor| gpu.upload(tensor))?;
            let on_device = [gpu.upload(&image)?, gpu.upload(&framed)?];
            let [kernel, result] = layer(&uploaded, &on_device[0], &on_device[1], on_gpu)?;
            let [kernel, result] = [gpu.download(&kernel)?, gpu.download(&result)?];
            let [_, expected] = layer(&weights, &image, &framed, on_cpu)?;
            let distances = result.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs());
            let largest = distances.fold(0.0, f32::max);
            println!("largest distance from the CPU reference: {largest:.1e}");
            [kernel, result]
        }
        Err(involution::Error::NoAdapter { backends }) => {
            println!("no {backends} adapter: the CPU reference runs instead");
            layer(&weights, &image, &framed, on_cpu)?
        }
        Err(error) => return Err(error.into()),
    };

    let (energy, range) = energies(&kernel, photo.dimensions());
    println!("kernel energy (L2 norm) from {:.2} to {:.2}", range[0], range[1]);
    let sheet = four(
        &photo,
        &to_image(&result, photo.dimensions()),
        &energy,
        &kernels(&kernel, photo.dimensions()),
    );
    save(&sheet, &output)?;
    println!("wrote {} ({}x{})", output.display(), sheet.width(), sheet.height());
    Ok(())
}

/// The tensors of the layer, on the host or on a device.
struct Weights<T> {
    /// `[F, 3, 1, 1]`
    reduce: T,
    /// `[F]`: mean, variance, weight and bias.
    norm: [T; 4],
    /// `[K*K, F, 1, 1]`
    span: T,
    /// `[K*K]`
    span_bias: T,
}

/// Runs the layer by `apply`: the kernels `[1, K*K, H, W]`, and what they make of the image.
fn layer<T>(
    weights: &Weights<T>,
    image: &T,
    framed: &T,
    apply: impl Fn(Operator, &[&T]) -> involution::Result<T>,
) -> involution::Result<[T; 2]> {
    let [mean, variance, weight, bias] = &weights.norm;
    let relu = BatchNorm { eps: 0.0, affine: true, activation: Activation::Relu };
    let spanning = Conv2d { bias: true, ..Conv2d::default() };
    let one_group = Involution::new(Window::new([K, K]), 1);

    let features = apply(Conv2d::default().into(), &[image, &weights.reduce])?;
    let features = apply(relu.into(), &[&features, mean, variance, weight, bias])?;
    let kernel = apply(spanning.into(), &[&features, &weights.span, &weights.span_bias])?;
    let result = apply(one_group.into(), &[framed, &kernel])?;
    Ok([kernel, result])
}

/// A measure of a colour: `red`, `green` and `blue` times the pixel's, from 0 at `from` to 1 at `to`.
struct Measure {
    red: f32,
    green: f32,
    blue: f32,
    from: f32,
    to: f32,
}

/// What gets a sharp kernel: the dark (luminance, counted down), and the green.
const SHARP: [Measure; 2] = [
    Measure { red: -0.299, green: -0.587, blue: -0.114, from: -0.45, to: -0.27 },
    Measure { red: -0.55, green: 1.0, blue: -0.45, from: 0.0, to: 0.1 },
];

impl Weights<Tensor> {
    /// A measure takes two features, both ReLUs, whose difference is a ramp: one rises from 0 where the
    /// ramp begins, the other from where it ends. In terms of the norm, the ramp begins at the mean and is
    /// as long as the deviation, and the second feature has a bias of -1.
    fn by_hand() -> Result<Self, involution::ShapeError> {
        let features = 2 * SHARP.len();
        let mut rows: [Vec<f32>; 5] = Default::default();
        let [reduce, mean, variance, bias, sign] = &mut rows;
        for Measure { red, green, blue, from, to } in &SHARP {
            for (second, signed) in [(0.0, 1.0), (-1.0, -1.0)] {
                reduce.extend([red, green, blue]);
                mean.push(*from);
                variance.push((to - from) * (to - from));
                bias.push(second);
                sign.push(signed);
            }
        }
        let blur = gaussian(2.5);
        let soft = gaussian(1.5);
        // The image and 2.5 times what a weaker blur takes from it.
        let sharpen = |tap: usize| if tap == TAPS / 2 { 3.5 } else { 0.0 } - 2.5 * soft[tap];
        let span = (0..TAPS).flat_map(|tap| {
            let change = sharpen(tap) - blur[tap];
            sign.iter().map(move |sign| sign * change)
        });
        let span: Vec<f32> = span.collect();

        let [reduce, mean, variance, bias, _] = rows;
        Ok(Weights {
            reduce: Tensor::new([features, 3, 1, 1], reduce)?,
            norm: [
                Tensor::new([features], mean)?,
                Tensor::new([features], variance)?,
                Tensor::filled([features], 1.0)?,
                Tensor::new([features], bias)?,
            ],
            span: Tensor::new([TAPS, features, 1, 1], span)?,
            span_bias: Tensor::new([TAPS], blur)?,
        })
    }

    /// Applies `f` to every weight.
    fn map<T, E>(&self, mut f: impl FnMut(&Tensor) -> Result<T, E>) -> Result<Weights<T>, E> {
        let [mean, variance, weight, bias] = &self.norm;
        Ok(Weights {
            reduce: f(&self.reduce)?,
            norm: [f(mean)?, f(variance)?, f(weight)?, f(bias)?],
            span: f(&self.span)?,
            span_bias: f(&self.span_bias)?,
        })
    }
}

/// A bell of this deviation over the taps, row by row, whose values add up to 1.
fn gaussian(deviation: f32) -> Vec<f32> {
    let distance = |tap: usize| tap as f32 - (K / 2) as f32;
    let bell = |tap| {
        let squared = distance(tap / K).powi(2) + distance(tap % K).powi(2);
        (-squared / (2.0 * deviation * deviation)).exp()
    };
    let sum: f32 = (0..TAPS).map(bell).sum();
    (0..TAPS).map(|tap| bell(tap) / sum).collect()
}

/// `[1, 3, H, W]` with values from 0 to 1.
fn to_tensor(image: &RgbImage) -> Result<Tensor, involution::ShapeError> {
    let (width, height) = image.dimensions();
    let plane = |channel: usize| image.pixels().map(move |pixel| f32::from(pixel[channel]) / 255.0);
    let data = (0..3).flat_map(plane).collect();
    Tensor::new(Shape::from([1, 3, height as usize, width as usize]), data)
}

/// The reverse; what lies outside of 0 to 1 is cut off.
fn to_image(tensor: &Tensor, (width, height): (u32, u32)) -> RgbImage {
    let plane = (width * height) as usize;
    RgbImage::from_fn(width, height, |x, y| {
        let pixel = (y * width + x) as usize;
        Rgb([0, 1, 2].map(|channel| byte(tensor.data()[channel * plane + pixel])))
    })
}

fn byte(value: f32) -> u8 {
    (value * 255.0).round().clamp(0.0, 255.0) as u8
}

/// The image with its edge repeated `size` pixels outwards.
fn with_frame(image: &RgbImage, size: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    RgbImage::from_fn(width + 2 * size, height + 2 * size, |x, y| {
        let inside = |at: u32, length: u32| at.saturating_sub(size).min(length - 1);
        *image.get_pixel(inside(x, width), inside(y, height))
    })
}

/// The taps of the kernel of a pixel.
fn taps(kernel: &Tensor, pixel: usize, plane: usize) -> impl Iterator<Item = f32> {
    (0..TAPS).map(move |tap| kernel.data()[tap * plane + pixel])
}

/// The L2 norm of each pixel's kernel as a heat map, and the smallest and the largest of them.
fn energies(kernel: &Tensor, (width, height): (u32, u32)) -> (RgbImage, [f32; 2]) {
    let plane = (width * height) as usize;
    let norm = |pixel| taps(kernel, pixel, plane).map(|tap| tap * tap).sum::<f32>().sqrt();
    let norms: Vec<f32> = (0..plane).map(norm).collect();
    let least = norms.iter().copied().fold(f32::INFINITY, f32::min);
    let most = norms.iter().copied().fold(0.0, f32::max);
    let map = RgbImage::from_fn(width, height, |x, y| {
        let norm = norms[(y * width + x) as usize];
        heat((norm - least) / (most - least).max(f32::MIN_POSITIVE))
    });
    (map, [least, most])
}

/// Every 32nd kernel both ways, each tap four pixels wide: blue below zero, orange above, each kernel as
/// bright as its largest tap.
fn kernels(kernel: &Tensor, (width, height): (u32, u32)) -> RgbImage {
    const TAP: u32 = 4;
    const CELL: u32 = (K as u32 + 1) * TAP;
    let plane = (width * height) as usize;
    RgbImage::from_fn(width, height, |x, y| {
        let (row, column) = ((y % CELL) / TAP, (x % CELL) / TAP);
        let middle = |at: u32, length: u32| (at - at % CELL + CELL / 2).min(length - 1);
        if row >= K as u32 || column >= K as u32 {
            return Rgb([0, 0, 0]);
        }
        let pixel = (middle(y, height) * width + middle(x, width)) as usize;
        let largest = taps(kernel, pixel, plane).map(f32::abs).fold(f32::MIN_POSITIVE, f32::max);
        let value = taps(kernel, pixel, plane).nth(row as usize * K + column as usize);
        // The root lets small taps be seen.
        let value = value.unwrap_or(0.0) / largest;
        let light = value.abs().sqrt();
        let colour = if value < 0.0 { [0.25, 0.55, 1.0] } else { [1.0, 0.65, 0.2] };
        Rgb(colour.map(|part: f32| byte(part * light)))
    })
}

/// A colour from black over purple and orange to light yellow.
fn heat(value: f32) -> Rgb<u8> {
    const STOPS: [[f32; 3]; 5] = [
        [0.0, 0.0, 0.02],
        [0.3, 0.06, 0.42],
        [0.74, 0.21, 0.33],
        [0.98, 0.55, 0.04],
        [0.99, 1.0, 0.65],
    ];
    let place = value.clamp(0.0, 1.0) * (STOPS.len() - 1) as f32;
    let stop = (place as usize).min(STOPS.len() - 2);
    let between = place - stop as f32;
    let mixed = [0, 1, 2].map(|i| STOPS[stop][i] + between * (STOPS[stop + 1][i] - STOPS[stop][i]));
    Rgb(mixed.map(byte))
}

/// Four pictures of one size on a sheet, a little apart.
fn four(a: &RgbImage, b: &RgbImage, c: &RgbImage, d: &RgbImage) -> RgbImage {
    const GAP: u32 = 4;
    let (width, height) = a.dimensions();
    let mut sheet = RgbImage::from_pixel(2 * width + GAP, 2 * height + GAP, Rgb([255, 255, 255]));
    let right = i64::from(width + GAP);
    let below = i64::from(height + GAP);
    for (picture, x, y) in [(a, 0, 0), (b, right, 0), (c, 0, below), (d, right, below)] {
        imageops::replace(&mut sheet, picture, x, y);
    }
    sheet
}

/// Writes the PNG to a temporary file and renames it, so that OUT is never incomplete.
fn save(image: &RgbImage, path: &Path) -> Result<(), Box<dyn Error>> {
    let unwritable = |error: &dyn Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| unwritable(&error))?;
    }
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.part", std::process::id()));
    let encode = || -> Result<(), Box<dyn Error>> {
        let file = std::fs::File::create(&draft)?;
        let encoder = PngEncoder::new_with_quality(&file, CompressionType::Best, FilterType::Paeth);
        image.write_with_encoder(encoder)?;
        file.sync_all()?;
        Ok(std::fs::rename(&draft, path)?)
    };
    let written = encode().map_err(|error| unwritable(error.as_ref()));
    if written.is_err() {
        // Remove the incomplete file; the first error is the one to report.
        let _ = std::fs::remove_file(&draft);
    }
    Ok(written?)
}

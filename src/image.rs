//! From an image file to the input of a network: decoded, turned upright, resized, cropped, normalised.
//!
//! Resizing is Pillow's bilinear filter with antialiasing, in the same fixed point, so that a network sees
//! the pixels that it was trained on.

use std::path::Path;

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::{DynamicImage, ImageDecoder, ImageReader};

use crate::error::{Error, Result};
use crate::models::{Channels, Preprocessing, Resize};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Pixels of one image as bytes, row by row, channels side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Height and width.
    pub size: [usize; 2],
    /// Colour or grey.
    pub channels: Channels,
    /// The values.
    pub data: Vec<u8>,
}

impl Pixels {
    /// The same picture with light and dark exchanged.
    pub fn inverted(mut self) -> Self {
        self.data.iter_mut().for_each(|value| *value = 255 - *value);
        self
    }
}

fn failed(path: &Path) -> impl Fn(String) -> Error {
    move |message| Error::Image { image: path.display().to_string(), message }
}

/// Reads a picture from a file, whatever its name says it is; turned as its EXIF data wants it. Transparency
/// is dropped.
pub fn open(path: &Path, channels: Channels) -> Result<Pixels> {
    let failed = failed(path);
    let reader = ImageReader::open(path).map_err(|error| failed(error.to_string()))?;
    // The reader's own limits stand: a small file cannot ask for more than half a gigabyte.
    let reader = reader.with_guessed_format().map_err(|error| failed(error.to_string()))?;
    let mut decoder = reader.into_decoder().map_err(|error| failed(error.to_string()))?;
    let orientation = decoder.orientation().map_err(|error| failed(error.to_string()))?;
    let decoded = DynamicImage::from_decoder(decoder);
    let mut picture = decoded.map_err(|error| failed(error.to_string()))?;
    picture.apply_orientation(orientation);
    Ok(pixels(&picture, channels))
}

/// The pixels of a picture; grey is the lightness of ITU-R 601, as Pillow takes it.
pub fn pixels(picture: &DynamicImage, channels: Channels) -> Pixels {
    let rgb = picture.to_rgb8();
    let size = [rgb.height() as usize, rgb.width() as usize];
    let data = match channels {
        Channels::Rgb => rgb.into_raw(),
        Channels::Grey => rgb
            .pixels()
            .map(|pixel| {
                let [r, g, b] = pixel.0.map(u32::from);
                ((19_595 * r + 38_470 * g + 7_471 * b + 0x8000) >> 16) as u8
            })
            .collect(),
    };
    Pixels { size, channels, data }
}

/// The input of a network made of a picture: `[1, C, H, W]`.
pub fn prepare(pixels: &Pixels, recipe: &Preprocessing) -> Result<Tensor> {
    let size = match recipe.resize {
        Resize::Exact(size) => size,
        Resize::ShortSide(side) => {
            let [height, width] = pixels.size;
            let long = |long: usize, short: usize| (side * long).checked_div(short).unwrap_or(0);
            if height < width { [side, long(width, height)] } else { [long(height, width), side] }
        }
    };
    let resized = resize(pixels, size)?;
    let [height, width] = recipe.crop.map_or(size, |side| [side, side]);
    if height > size[0] || width > size[1] || height * width == 0 {
        return Err(refused(format!(
            "{}x{} is too small to cut {height}x{width} from it",
            size[0], size[1]
        )));
    }
    // Halves go to the even side, as Python rounds.
    let [top, left] = [(size[0], height), (size[1], width)]
        .map(|(whole, part)| ((whole - part) as f64 / 2.0).round_ties_even() as usize);
    let channels = pixels.channels.count();
    let mut data = Vec::with_capacity(channels * height * width);
    for channel in 0..channels {
        let (mean, deviation) = (recipe.mean[channel], recipe.deviation[channel]);
        for row in top..top + height {
            for column in left..left + width {
                let byte = resized.data[(row * size[1] + column) * channels + channel];
                data.push((f32::from(byte) / 255.0 - mean) / deviation);
            }
        }
    }
    Tensor::new([1, channels, height, width], data).map_err(Error::at("image"))
}

fn resize(pixels: &Pixels, size: [usize; 2]) -> Result<Pixels> {
    if pixels.size == size {
        return Ok(pixels.clone());
    }
    let kind = match pixels.channels {
        Channels::Rgb => PixelType::U8x3,
        Channels::Grey => PixelType::U8,
    };
    let side = |length: usize| {
        u32::try_from(length).map_err(|_| refused(format!("a side of {length} pixels is too long")))
    };
    let [height, width] = pixels.size;
    let source = Image::from_vec_u8(side(width)?, side(height)?, pixels.data.clone(), kind);
    let source = source.map_err(|error| refused(error.to_string()))?;
    let mut target = Image::new(side(size[1])?, side(size[0])?, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|error| refused(error.to_string()))?;
    Ok(Pixels { size, channels: pixels.channels, data: target.into_vec() })
}

fn refused(message: String) -> Error {
    Error::Image { image: "the image".to_owned(), message }
}

/// Images of one size as one batch.
pub fn batch(images: &[Tensor]) -> Result<Tensor> {
    let Some(first) = images.first() else {
        return Err(refused("a batch of no images".to_owned()));
    };
    let mut dims = first.shape().dims().to_vec();
    if let Some(other) = images.iter().find(|image| image.shape() != first.shape()) {
        return Err(refused(format!(
            "{} and {} cannot be in one batch",
            first.shape(),
            other.shape()
        )));
    }
    if let Some(samples) = dims.first_mut() {
        *samples *= images.len();
    }
    let data = images.iter().flat_map(|image| image.data().iter().copied()).collect();
    Tensor::new(Shape::new(dims), data).map_err(Error::at("image"))
}

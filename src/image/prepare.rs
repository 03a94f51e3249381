//! From pixels to the input of a network.

use super::pixels::Pixels;
use super::{antialiased, bilinear};
use crate::error::{Error, Result};
use crate::models::{Images, Preprocessing, Resize};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The input of a network made of a picture: `[1, C, H, W]`.
pub fn prepare(pixels: &Pixels, recipe: &Preprocessing) -> Result<Tensor> {
    let sized = Sized::of(pixels, recipe)?;
    let [height, width] = recipe.padded(sized.size);
    stack(&[sized], recipe, [height, width])
}

/// The input of a detector or segmenter made of pictures of any sizes, each padded to the largest.
pub fn fit(pictures: &[Pixels], recipe: &Preprocessing) -> Result<Images> {
    if recipe.crop.is_some() {
        return Err(refused("the places in a picture of which parts are cut off are unknown"));
    }
    let sized = pictures.iter().map(|pixels| Sized::of(pixels, recipe));
    let sized = sized.collect::<Result<Vec<Sized>>>()?;
    let most = |axis: usize| sized.iter().map(|it| it.size[axis]).max();
    let (Some(height), Some(width)) = (most(0), most(1)) else {
        return Err(refused("a batch of no images"));
    };
    Ok(Images {
        x: stack(&sized, recipe, recipe.padded([height, width]))?,
        valid: sized.iter().map(|it| it.size).collect(),
        original: pictures.iter().map(|pixels| pixels.size).collect(),
    })
}

/// The bytes of a picture that was resized and cropped.
struct Sized {
    size: [usize; 2],
    channels: usize,
    data: Vec<u8>,
}

impl Sized {
    fn of(pixels: &Pixels, recipe: &Preprocessing) -> Result<Self> {
        let channels = pixels.channels.count();
        let [height, width] = pixels.size;
        let bytes = height.checked_mul(width).and_then(|n| n.checked_mul(channels));
        if bytes != Some(pixels.data.len()) || pixels.data.is_empty() {
            let found = pixels.data.len();
            return Err(refused(format!(
                "{found} bytes are not {height}x{width} pixels of {channels}, or none at all"
            )));
        }
        let Some(whole) = recipe.resize.target(pixels.size) else {
            return Err(refused(format!(
                "{height}x{width} becomes too large: {:?}",
                recipe.resize
            )));
        };
        let size = recipe.crop.map_or(whole, |side| [side, side]);
        if size[0] > whole[0] || size[1] > whole[1] || size.contains(&0) {
            return Err(refused(format!(
                "{}x{} is too small to cut {}x{} from it",
                whole[0], whole[1], size[0], size[1]
            )));
        }
        let shape = Shape::from([1, channels, size[0], size[1]]);
        shape.elements().map_err(Error::at("image"))?;
        // Halves go to the even side, as Python rounds.
        let [top, left] = [0, 1].map(|axis| {
            let rest = whole[axis] - size[axis];
            (rest as f64 / 2.0).round_ties_even() as usize
        });
        // Only what is cut out is computed: of a strip, the whole would be as long as it is thin.
        let crop = [top..top + size[0], left..left + size[1]];
        let resize = match recipe.resize {
            Resize::ShortSide(_) | Resize::Exact(_) => antialiased::resize,
            Resize::Within { .. } | Resize::None => bilinear::resize,
        };
        let data = resize(&pixels.data, pixels.size, channels, whole, crop);
        Ok(Sized { size, channels, data })
    }
}

/// Pictures as one tensor, normalised, with zeros to the right and below up to this size.
fn stack(pictures: &[Sized], recipe: &Preprocessing, size: [usize; 2]) -> Result<Tensor> {
    let channels = pictures.first().map_or(0, |picture| picture.channels);
    if pictures.iter().any(|picture| picture.channels != channels) {
        return Err(refused("coloured and grey images cannot be in one batch"));
    }
    let shape = Shape::from([pictures.len(), channels, size[0], size[1]]);
    let mut x = Tensor::filled(shape, 0.0).map_err(Error::at("image"))?;
    let mut planes = x.data_mut().chunks_exact_mut((size[0] * size[1]).max(1));
    for picture in pictures {
        for (channel, plane) in planes.by_ref().take(channels).enumerate() {
            let (mean, deviation) = (recipe.mean[channel], recipe.deviation[channel]);
            let rows = picture.data.chunks_exact(picture.size[1] * channels);
            for (row, bytes) in plane.chunks_exact_mut(size[1]).zip(rows) {
                let bytes = bytes.iter().skip(channel).step_by(channels);
                for (value, &byte) in row.iter_mut().zip(bytes) {
                    *value = (f32::from(byte) / 255.0 - mean) / deviation;
                }
            }
        }
    }
    Ok(x)
}

fn refused(message: impl Into<String>) -> Error {
    Error::Image { image: "the image".to_owned(), message: message.into() }
}

/// Images of one size as one batch.
pub fn batch(images: &[Tensor]) -> Result<Tensor> {
    let Some(first) = images.first() else {
        return Err(refused("a batch of no images"));
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

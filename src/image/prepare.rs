//! From pixels to the input of a network.

use super::pixels::Pixels;
use super::resize;
use crate::error::{Error, Result};
use crate::models::{Preprocessing, Resize};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The input of a network made of a picture: `[1, C, H, W]`.
pub fn prepare(pixels: &Pixels, recipe: &Preprocessing) -> Result<Tensor> {
    let channels = pixels.channels.count();
    let bytes = pixels.size[0].checked_mul(pixels.size[1]).and_then(|n| n.checked_mul(channels));
    if bytes != Some(pixels.data.len()) || pixels.data.is_empty() {
        let [height, width] = pixels.size;
        let found = pixels.data.len();
        return Err(refused(format!(
            "{found} bytes are not {height}x{width} pixels of {channels}, or none at all"
        )));
    }
    let size = match recipe.resize {
        Resize::Exact(size) => size,
        Resize::ShortSide(side) => {
            let [height, width] = pixels.size;
            let long = |long: usize, short: usize| Some(side.checked_mul(long)? / short);
            let size = if height < width {
                [Some(side), long(width, height)]
            } else {
                [long(height, width), Some(side)]
            };
            let [Some(height), Some(width)] = size else {
                return Err(refused(format!("a short side of {side} is too long")));
            };
            [height, width]
        }
    };
    let [height, width] = recipe.crop.map_or(size, |side| [side, side]);
    if height > size[0] || width > size[1] || height == 0 || width == 0 {
        return Err(refused(format!(
            "{}x{} is too small to cut {height}x{width} from it",
            size[0], size[1]
        )));
    }
    let shape = Shape::from([1, channels, height, width]);
    shape.elements().map_err(Error::at("image"))?;
    // Halves go to the even side, as Python rounds.
    let [top, left] = [(size[0], height), (size[1], width)]
        .map(|(whole, part)| ((whole - part) as f64 / 2.0).round_ties_even() as usize);
    // Only what is cut out is computed: of a strip, the whole would be as long as it is thin.
    let crop = [top..top + height, left..left + width];
    let resized = resize::resize(&pixels.data, pixels.size, channels, size, crop);
    let mut data = Vec::with_capacity(resized.len());
    for channel in 0..channels {
        let (mean, deviation) = (recipe.mean[channel], recipe.deviation[channel]);
        let bytes = resized.iter().skip(channel).step_by(channels);
        data.extend(bytes.map(|&byte| (f32::from(byte) / 255.0 - mean) / deviation));
    }
    Tensor::new(shape, data).map_err(Error::at("image"))
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

//! From images to inputs: what is to be done, as data.

use crate::nn::setters;
use crate::shape::Shape;

/// How an image becomes the input of a network: resized, cropped in the middle, and each channel of values
/// in 0 to 1 less its mean, over its deviation.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Preprocessing {
    /// Colour or grey.
    pub channels: Channels,
    /// How it is resized, by bilinear interpolation over the area that each new pixel covers.
    pub resize: Resize,
    /// Side of the square that is then cut from the middle; nothing where all is used.
    pub crop: Option<usize>,
    /// Mean by channel, the first alone for grey.
    pub mean: [f32; 3],
    /// Deviation by channel.
    pub deviation: [f32; 3],
}

/// The channels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Lightness alone, high for light.
    Grey,
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Channels::Rgb => 3,
            Channels::Grey => 1,
        }
    }
}

/// What size an image is resized to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resize {
    /// The short side to this, the long one in proportion.
    ShortSide(usize),
    /// This height and width.
    Exact([usize; 2]),
}

impl Preprocessing {
    /// What networks trained on ImageNet expect.
    pub const IMAGENET: Preprocessing = Preprocessing {
        channels: Channels::Rgb,
        resize: Resize::ShortSide(256),
        crop: Some(224),
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
    };

    setters! {
        /// Sets which channels there are.
        channels: Channels,
        /// Sets how the image is resized.
        resize: Resize,
        /// Sets the side of the square that is cut from the middle; none where all is used.
        crop: Option<usize>,
        /// Sets the mean of each channel.
        mean: [f32; 3],
        /// Sets the deviation of each channel.
        deviation: [f32; 3],
    }

    /// Height and width of what the network gets; nothing where it depends on the image.
    pub fn size(&self) -> Option<[usize; 2]> {
        match (self.crop, self.resize) {
            (Some(side), _) => Some([side; 2]),
            (None, Resize::Exact(size)) => Some(size),
            (None, Resize::ShortSide(_)) => None,
        }
    }

    /// The shape of so many images.
    pub fn input(&self, batch: usize) -> Shape {
        let [height, width] = self.size().unwrap_or([224, 224]);
        Shape::from([batch, self.channels.count(), height, width])
    }
}

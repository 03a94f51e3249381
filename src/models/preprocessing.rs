//! From images to inputs: what is to be done, as data.

use crate::nn::setters;
use crate::shape::Shape;

/// How an image becomes the input of a network: resized, cropped in the middle, each channel of values in 0 to 1
/// less its mean, over its deviation, and then padded with zeros to the right and below.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Preprocessing {
    /// Colour or grey.
    pub channels: Channels,
    /// How it is resized.
    pub resize: Resize,
    /// Side of the square that is then cut from the middle; nothing where all is used.
    pub crop: Option<usize>,
    /// Mean by channel, the first alone for grey.
    pub mean: [f32; 3],
    /// Deviation by channel.
    pub deviation: [f32; 3],
    /// What the padded sides are multiples of: 1 for no padding.
    pub size_divisor: usize,
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

/// What size an image is resized to, and by whose interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resize {
    /// The short side to this, the long one in proportion, by Pillow's bilinear filter over the area that each new
    /// pixel covers.
    ShortSide(usize),
    /// This height and width, by Pillow's bilinear filter.
    Exact([usize; 2]),
    /// As large as fits into these sides without distortion, by OpenCV's bilinear interpolation between the four nearest pixels.
    Within {
        /// The most that the long side may have.
        long: usize,
        /// The most that the short side may have.
        short: usize,
    },
    /// The size that it has.
    None,
}

impl Resize {
    /// Height and width of an image of this size once it is resized; nothing where they are too large for a number.
    pub fn target(self, [height, width]: [usize; 2]) -> Option<[usize; 2]> {
        let (most, least) = (height.max(width), height.min(width));
        match self {
            Resize::Exact(size) => Some(size),
            Resize::None => Some([height, width]),
            Resize::ShortSide(side) => {
                let longer = side.checked_mul(most)?.checked_div(least)?;
                Some(if height < width { [side, longer] } else { [longer, side] })
            }
            Resize::Within { long, short } => {
                let factor = (long as f64 / most as f64).min(short as f64 / least as f64);
                let scaled = |side: usize| ((side as f64 * factor + 0.5) as usize).max(1);
                (least > 0).then(|| [scaled(height), scaled(width)])
            }
        }
    }
}

impl Preprocessing {
    /// What networks trained on ImageNet expect.
    pub const IMAGENET: Preprocessing = Preprocessing {
        channels: Channels::Rgb,
        resize: Resize::ShortSide(256),
        crop: Some(224),
        mean: [0.485, 0.456, 0.406],
        deviation: [0.229, 0.224, 0.225],
        size_divisor: 1,
    };

    /// What detectors trained on COCO expect.
    pub const COCO: Preprocessing = Preprocessing {
        resize: Resize::Within { long: 1333, short: 800 },
        crop: None,
        size_divisor: 32,
        ..Preprocessing::IMAGENET
    };

    /// What segmenters trained on Cityscapes expect.
    pub const CITYSCAPES: Preprocessing =
        Preprocessing { resize: Resize::Within { long: 2048, short: 1024 }, ..Preprocessing::COCO };

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
        /// Sets what the padded sides are multiples of.
        size_divisor: usize,
    }

    /// Height and width of what the network gets; nothing where it depends on the image.
    pub fn size(&self) -> Option<[usize; 2]> {
        let size = match (self.crop, self.resize) {
            (Some(side), _) => [side; 2],
            (None, Resize::Exact(size)) => size,
            (None, _) => return None,
        };
        Some(self.padded(size))
    }

    /// A size with the padding that follows.
    pub fn padded(&self, size: [usize; 2]) -> [usize; 2] {
        size.map(|side| {
            side.div_ceil(self.size_divisor.max(1)).saturating_mul(self.size_divisor.max(1))
        })
    }

    /// The shape of so many images; where their size decides, of images that lie as wide as they may.
    pub fn input(&self, batch: usize) -> Shape {
        let usual = match self.resize {
            Resize::Within { long, short } => self.padded([short, long]),
            _ => self.padded([224, 224]),
        };
        let [height, width] = self.size().unwrap_or(usual);
        Shape::from([batch, self.channels.count(), height, width])
    }
}

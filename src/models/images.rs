//! A batch of images as detectors and segmenters take it.

use crate::error::{Error, Result, ShapeError};
use crate::tensor::Tensor;

/// Images of any sizes as one batch, and what is needed to bring the answers back to the originals.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    /// The input of the network, `[N, C, H, W]`: normalised, and zero to the right of each image and below it.
    pub x: Tensor,
    /// Height and width that each image takes of its sample.
    pub valid: Vec<[usize; 2]>,
    /// Height and width of each image before it was resized.
    pub original: Vec<[usize; 2]>,
}

/// What is known of one image of a batch.
pub(super) struct Image {
    /// Height and width of the original.
    pub original: [usize; 2],
}

impl Images {
    /// An image that is all of x, as large as the original was.
    pub fn whole(x: Tensor) -> Result<Self> {
        let [batch, _, height, width] = x.shape().nchw("x").map_err(Error::at("images"))?;
        let sizes = vec![[height, width]; batch];
        Ok(Images { x, valid: sizes.clone(), original: sizes })
    }

    /// An error where there are not as many sizes as samples, where one is zero, or where an image is larger than its
    /// sample.
    pub(super) fn check(&self) -> Result<()> {
        let at = Error::at("images");
        let [batch, _, height, width] = self.x.shape().nchw("x").map_err(&at)?;
        let wrong = |parameter, must, value: String| {
            Err(at(ShapeError::Parameter { parameter, must, value }))
        };
        if [self.valid.len(), self.original.len()] != [batch; 2] {
            let value = format!(
                "{} and {} for x {}",
                self.valid.len(),
                self.original.len(),
                self.x.shape()
            );
            return wrong("sizes of the images and of the originals", "one for each sample", value);
        }
        let fits = |&[h, w]: &[usize; 2]| (1..=height).contains(&h) && (1..=width).contains(&w);
        if let Some([h, w]) = self.valid.iter().find(|size| !fits(size)) {
            let value = format!("{h}x{w} where x is {}", self.x.shape());
            return wrong("size of an image", "at least 1x1 and at most that of x", value);
        }
        match self.original.iter().find(|size| size.contains(&0)) {
            Some([h, w]) => wrong("size of an original", "at least 1x1", format!("{h}x{w}")),
            None => Ok(()),
        }
    }

    /// The only image; an error where there is another number of them.
    pub(super) fn one(&self) -> Result<Image> {
        self.check()?;
        match self.original[..] {
            [original] => Ok(Image { original }),
            _ => Err(Error::at("images")(ShapeError::Parameter {
                parameter: "batch of x",
                must: "1 where single results are asked for",
                value: self.original.len().to_string(),
            })),
        }
    }
}

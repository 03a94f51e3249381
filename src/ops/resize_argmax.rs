//! The channel of the largest value of images that are resized first, so that what may be the largest tensor of a network, its
//! scores at the size of the photograph, is never stored.
//!
//! x `[N, C, h, w]` -> `[N, 1, H, W]` with H, W the `output_size`. Where there is a `via`, x is resized to that size; of
//! the result, or of x, the upper left of `input_size` is resized to the `output_size`; the output is the index c of the
//! largest value there, as [`Argmax`](super::Argmax) gives it. Both times as [`Resize`](super::Resize) does in mode bilinear.
//! Segmenters make labels like this: scores at a quarter of the size go to that of the padded photograph, and the part that
//! is the photograph to its original size.
//! Definition: `torch.nn.functional.interpolate(..., mode="bilinear", align_corners=False)` and
//! `torch.argmax(x, 1, keepdim=True)`.

use super::argmax::exact_indices;
use super::op::{Op, required};
use super::resize::part;
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, positive};

/// The parameters of the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResizeArgmax {
    /// Height and width of the output.
    pub output_size: [usize; 2],
    /// Height and width of what is cut from the upper left of x, or of x at the size of `via`; all of it where nothing is
    /// said.
    pub input_size: Option<[usize; 2]>,
    /// Height and width to which x is resized before.
    pub via: Option<[usize; 2]>,
}

/// The sizes of the operator, checked.
pub(crate) struct Checked {
    pub batch: usize,
    pub channels: usize,
    /// Height and width of x.
    pub x: [usize; 2],
    /// Those of the image that is resized to the output.
    pub image: [usize; 2],
}

impl ResizeArgmax {
    /// Of images of this size, made of all of x at once.
    pub fn new(output_size: [usize; 2]) -> Self {
        ResizeArgmax { output_size, input_size: None, via: None }
    }

    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<Checked, ShapeError> {
        let [x] = required(self, inputs)?;
        positive("output_size", self.output_size)?;
        let [batch, channels, height, width] = x.nchw("x")?;
        exact_indices(channels)?;
        let x = [height, width];
        let image = match self.via {
            Some(via) => {
                positive("via", via)?;
                part("via", via, self.input_size)?
            }
            None => part("x", x, self.input_size)?,
        };
        Ok(Checked { batch, channels, x, image })
    }
}

impl Op for ResizeArgmax {
    fn name(&self) -> &'static str {
        "resize_argmax"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let Checked { batch, .. } = self.checked(inputs)?;
        let [height, width] = self.output_size;
        Ok(Shape::from([batch, 1, height, width]))
    }

    /// For each channel of a pixel a comparison, and products and sums of the values around its place: two along each axis,
    /// four where those are made of two each.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { channels, .. } = self.checked(inputs)?;
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let each = if self.via.is_some() { 35 } else { 9 };
        Ok(outputs.saturating_mul(channels as u64).saturating_mul(each + 1))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }

    fn largest_index(&self, inputs: &[&Shape]) -> Result<usize, ShapeError> {
        Ok(self.checked(inputs)?.channels - 1)
    }
}

impl Attributed for ResizeArgmax {
    fn blank(_: bool, _: bool) -> Self {
        ResizeArgmax::new([1, 1])
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("output_size", &mut self.output_size, None)?;
        v.visit("input_size", &mut self.input_size, Some(None))?;
        v.visit("via", &mut self.via, Some(None))
    }
}

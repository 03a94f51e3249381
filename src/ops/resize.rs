//! Images of another size.
//!
//! x `[N, C, H, W]`, residual `[N, C, H', W']` -> `[N, C, H', W']` with H', W' the `output_size`; the residual is added. With
//! an `input_size` the image is only that many rows and columns of x, the upper left ones: what lies beyond them is
//! padding, which is not read, and H and W below are theirs.
//! With [`Interpolation::Nearest`] output row i is row floor(i*H / H'). With [`Interpolation::Bilinear`] it lies at
//! max((i + 1/2) * H / H' - 1/2, 0), between a row and the next one, of which there is none below the last: the last row
//! stands for it. Each of the two counts by its nearness, one that is 0 away from the place with 1 and the other with 0,
//! which is multiplied too. Columns likewise.
//! Definition: `torch.nn.functional.interpolate(x, size=..., mode=..., align_corners=False)`, where all places are exact:
//! PyTorch rounds H / H' first in mode nearest, and now and then reads the row before.

use super::op::{Op, required};
use super::value::{Attributed, Done, Value, Visitor, named_values};
use crate::error::ShapeError;
use crate::shape::{Shape, by, positive};

/// How an output pixel between pixels of the input is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Interpolation {
    /// It is one of them.
    #[default]
    Nearest,
    /// It is a mean of the four around it, each counted by how near it is.
    Bilinear,
}

impl Interpolation {
    /// Every interpolation with its name.
    pub const ALL: [(&'static str, Interpolation); 2] =
        [("nearest", Interpolation::Nearest), ("bilinear", Interpolation::Bilinear)];
}

/// The parameters of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(alias = "interpolate")]
#[doc(alias = "upsample")]
pub struct Resize {
    /// Height and width of the output.
    pub output_size: [usize; 2],
    /// Height and width of the image in the upper left of x, where that is not all of x.
    pub input_size: Option<[usize; 2]>,
    /// How pixels are made.
    pub mode: Interpolation,
    /// Whether the last input is added, as in the sums of a feature pyramid from its top down.
    pub residual: bool,
}

impl Resize {
    /// Images of this size, made in this way, and nothing added.
    pub fn new(output_size: [usize; 2], mode: Interpolation) -> Self {
        Resize { output_size, input_size: None, mode, residual: false }
    }

    /// Sizes of x, `[N, C, H, W]`, and of the image in it, checked.
    pub(crate) fn checked(
        &self,
        inputs: &[&Shape],
    ) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x] = required(self, inputs)?;
        positive("output_size", self.output_size)?;
        let sizes @ [batch, channels, height, width] = x.nchw("x")?;
        let image = part("x", [height, width], self.input_size)?;
        if let Some(residual) = inputs.get(1) {
            residual.nchw("residual")?;
            let [height, width] = self.output_size;
            let output = Shape::from([batch, channels, height, width]);
            for (axis, name) in ["batch", "channels", "height", "width"].into_iter().enumerate() {
                let size = output.dims()[axis];
                residual
                    .expect("residual", axis, name, size, || format!("the output is {output}"))?;
            }
        }
        Ok((sizes, image))
    }
}

/// The size of an image in the upper left of one of this size: all of it where nothing is said.
pub(super) fn part(
    of: &str,
    whole: [usize; 2],
    input_size: Option<[usize; 2]>,
) -> Result<[usize; 2], ShapeError> {
    let Some(size) = input_size else { return Ok(whole) };
    positive("input_size", size)?;
    if size[0] > whole[0] || size[1] > whole[1] {
        let value = format!("{} where {of} is {}", by(&size), by(&whole));
        let (parameter, must) =
            ("input_size", "at most the height and width of what it is cut from");
        return Err(ShapeError::Parameter { parameter, must, value });
    }
    Ok(size)
}

impl Op for Resize {
    fn name(&self) -> &'static str {
        "resize"
    }

    fn inputs(&self) -> Vec<&'static str> {
        if self.residual { vec!["x", "residual"] } else { vec!["x"] }
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels, ..], _) = self.checked(inputs)?;
        let [height, width] = self.output_size;
        Ok(Shape::from([batch, channels, height, width]))
    }

    /// Two products and a sum for each of three means, and the residual.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let each = match self.mode {
            Interpolation::Nearest => 0,
            Interpolation::Bilinear => 9,
        };
        Ok(outputs.saturating_mul(each + u64::from(self.residual)))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        vec![true; inputs.len()]
    }
}

impl Attributed for Resize {
    fn blank(_: bool, apart: bool) -> Self {
        Resize { residual: apart, ..Resize::new([1, 1], Interpolation::default()) }
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("output_size", &mut self.output_size, None)?;
        v.visit("input_size", &mut self.input_size, Some(None))?;
        v.visit("mode", &mut self.mode, Some(Interpolation::default()))
    }
}

named_values! { Interpolation: "nearest or bilinear" }

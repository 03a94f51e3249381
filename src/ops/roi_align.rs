//! Averages of bilinear samples in the bins of boxes: how detectors cut the features of a proposal out of a map.
//!
//! x `[N, C, H, W]`, rois `[R, 5]` of (sample, x1, y1, x2, y2) with the corners in pixels of the image -> `[R, C, Ph, Pw]` with
//! Ph, Pw the `output_size`. Along each axis a box begins at `start = y1*spatial_scale - 0.5` (without the 0.5 where not
//! `aligned`) and is `length = (y2 - y1)*spatial_scale` long (at least 1 where not `aligned`). Bin p of P has
//! `g = sampling_ratio` samples, or `g = ceil(length / P)` where that is 0, at `start + (p + (k + 0.5)/g) * length/P`.
//! A bin is the mean over its samples of both axes, and zero where it has none, as in an empty box.
//! A sample is zero where a coordinate is below -1 or above the size of the axis; otherwise the coordinate is clamped at 0, and
//! from the last pixel on it is that pixel. A box whose corners are not finite is zero, and so is one whose sample is none of the
//! batch, where that is not known beforehand: of tensors on the host it is an error.
//! Coordinates are computed in single precision; that moves samples by up to 16 ε times the largest coordinate on the map.
//! Where tensors are stored in half precision, corners have 11 bits: whole pixels up to 2048.
//! Definition: `torchvision.ops.roi_align`, and `RoIAlign` of mmcv with `pool_mode='avg'`.

use super::op::{Op, required};
use super::value::{Attributed, Done, Visitor};
use crate::error::ShapeError;
use crate::shape::{Shape, positive};

/// The parameters of RoIAlign.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiAlign {
    /// Bins of a box along each axis.
    pub output_size: [usize; 2],
    /// Pixels of the map per pixel of the image: 1/4 for a map of stride 4.
    pub spatial_scale: f32,
    /// Samples of a bin along each axis; 0: one for each pixel of the map that it covers, rounded up.
    pub sampling_ratio: usize,
    /// Whether coordinates are those of pixel centres, which moves boxes by half a pixel of the map.
    pub aligned: bool,
}

impl RoiAlign {
    /// As detectors have it: as many samples as a bin covers pixels, aligned.
    pub fn new(output_size: [usize; 2], spatial_scale: f32) -> Self {
        RoiAlign { output_size, spatial_scale, sampling_ratio: 0, aligned: true }
    }

    /// Sizes of x, `[N, C, H, W]`, and the number of boxes.
    pub(crate) fn checked(&self, inputs: &[&Shape]) -> Result<([usize; 4], usize), ShapeError> {
        let [x, rois] = required(self, inputs)?;
        positive("output_size", self.output_size)?;
        if !(self.spatial_scale.is_finite() && self.spatial_scale > 0.0) {
            return Err(ShapeError::Parameter {
                parameter: "spatial_scale",
                must: "finite and above 0",
                value: self.spatial_scale.to_string(),
            });
        }
        let sizes = x.nchw("x")?;
        let [boxes, _] = rois.array::<2>("rois", "[R, 5]")?;
        rois.expect("rois", 1, "numbers of a box", 5, || "sample, x1, y1, x2, y2".to_owned())?;
        Ok((sizes, boxes))
    }
}

impl Op for RoiAlign {
    fn name(&self) -> &'static str {
        "roi_align"
    }

    fn inputs(&self) -> Vec<&'static str> {
        vec!["x", "rois"]
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([_, channels, ..], boxes) = self.checked(inputs)?;
        let [height, width] = self.output_size;
        Ok(Shape::from([boxes, channels, height, width]))
    }

    /// Every box is in a sample of x.
    fn check_values(&self, inputs: &[(&Shape, &[f32])]) -> Result<(), ShapeError> {
        let [(x, _), (rois, values)] = inputs else { return Ok(()) };
        let batch = x.dims().first().map_or(0.0, |&batch| batch as f32);
        let mut samples = values.iter().step_by(5).enumerate();
        match samples.find(|(_, sample)| !(0.0..batch).contains(*sample)) {
            None => Ok(()),
            Some((roi, sample)) => Err(ShapeError::Parameter {
                parameter: "the sample of each box, the first column of rois,",
                must: "that of an image of x, counted from 0",
                value: format!("{sample} in row {roi} of rois {rois}, where x is {x}"),
            }),
        }
    }

    /// Four multiply-adds for each sample and the mean, with one sample in a bin where their number follows from the boxes.
    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let samples = self.sampling_ratio.max(1) as u64;
        let each = samples.saturating_mul(samples).saturating_mul(8).saturating_add(1);
        Ok(outputs.saturating_mul(each))
    }

    /// The boxes are cut apart; each reads all of x.
    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input == 1).collect()
    }
}

impl Attributed for RoiAlign {
    fn blank(_: bool, _: bool) -> Self {
        RoiAlign::new([1, 1], 1.0)
    }

    fn visit<V: Visitor>(&mut self, v: &mut V) -> Done<V> {
        v.visit("output_size", &mut self.output_size, None)?;
        v.visit("spatial_scale", &mut self.spatial_scale, Some(1.0))?;
        v.visit("sampling_ratio", &mut self.sampling_ratio, Some(0))?;
        v.visit("aligned", &mut self.aligned, Some(true))
    }
}

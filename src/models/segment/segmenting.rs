//! A segmenter with its weights where it runs: from images to what each pixel belongs to.

use std::sync::Arc;

use super::segmenter::Segmenter;
use crate::error::{Error, Result, ShapeError};
use crate::models::images::Images;
use crate::models::model::Model;
use crate::ops::{Interpolation, Resize, ResizeArgmax};
use crate::plan::{Layer, Loaded};
use crate::shape::Shape;
use crate::tensor::{StateDict, Tensor};

/// What each pixel of an image belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelMap {
    /// Height and width of the original image.
    pub size: [usize; 2],
    /// The number of the class of each pixel, row by row.
    pub labels: Vec<u16>,
}

/// A segmenter that is ready to run.
#[derive(Debug, Clone)]
pub struct Segmenting<L> {
    pub(super) segmenter: Segmenter,
    pub(super) network: L,
}

/// The name of the logits at a quarter of the size.
const LOGITS: &str = "logits_s4";

impl Segmenter {
    /// Brings it to where it is to run, by `load`: `|layer, weights| gpu.load_shared(layer, weights)` for a device,
    /// [`reference::Network::new`](crate::reference::Network::new) for the reference.
    pub fn load<L: Loaded>(
        &self,
        weights: StateDict,
        load: impl Fn(Arc<dyn Layer>, StateDict) -> Result<L>,
    ) -> Result<Segmenting<L>> {
        self.check_weights(&weights)?;
        let network = load(Arc::new(self.clone()), weights)?;
        Ok(Segmenting { segmenter: self.clone(), network })
    }
}

impl<L: Loaded> Segmenting<L> {
    /// The segmenter.
    pub fn segmenter(&self) -> &Segmenter {
        &self.segmenter
    }

    /// The network where it runs.
    pub fn network(&self) -> &L {
        &self.network
    }

    /// What each pixel of each image belongs to: the class of the largest logit once the logits have the size of the image,
    /// the first of equal ones.
    pub fn segment(&self, images: &Images) -> Result<Vec<LabelMap>> {
        images.check()?;
        let via = sides(&images.x)?;
        let logits = self.logits(&images.x)?;
        let each = logits.into_iter().zip(&images.valid).zip(&images.original);
        each.map(|((logits, &valid), &size)| self.largest(&logits, via, valid, size)).collect()
    }

    /// [`Segmenting::segment`] with the network seeing a window of each image at a time, so many pixels high and wide and so
    /// many from the one before, the last ones pulled back inside. Where windows overlap, the logits are their mean.
    pub fn slide(
        &self,
        images: &Images,
        window: [usize; 2],
        stride: [usize; 2],
    ) -> Result<Vec<LabelMap>> {
        images.check()?;
        if let Some(&value) = window.iter().chain(&stride).find(|&&side| side == 0) {
            let (parameter, must) = ("window and stride", "at least 1x1");
            let value = value.to_string();
            return Err(Error::at("slide")(ShapeError::Parameter { parameter, must, value }));
        }
        let samples = images.valid.iter().zip(&images.original).enumerate();
        samples
            .map(|(sample, (&valid, &size))| {
                let logits = self.network.place(&self.means(images, sample, window, stride)?)?;
                self.largest(&logits, sides(&images.x)?, valid, size)
            })
            .collect()
    }

    /// The results of these names for one image, in the order of [`Model::results`]: maps as they are, `seg_logits`
    /// `[1, classes, H, W]` and `seg_map` `[1, 1, H, W]` at the size of the original.
    pub fn forward(&self, images: &Images, names: &[&str]) -> Result<Vec<(String, Tensor)>> {
        let original = images.one()?.original;
        let known = self.segmenter.results();
        if let Some(output) = names.iter().find(|name| !known.contains(name)) {
            return Err(Error::UnknownOutput {
                network: self.segmenter.name(),
                output: (*output).to_owned(),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        let (valid, via) = (images.valid[0], sides(&images.x)?);
        let decided = ["seg_logits", "seg_map"];
        let wanted = known.into_iter().filter(|name| names.contains(name));
        let (last, mut of_network): (Vec<&str>, Vec<&str>) =
            wanted.partition(|name| decided.contains(name));
        let asked = of_network.len();
        of_network.push(LOGITS);
        let x = self.network.place(&images.x)?;
        let mut tensors = self.network.run_placed(&[&x], &of_network)?;
        let missing = || Error::Internal(format!("a segmenter gives {LOGITS}"));
        let logits = tensors.pop().ok_or_else(missing)?;
        let mut results = Vec::new();
        for (name, tensor) in of_network[..asked].iter().zip(&tensors) {
            results.push(((*name).to_owned(), self.network.fetch(tensor)?));
        }
        for name in last {
            let tensor = match name {
                "seg_logits" => {
                    let op = Resize::new(via, Interpolation::Bilinear);
                    let padded = self.network.apply(op.into(), &[&logits])?;
                    let op = Resize::new(original, Interpolation::Bilinear);
                    let op = Resize { input_size: Some(valid), ..op };
                    self.network.fetch(&self.network.apply(op.into(), &[&padded])?)?
                }
                _ => self.network.fetch(&self.labelled(&logits, via, valid, original)?)?,
            };
            results.push((name.to_owned(), tensor));
        }
        Ok(results)
    }

    /// The logits of each image of a batch, at a quarter of its size.
    fn logits(&self, x: &Tensor) -> Result<Vec<L::Tensor>> {
        let logits = self.network.run_placed(&[&self.network.place(x)?], &[LOGITS])?;
        // Most often there is one: it stays where it is.
        if x.shape().dims().first() == Some(&1) {
            return Ok(logits);
        }
        let all = logits.iter().map(|logits| samples(&self.network.fetch(logits)?));
        let all = all.collect::<Result<Vec<_>>>()?;
        all.iter().flatten().map(|sample| self.network.place(sample)).collect()
    }

    /// The class of each pixel, from the logits of one image.
    fn largest(
        &self,
        logits: &L::Tensor,
        via: [usize; 2],
        valid: [usize; 2],
        size: [usize; 2],
    ) -> Result<LabelMap> {
        let labels = self.network.fetch(&self.labelled(logits, via, valid, size)?)?;
        Ok(LabelMap { size, labels: labels.data().iter().map(|&label| label as u16).collect() })
    }

    /// The map of labels at the size of the original, of logits that belong to an image of the size `via`, of which `valid`
    /// is no padding.
    fn labelled(
        &self,
        logits: &L::Tensor,
        via: [usize; 2],
        valid: [usize; 2],
        size: [usize; 2],
    ) -> Result<L::Tensor> {
        let op =
            ResizeArgmax { via: Some(via), input_size: Some(valid), ..ResizeArgmax::new(size) };
        self.network.apply(op.into(), &[logits])
    }

    /// The mean logits of the windows of one image, at the size of the whole of its sample.
    fn means(
        &self,
        images: &Images,
        sample: usize,
        window: [usize; 2],
        stride: [usize; 2],
    ) -> Result<Tensor> {
        let [_, channels, height, width] =
            images.x.shape().nchw("x").map_err(Error::at("slide"))?;
        let size = [height, width];
        let window = [0, 1].map(|axis| window[axis].min(size[axis]));
        let all = samples(&images.x)?;
        let image = all.get(sample).map_or(&[][..], Tensor::data);
        let classes = self.segmenter.classes().unwrap_or(1);
        let mut sums = vec![0.0f64; classes * height * width];
        let mut counts = vec![0u32; height * width];
        let starts = |axis: usize| {
            let last = size[axis] - window[axis];
            (0..last.div_ceil(stride[axis]) + 1).map(move |at| (at * stride[axis]).min(last))
        };
        for top in starts(0) {
            for left in starts(1) {
                let rows = (0..channels).flat_map(|channel| {
                    (0..window[0]).flat_map(move |row| {
                        let from = (channel * height + top + row) * width + left;
                        image.get(from..from + window[1]).unwrap_or_default().iter().copied()
                    })
                });
                let shape = [1, channels, window[0], window[1]];
                let x = Tensor::new(shape, rows.collect()).map_err(Error::at("slide"))?;
                let logits = self.network.place(&x)?;
                let logits = self.network.run_placed(&[&logits], &[LOGITS])?;
                let op = Resize::new(window, Interpolation::Bilinear);
                let Some(logits) = logits.first() else { continue };
                let logits = self.network.fetch(&self.network.apply(op.into(), &[logits])?)?;
                for (at, &logit) in logits.data().iter().enumerate() {
                    let (place, column) = (at / window[1], at % window[1]);
                    let (class, row) = (place / window[0], place % window[0]);
                    sums[(class * height + top + row) * width + left + column] += f64::from(logit);
                }
                for row in top..top + window[0] {
                    let from = row * width + left;
                    counts[from..from + window[1]].iter_mut().for_each(|count| *count += 1);
                }
            }
        }
        let means = sums.iter().zip(counts.iter().cycle());
        let means = means.map(|(sum, &count)| (sum / f64::from(count)) as f32).collect();
        Tensor::new([1, classes, height, width], means).map_err(Error::at("slide"))
    }
}

/// Height and width of x.
fn sides(x: &Tensor) -> Result<[usize; 2]> {
    let [_, _, height, width] = x.shape().nchw("x").map_err(Error::at("segmenter"))?;
    Ok([height, width])
}

/// Each sample of a batch by itself.
fn samples(x: &Tensor) -> Result<Vec<Tensor>> {
    let mut dims = x.shape().dims().to_vec();
    let batch = dims.first().copied().unwrap_or(1).max(1);
    if let Some(first) = dims.first_mut() {
        *first = 1;
    }
    let parts = x.data().chunks((x.data().len() / batch).max(1));
    let sample = |data: &[f32]| Tensor::new(Shape::new(dims.clone()), data.to_vec());
    parts.map(sample).collect::<std::result::Result<_, _>>().map_err(Error::at("segmenter"))
}

//! A detector with its weights where it runs: from images to objects.

use std::sync::Arc;

use super::boxes::{Box4, level_of, paste};
use super::decide::{
    Level, MOST_OBJECTS, MOST_PROPOSALS, Scored, of_levels, of_proposals, proposals, sigmoid,
};
use super::detector::{Detector, Head};
use super::heads::LEVELS;
use crate::error::{Error, Result};
use crate::models::images::Images;
use crate::models::model::{Model, split_weights};
use crate::plan::{Layer, Loaded};
use crate::shape::Shape;
use crate::tensor::{StateDict, Tensor};

/// An object in an image.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Detection {
    /// Left, top, right and bottom, in pixels of the original image.
    pub corners: Box4,
    /// How sure the network is, from 0 to 1.
    pub score: f32,
    /// The number of its class.
    pub label: usize,
    /// Which pixels of the original image it covers, row by row, where the network paints masks.
    pub mask: Option<Vec<bool>>,
}

/// A detector that is ready to run. Between its stages the maps of the pyramid stay where it runs.
#[derive(Debug, Clone)]
pub struct Detecting<L> {
    pub(super) detector: Detector,
    /// The maps, then the head for boxes, then that for masks, as far as there are some.
    pub(super) stages: Vec<L>,
}

/// What the first stage says of a batch.
struct Maps<T> {
    /// Those that boxes are read from.
    pooled: Vec<T>,
    /// The logits and deltas of each level.
    levels: Vec<[Tensor; 2]>,
}

/// What was found in one image, step by step.
struct Found {
    proposals: Vec<Scored>,
    /// Logits of the proposals' classes, and deltas of their boxes.
    of_boxes: [Vec<f32>; 2],
    objects: Vec<Scored>,
    /// The logits of the label's mask of each object.
    masks: Vec<Vec<f32>>,
}

/// The side of a mask.
const SIDE: usize = 28;

impl Detector {
    /// Brings each stage to where it is to run, by `load`: `|layer, weights| gpu.load_shared(layer, weights)` for a device,
    /// [`reference::Network::new`](crate::reference::Network::new) for the reference. One error lists all that is wrong with
    /// the weights.
    pub fn load<L: Loaded>(
        &self,
        weights: StateDict,
        load: impl Fn(Arc<dyn Layer>, StateDict) -> Result<L>,
    ) -> Result<Detecting<L>> {
        let plans = self.plans(&self.preprocessing().input(1))?;
        let parts = split_weights(&self.name(), &plans, weights)?.into_iter();
        let layers = std::iter::once(Arc::new(self.clone()) as Arc<dyn Layer>);
        let others = self.later().into_iter().map(|stage| Arc::new(stage) as Arc<dyn Layer>);
        let mut stages = Vec::new();
        for (layer, weights) in layers.chain(others).zip(parts) {
            stages.push(load(layer, weights)?);
        }
        Ok(Detecting { detector: self.clone(), stages })
    }
}

impl<L: Loaded> Detecting<L> {
    /// The detector.
    pub fn detector(&self) -> &Detector {
        &self.detector
    }

    /// Its stages where they run: the maps, then the head for boxes and that for masks, where there are some.
    pub fn stages(&self) -> &[L] {
        &self.stages
    }

    /// The objects in each image, the surest first: 100 at most, with scores above 0.05.
    pub fn detect(&self, images: &Images) -> Result<Vec<Vec<Detection>>> {
        images.check()?;
        let maps = self.maps(images)?;
        (0..images.valid.len())
            .map(|sample| {
                let found = self.find(&maps, images, sample)?;
                let size = images.original[sample];
                let masks = found.masks.iter().map(Some).chain(std::iter::repeat(None));
                let objects = found.objects.iter().zip(masks);
                Ok(objects
                    .map(|(object, mask)| Detection {
                        corners: object.corners,
                        score: object.score,
                        label: object.label,
                        mask: mask.map(|mask| painted(mask, object.corners, size)),
                    })
                    .collect())
            })
            .collect()
    }

    /// The results of these names for one image, in the order of [`Model::results`]: maps and logits as they are, and
    /// `proposals` `[n, 5]` (corners and score), `cls_score`, `bbox_pred`, `det_boxes` `[n, 4]`, `det_scores`, `det_labels`,
    /// `mask_logits` `[n, 28, 28]` of the label's mask, and `masks` `[n, H, W]` of ones and zeros.
    pub fn forward(&self, images: &Images, names: &[&str]) -> Result<Vec<(String, Tensor)>> {
        let image = images.one()?;
        let known = self.detector.results();
        if let Some(output) = names.iter().find(|name| !known.contains(name)) {
            return Err(Error::UnknownOutput {
                network: self.detector.name(),
                output: (*output).to_owned(),
                known: known.into_iter().map(str::to_owned).collect(),
            });
        }
        let plan = self.detector.plan(images.x.shape())?;
        let of_first = |name: &str| plan.outputs().iter().any(|(known, _)| known == name);
        let (of_maps, decided): (Vec<&str>, Vec<&str>) =
            known.into_iter().filter(|name| names.contains(name)).partition(|name| of_first(name));
        let mut results = Vec::new();
        if let (Some(stage), false) = (self.stages.first(), of_maps.is_empty()) {
            let x = stage.place(&images.x)?;
            for (name, tensor) in of_maps.iter().zip(stage.run_placed(&[&x], &of_maps)?) {
                results.push(((*name).to_owned(), stage.fetch(&tensor)?));
            }
        }
        if decided.is_empty() {
            return Ok(results);
        }
        let found = self.find(&self.maps(images)?, images, 0)?;
        let classes = self.detector.class_count();
        let corners = |of: &[Scored]| of.iter().flat_map(|it| it.corners).collect::<Vec<f32>>();
        let each =
            |value: fn(&Scored) -> f32| found.objects.iter().map(value).collect::<Vec<f32>>();
        let (proposed, count) = (found.proposals.len(), found.objects.len());
        for name in decided {
            let (shape, data) = match name {
                "proposals" => {
                    let rows = found.proposals.iter();
                    let rows = rows.flat_map(|it| it.corners.into_iter().chain([it.score]));
                    (vec![proposed, 5], rows.collect())
                }
                "cls_score" => (vec![proposed, classes + 1], found.of_boxes[0].clone()),
                "bbox_pred" => (vec![proposed, 4 * classes], found.of_boxes[1].clone()),
                "det_boxes" => (vec![count, 4], corners(&found.objects)),
                "det_scores" => (vec![count], each(|it| it.score)),
                "det_labels" => (vec![count], each(|it| it.label as f32)),
                "mask_logits" => (vec![count, SIDE, SIDE], found.masks.concat()),
                _ => {
                    let objects = found.objects.iter().zip(&found.masks);
                    let masks =
                        objects.flat_map(|(it, mask)| painted(mask, it.corners, image.original));
                    let [height, width] = image.original;
                    (vec![count, height, width], masks.map(|is| f32::from(u8::from(is))).collect())
                }
            };
            let tensor = Tensor::new(Shape::new(shape), data).map_err(Error::at("detector"))?;
            results.push((name.to_owned(), tensor));
        }
        Ok(results)
    }

    /// Runs the first stage.
    fn maps(&self, images: &Images) -> Result<Maps<L::Tensor>> {
        let stage = self.stage(0)?;
        let pooled = if self.stages.len() > 1 { Detector::pooled() } else { &[] };
        let levels = self.detector.levels();
        let said: Vec<&str> = levels.iter().flat_map(|(_, names)| *names).collect();
        let x = stage.place(&images.x)?;
        let mut results = stage.run_placed(&[&x], &[pooled, &said].concat())?;
        drop(x);
        let said = results.split_off(pooled.len());
        let fetch = |pair: &[L::Tensor]| match pair {
            [logits, deltas] => Ok([stage.fetch(logits)?, stage.fetch(deltas)?]),
            _ => Err(Error::Internal("a level has logits and deltas".to_owned())),
        };
        Ok(Maps { pooled: results, levels: said.chunks(2).map(fetch).collect::<Result<_>>()? })
    }

    fn stage(&self, index: usize) -> Result<&L> {
        let missing = || Error::Internal(format!("a detector has no stage {index}"));
        self.stages.get(index).ok_or_else(missing)
    }

    /// What is in one image of a batch.
    fn find(&self, maps: &Maps<L::Tensor>, images: &Images, sample: usize) -> Result<Found> {
        let (image, original) = (images.valid[sample], images.original[sample]);
        let factor = [1, 0].map(|axis| image[axis] as f32 / original[axis] as f32);
        let levels = self.detector.levels().into_iter().zip(&maps.levels);
        let levels = levels.map(|((anchors, _), [logits, deltas])| {
            let [batch, _, height, width] =
                logits.shape().nchw("logits").map_err(Error::at("detector"))?;
            let of = |tensor: &'_ Tensor| tensor.data().len() / batch;
            let own = |tensor| sample * of(tensor)..(sample + 1) * of(tensor);
            let (logits, deltas) = (&logits.data()[own(logits)], &deltas.data()[own(deltas)]);
            Ok(Level { anchors, size: [height, width], logits, deltas })
        });
        let levels = levels.collect::<Result<Vec<_>>>()?;
        let classes = self.detector.class_count();
        let mut found = Found {
            proposals: Vec::new(),
            of_boxes: [Vec::new(), Vec::new()],
            objects: Vec::new(),
            masks: Vec::new(),
        };
        match &self.detector.head {
            Head::Retina(_) => found.objects = of_levels(&levels, classes, image, factor),
            Head::TwoStage { masks, .. } => {
                found.proposals = proposals(&levels, image);
                let corners: Vec<Box4> = found.proposals.iter().map(|it| it.corners).collect();
                let most = MOST_PROPOSALS;
                let read =
                    self.read(1, maps, sample, &corners, most, &["cls_score", "bbox_pred"])?;
                if let [logits, deltas] = &read[..] {
                    let [logits, deltas] = [logits, deltas].map(|it| it.data());
                    let of = [classes + 1, 4 * classes].map(|row| row * corners.len());
                    found.of_boxes = [logits[..of[0]].to_vec(), deltas[..of[1]].to_vec()];
                }
                let [logits, deltas] = &found.of_boxes;
                found.objects =
                    of_proposals(&found.proposals, logits, deltas, classes, image, factor);
                if masks.is_some() {
                    found.masks = self.paint(maps, sample, &found.objects, factor)?;
                }
            }
        }
        Ok(found)
    }

    /// The logits of the mask of each object.
    fn paint(
        &self,
        maps: &Maps<L::Tensor>,
        sample: usize,
        objects: &[Scored],
        [across, down]: [f32; 2],
    ) -> Result<Vec<Vec<f32>>> {
        let seen = |object: &Scored| {
            let [x1, y1, x2, y2] = object.corners;
            [x1 * across, y1 * down, x2 * across, y2 * down]
        };
        let corners: Vec<Box4> = objects.iter().map(seen).collect();
        let read = self.read(2, maps, sample, &corners, MOST_OBJECTS, &["mask_logits"])?;
        let Some(logits) = read.first() else { return Ok(Vec::new()) };
        let cells = SIDE * SIDE;
        let classes = logits.shape().dims().get(1).copied().unwrap_or(1);
        let own = |(index, object): (usize, &Scored)| {
            let from = (index * classes + object.label.min(classes - 1)) * cells;
            logits.data().get(from..from + cells).map(<[f32]>::to_vec)
        };
        Ok(objects.iter().enumerate().filter_map(own).collect())
    }

    /// What a stage says of boxes of one image; nothing of none. The boxes are filled up with empty ones to a power of two, so
    /// that few numbers of boxes have to be made ready for.
    fn read(
        &self,
        stage: usize,
        maps: &Maps<L::Tensor>,
        sample: usize,
        corners: &[Box4],
        most: usize,
        names: &[&str],
    ) -> Result<Vec<Tensor>> {
        if corners.is_empty() {
            return Ok(Vec::new());
        }
        let stage = self.stage(stage)?;
        let rows = corners.len().next_power_of_two().min(most.max(corners.len()));
        let rois = (0..LEVELS).map(|level| {
            let row = |at: usize| {
                let own = corners.get(at).filter(|of| level_of(**of, LEVELS) == level);
                let [x1, y1, x2, y2] = own.copied().unwrap_or_default();
                [sample as f32, x1, y1, x2, y2]
            };
            let rois = Tensor::new([rows, 5], (0..rows).flat_map(row).collect());
            stage.place(&rois.map_err(Error::at("detector"))?)
        });
        let rois = rois.collect::<Result<Vec<_>>>()?;
        let inputs: Vec<&L::Tensor> = maps.pooled.iter().chain(&rois).collect();
        let results = stage.run_placed(&inputs, names)?;
        results.iter().map(|result| stage.fetch(result)).collect()
    }
}

/// The pixels of an image that the logits of an object's mask cover.
fn painted(logits: &[f32], corners: Box4, size: [usize; 2]) -> Vec<bool> {
    let cells: Vec<f32> = logits.iter().map(|&logit| sigmoid(logit) as f32).collect();
    paste(&cells, corners, size)
}

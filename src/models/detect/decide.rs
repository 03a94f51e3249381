//! What is decided on the host between the stages of a detector: which boxes are proposed, and which are kept.
//!
//! Definition: mmdetection 2.11, with its groups of suppression kept apart instead of moved by an offset.

use super::boxes::{Anchors, Box4, clip, decode, nms, top};

/// Boxes of a level that are looked at, and that are proposed of an image.
const MOST_OF_LEVEL: usize = 1000;
pub(super) const MOST_PROPOSALS: usize = 1000;

/// Objects that are kept of an image, the score that they must have more than, and how much two of a class may share.
pub(super) const MOST_OBJECTS: usize = 100;
const LEAST_SCORE: f64 = 0.05;
const SHARED: f64 = 0.5;

/// How much two proposals of a level may share.
const SHARED_BY_PROPOSALS: f64 = 0.7;

/// The deviations of the deltas of the head for boxes.
const BOX_DEVIATIONS: [f32; 4] = [0.1, 0.1, 0.2, 0.2];

/// What a network says of one map of one image.
pub(super) struct Level<'a> {
    pub anchors: Anchors,
    /// Height and width of the map.
    pub size: [usize; 2],
    /// `[anchors * classes, H, W]`.
    pub logits: &'a [f32],
    /// `[anchors * 4, H, W]`.
    pub deltas: &'a [f32],
}

impl Level<'_> {
    /// The box of an anchor, within the image.
    fn decoded(&self, base: &[Box4], number: usize, image: [usize; 2]) -> Box4 {
        let cells = self.size[0] * self.size[1];
        let (cell, anchor) = (number / base.len(), number % base.len());
        let delta = |which: usize| {
            self.deltas.get((anchor * 4 + which) * cells + cell).copied().unwrap_or_default()
        };
        let from = self.anchors.at(base, self.size[1], number);
        clip(decode(from, [0, 1, 2, 3].map(delta), [1.0; 4]), image)
    }

    /// The logit of a class of an anchor.
    fn logit(&self, number: usize, [class, classes]: [usize; 2]) -> f32 {
        let (cells, anchors) = (self.size[0] * self.size[1], self.anchors.per_cell());
        let row = number % anchors * classes + class;
        self.logits.get(row * cells + number / anchors).copied().unwrap_or(f32::NAN)
    }

    fn count(&self) -> usize {
        self.size[0] * self.size[1] * self.anchors.per_cell()
    }
}

/// A box, how sure the network is of it, and of what class it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub corners: Box4,
    pub score: f32,
    pub label: usize,
}

pub(super) fn sigmoid(logit: f32) -> f64 {
    1.0 / (1.0 + (-f64::from(logit)).exp())
}

/// The boxes that may hold an object, the likeliest first, in pixels of the image as the network sees it.
pub(super) fn proposals(levels: &[Level<'_>], image: [usize; 2]) -> Vec<Scored> {
    let mut found: Vec<(f32, Scored)> = Vec::new();
    for (index, level) in levels.iter().enumerate() {
        let base = level.anchors.base();
        let logits: Vec<f32> = (0..level.count()).map(|at| level.logit(at, [0, 1])).collect();
        found.extend(top(&logits, MOST_OF_LEVEL).into_iter().map(|at| {
            let (corners, score) = (level.decoded(&base, at, image), sigmoid(logits[at]) as f32);
            (logits[at], Scored { corners, score, label: index })
        }));
    }
    // Scores near 1 are alike where their logits are not.
    let logits: Vec<f32> = found.iter().map(|(logit, _)| *logit).collect();
    let found: Vec<Scored> = found.into_iter().map(|(_, scored)| scored).collect();
    kept(&found, &logits, SHARED_BY_PROPOSALS, MOST_PROPOSALS)
}

/// Those that are left when of two of one label that share more than this the one of the higher rank has dropped the other.
fn kept(found: &[Scored], rank: &[f32], shared: f64, most: usize) -> Vec<Scored> {
    let corners: Vec<Box4> = found.iter().map(|scored| scored.corners).collect();
    let labels: Vec<usize> = found.iter().map(|scored| scored.label).collect();
    let kept = nms(&corners, rank, &labels, shared, most);
    kept.into_iter().map(|at| found[at]).collect()
}

fn objects(found: &[Scored]) -> Vec<Scored> {
    let scores: Vec<f32> = found.iter().map(|scored| scored.score).collect();
    kept(found, &scores, SHARED, MOST_OBJECTS)
}

/// A box of the original image, from one of an image that is so many times as wide and as high.
fn scaled([x1, y1, x2, y2]: Box4, [across, down]: [f32; 2]) -> Box4 {
    [x1 / across, y1 / down, x2 / across, y2 / down]
}

/// The objects that a head for boxes finds in proposals, by its logits `[n, classes + 1]`, the last class being the
/// background, and its deltas `[n, 4 * classes]`. `image` is the size of what the network sees, `factor` how many times as wide
/// and as high it is as the original, in whose pixels the objects are.
pub(super) fn of_proposals(
    proposals: &[Scored],
    logits: &[f32],
    deltas: &[f32],
    classes: usize,
    image: [usize; 2],
    factor: [f32; 2],
) -> Vec<Scored> {
    let mut found = Vec::new();
    let rows = proposals.iter().zip(logits.chunks(classes + 1)).zip(deltas.chunks(4 * classes));
    for ((proposal, logits), deltas) in rows {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let power = |&logit: &f32| f64::from(logit - largest).exp();
        let sum: f64 = logits.iter().map(power).sum();
        for (label, (logit, deltas)) in logits.iter().zip(deltas.as_chunks::<4>().0).enumerate() {
            let score = power(logit) / sum;
            if score > LEAST_SCORE {
                let corners = clip(decode(proposal.corners, *deltas, BOX_DEVIATIONS), image);
                let (corners, score) = (scaled(corners, factor), score as f32);
                found.push(Scored { corners, score, label });
            }
        }
    }
    objects(&found)
}

/// The objects that a RetinaNet finds, in pixels of the original.
pub(super) fn of_levels(
    levels: &[Level<'_>],
    classes: usize,
    image: [usize; 2],
    factor: [f32; 2],
) -> Vec<Scored> {
    let mut found = Vec::new();
    for level in levels {
        let base = level.anchors.base();
        let logit = |at: usize, class: usize| level.logit(at, [class, classes]);
        let best = |at: usize| {
            (0..classes).map(|class| logit(at, class)).fold(f32::NEG_INFINITY, f32::max)
        };
        let best: Vec<f32> = (0..level.count()).map(best).collect();
        for at in top(&best, MOST_OF_LEVEL) {
            let corners = scaled(level.decoded(&base, at, image), factor);
            let likely = (0..classes).map(|label| (label, sigmoid(logit(at, label))));
            let likely = likely.filter(|(_, score)| *score > LEAST_SCORE);
            found.extend(likely.map(|(label, score)| Scored {
                corners,
                score: score as f32,
                label,
            }));
        }
    }
    objects(&found)
}

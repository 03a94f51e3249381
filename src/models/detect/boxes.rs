//! Boxes: anchors, their decoding, and which of them are kept. All of it on the host: a few thousand boxes an image.
//!
//! A box is `[x1, y1, x2, y2]` in pixels; its width is x2 - x1, without a pixel more. Definitions: Ren et al., "Faster
//! R-CNN", NeurIPS 2015; Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017; mmdetection 2.11.

use std::cmp::Ordering;

/// A box: left, top, right and bottom, in pixels.
pub type Box4 = [f32; 4];

/// How much larger or smaller than its anchor a box may be: the logarithm of 1000/16.
const MOST_SCALING: f64 = 4.135_166_556_742_356;

/// The anchors of one level of a feature pyramid.
#[derive(Debug, Clone, PartialEq)]
pub struct Anchors {
    /// Pixels of the image from a cell to the next.
    pub stride: usize,
    /// Sizes, in strides.
    pub scales: Vec<f64>,
    /// Heights over widths.
    pub ratios: Vec<f64>,
}

impl Anchors {
    /// Those of a region proposal network: one size of eight strides, and three shapes.
    pub fn proposals(stride: usize) -> Self {
        Anchors { stride, scales: vec![8.0], ratios: vec![0.5, 1.0, 2.0] }
    }

    /// Those of a RetinaNet: three sizes from four strides on, a third of an octave apart, and three shapes.
    pub fn retina(stride: usize) -> Self {
        let scales = [0.0, 1.0, 2.0].map(|third: f64| 4.0 * (third / 3.0).exp2()).to_vec();
        Anchors { scales, ..Anchors::proposals(stride) }
    }

    /// How many there are in a cell.
    pub fn per_cell(&self) -> usize {
        self.scales.len() * self.ratios.len()
    }

    /// The anchors around the origin, all sizes of the first shape first.
    pub fn base(&self) -> Vec<Box4> {
        let stride = self.stride as f64;
        let of = |ratio: f64, scale: f64| {
            let [w, h] = [scale * stride / ratio.sqrt(), scale * stride * ratio.sqrt()];
            [-w / 2.0, -h / 2.0, w / 2.0, h / 2.0].map(|side| side as f32)
        };
        let ratios = self.ratios.iter();
        ratios.flat_map(|&ratio| self.scales.iter().map(move |&scale| of(ratio, scale))).collect()
    }

    /// The anchor of this number on a map of this width: cell by cell, row by row, those of a cell side by side. Cell (x, y)
    /// lies at (x, y) * stride.
    pub fn at(&self, base: &[Box4], width: usize, number: usize) -> Box4 {
        let (cell, of_cell) = (number / base.len().max(1), number % base.len().max(1));
        let [x, y] = [cell % width.max(1), cell / width.max(1)].map(|at| (at * self.stride) as f32);
        let [x1, y1, x2, y2] = base.get(of_cell).copied().unwrap_or_default();
        [x1 + x, y1 + y, x2 + x, y2 + y]
    }
}

/// The box that a network's deltas `[dx, dy, dw, dh]`, times `deviations`, make of an anchor or a proposal: the centre moves
/// by parts of the size, the size grows by a power of e, at most by 1000/16 and at least by the inverse.
pub fn decode(from: Box4, deltas: [f32; 4], deviations: [f32; 4]) -> Box4 {
    let [x1, y1, x2, y2] = from.map(f64::from);
    let mut d = deltas.map(f64::from);
    d.iter_mut().zip(deviations).for_each(|(delta, deviation)| *delta *= f64::from(deviation));
    let [w, h] = [x2 - x1, y2 - y1];
    let [cx, cy] = [(x1 + x2) / 2.0 + w * d[0], (y1 + y2) / 2.0 + h * d[1]];
    let grown = |size: f64, by: f64| size * by.clamp(-MOST_SCALING, MOST_SCALING).exp() / 2.0;
    let [w, h] = [grown(w, d[2]), grown(h, d[3])];
    [cx - w, cy - h, cx + w, cy + h].map(|side| side as f32)
}

/// The part of a box within an image of this height and width.
pub fn clip([x1, y1, x2, y2]: Box4, [height, width]: [usize; 2]) -> Box4 {
    let [height, width] = [height, width].map(|size| size as f32);
    let within = |value: f32, size: f32| value.clamp(0.0, size);
    [within(x1, width), within(y1, height), within(x2, width), within(y2, height)]
}

/// The area that two boxes share, as a part of what they cover together; not a number where both are empty.
pub fn iou(a: Box4, b: Box4) -> f64 {
    let [a, b] = [a, b].map(|it| it.map(f64::from));
    let side = |axis: usize| (a[axis + 2].min(b[axis + 2]) - a[axis].max(b[axis])).max(0.0);
    let area = |it: [f64; 4]| (it[2] - it[0]) * (it[3] - it[1]);
    let shared = side(0) * side(1);
    shared / (area(a) + area(b) - shared)
}

/// Numbers of the highest scores, `most` at most, from the highest to the lowest; of equal ones the first comes first, and
/// those that are not numbers last.
pub fn top(scores: &[f32], most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    let compare = |&a: &usize, &b: &usize| {
        let by_value = scores[b].partial_cmp(&scores[a]).unwrap_or(Ordering::Equal);
        scores[a].is_nan().cmp(&scores[b].is_nan()).then(by_value).then(a.cmp(&b))
    };
    if most < order.len() {
        order.select_nth_unstable_by(most, compare);
        order.truncate(most);
    }
    order.sort_unstable_by(compare);
    order
}

/// Non-maximum suppression: the numbers of the boxes that are kept, from the highest score to the lowest, `most` at most. A box is dropped
/// where one of its own group with a higher score that is kept shares more than `threshold` with it (see [`iou`]). Empty boxes
/// drop none.
///
/// `boxes`, `scores` and `groups` (classes, or levels of a pyramid) have one entry for each box; the shortest counts.
pub fn nms(
    boxes: &[Box4],
    scores: &[f32],
    groups: &[usize],
    threshold: f64,
    most: usize,
) -> Vec<usize> {
    let count = boxes.len().min(scores.len()).min(groups.len());
    let mut kept_of = std::collections::HashMap::<usize, Vec<usize>>::new();
    let mut kept = Vec::new();
    for at in top(&scores[..count], count) {
        if kept.len() == most {
            break;
        }
        let own = kept_of.entry(groups[at]).or_default();
        if own.iter().all(|&other| {
            let shared = iou(boxes[other], boxes[at]);
            shared <= threshold || shared.is_nan()
        }) {
            own.push(at);
            kept.push(at);
        }
    }
    kept
}

/// Which of `levels` maps of a pyramid that begins with a stride of 4 a box is read from: one that is 112 pixels large, in the
/// root of its area, from the second, and so on by powers of two.
pub fn level_of([x1, y1, x2, y2]: Box4, levels: usize) -> usize {
    let area = f64::from(x2 - x1).max(0.0) * f64::from(y2 - y1).max(0.0);
    let level = (area.sqrt() / 56.0 + 1e-6).log2().floor();
    level.clamp(0.0, levels.saturating_sub(1) as f64) as usize
}

/// The mask `[height, width]` that an object's square mask of probabilities, row by row, stretched over its box, makes of an
/// image: bilinear between the middles of its cells, with zeros around it, true from one half on. Of an empty box there is
/// none.
pub fn paste(cells: &[f32], place: Box4, [height, width]: [usize; 2]) -> Vec<bool> {
    let side = cells.len().isqrt();
    let mut mask = vec![false; height * width];
    let [x1, y1, x2, y2] = place.map(f64::from);
    if !(x2 > x1 && y2 > y1) {
        return mask;
    }
    let cell = |row: i64, column: i64| {
        let inside = |at: i64| usize::try_from(at).ok().filter(|&at| at < side);
        let found = inside(row).zip(inside(column)).map(|(row, column)| cells[row * side + column]);
        found.map_or(0.0, f64::from)
    };
    let pixels = |from: f64, to: f64, size: usize| {
        let first = (from.floor() - 1.0).clamp(0.0, size as f64) as usize;
        first..((to.ceil() + 1.0).clamp(0.0, size as f64) as usize)
    };
    for i in pixels(y1, y2, height) {
        let v = (i as f64 + 0.5 - y1) / (y2 - y1) * side as f64 - 0.5;
        let (row, down) = (v.floor() as i64, v - v.floor());
        for j in pixels(x1, x2, width) {
            let u = (j as f64 + 0.5 - x1) / (x2 - x1) * side as f64 - 0.5;
            let (column, across) = (u.floor() as i64, u - u.floor());
            let along = |row| cell(row, column) * (1.0 - across) + cell(row, column + 1) * across;
            mask[i * width + j] = along(row) * (1.0 - down) + along(row + 1) * down >= 0.5;
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Box4, expected: Box4) {
        let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
        assert!(close, "{found:?} {expected:?}");
    }

    #[test]
    fn anchors_are_the_published_ones() {
        let base = Anchors::proposals(4).base();
        near(base[0], [-22.6274, -11.3137, 22.6274, 11.3137]);
        near(base[1], [-16.0, -16.0, 16.0, 16.0]);
        near(base[2], [-11.3137, -22.6274, 11.3137, 22.6274]);
        let retina = Anchors::retina(8);
        assert_eq!(retina.per_cell(), 9);
        near(retina.base()[1], [-28.5088, -14.2544, 28.5088, 14.2544]);
        // Cell (2, 1) of a map five wide, its second anchor.
        near(Anchors::proposals(4).at(&base, 5, (5 + 2) * 3 + 1), [-8.0, -12.0, 24.0, 20.0]);
    }

    #[test]
    fn deltas_move_and_stretch() {
        let from = [10.0, 20.0, 30.0, 60.0];
        near(decode(from, [0.0; 4], [1.0; 4]), from);
        near(decode(from, [1.0, 0.0, 0.0, 0.0], [0.5, 1.0, 1.0, 1.0]), [20.0, 20.0, 40.0, 60.0]);
        let twice = 2f32.ln();
        near(decode(from, [0.0, 0.0, twice, -twice], [1.0; 4]), [0.0, 30.0, 40.0, 50.0]);
        let most = decode([0.0, 0.0, 16.0, 16.0], [0.0, 0.0, 9.0, -9.0], [1.0; 4]);
        near(most, [8.0 - 500.0, 8.0 - 0.128, 8.0 + 500.0, 8.0 + 0.128]);
        near(clip([-3.0, 4.0, 99.0, 120.0], [100, 80]), [0.0, 4.0, 80.0, 100.0]);
    }

    #[test]
    fn suppression_is_that_of_all_pairs() {
        let mut random = fastrand::Rng::with_seed(3);
        for round in 0..200 {
            let count = random.usize(..40);
            let side = |random: &mut fastrand::Rng| random.u8(..20).into();
            let boxes: Vec<Box4> = (0..count)
                .map(|_| {
                    let [x, y, w, h]: [f32; 4] = std::array::from_fn(|_| side(&mut random));
                    [x, y, x + w, y + h]
                })
                .collect();
            // Few values, so that some are equal.
            let scores: Vec<f32> = (0..count).map(|_| f32::from(random.u8(..9)) / 8.0).collect();
            let groups: Vec<usize> = (0..count).map(|_| random.usize(..3)).collect();
            let threshold = [0.0, 0.3, 0.5, 0.7][round % 4];
            let before =
                |a: usize, b: usize| scores[a] > scores[b] || scores[a] == scores[b] && a < b;
            let rivals = |a: usize, b: usize| {
                before(b, a) && groups[a] == groups[b] && iou(boxes[a], boxes[b]) > threshold
            };
            let mut kept = nms(&boxes, &scores, &groups, threshold, count);
            assert!(kept.windows(2).all(|pair| before(pair[0], pair[1])), "{kept:?}");
            let first = nms(&boxes, &scores, &groups, threshold, count / 4);
            assert_eq!(first, kept[..first.len()]);
            assert_eq!(first.len(), kept.len().min(count / 4));
            kept.sort_unstable();
            let expected: Vec<usize> = (0..count).filter(|&at| stays(at, count, &rivals)).collect();
            assert_eq!(kept, expected, "round {round}");
        }
    }

    /// Whether no box that stays itself drops this one.
    fn stays(at: usize, count: usize, drops: &dyn Fn(usize, usize) -> bool) -> bool {
        !(0..count).any(|other| drops(at, other) && stays(other, count, drops))
    }

    #[test]
    fn levels_change_at_powers_of_two() {
        let of = |side: f32| level_of([5.0, 5.0, 5.0 + side, 5.0 + side], 4);
        assert_eq!([0.0, 60.0, 111.9, 112.0, 224.0, 448.0, 2000.0].map(of), [0, 0, 0, 1, 2, 3, 3]);
    }

    #[test]
    fn masks_fill_their_boxes() {
        let full = vec![1.0; 28 * 28];
        let mask = paste(&full, [2.0, 1.0, 6.0, 4.0], [6, 9]);
        let rows: Vec<String> = mask
            .chunks(9)
            .map(|row| row.iter().map(|&is| if is { '#' } else { '.' }).collect())
            .collect();
        assert_eq!(
            rows,
            [".........", "..####...", "..####...", "..####...", ".........", "........."]
        );
        assert!(paste(&full, [3.0, 3.0, 3.0, 9.0], [9, 9]).iter().all(|is| !is));
    }
}

//! Masks and maps of classes, enlarged without steps, with smooth outlines.

/// How much of each pixel something covers, within a part of a picture.
pub struct Cover {
    /// Left and top.
    pub corner: [usize; 2],
    pub width: usize,
    /// From 0 to 1, row by row.
    pub values: Vec<f32>,
}

/// The mask `[height, width]` enlarged by a whole factor: how much it covers of each pixel, and how much of that is a
/// line along its edge. Nothing where the mask is empty.
pub fn outlined(
    mask: &[bool],
    [height, width]: [usize; 2],
    factor: usize,
    line: usize,
) -> Option<[Cover; 2]> {
    let covered = mask.iter().enumerate().filter(|(_, set)| **set).map(|(index, _)| index);
    let [mut left, mut top, mut right, mut bottom] = [width, height, 0, 0];
    for index in covered {
        let [y, x] = [index / width, index % width];
        (left, right) = (left.min(x), right.max(x + 1));
        (top, bottom) = (top.min(y), bottom.max(y + 1));
    }
    if left >= right {
        return None;
    }
    // One small pixel more on each side, within which the smooth edge ends.
    let [left, top] = [left, top].map(|side| side.saturating_sub(1) * factor);
    let [right, bottom] =
        [(right, width), (bottom, height)].map(|(end, all)| (end + 1).min(all) * factor);
    let size = [bottom - top, right - left];
    let at = |y: isize, x: isize| {
        // The picture goes on as it ends.
        let [y, x] = [(y, height), (x, width)].map(|(at, all)| at.clamp(0, all as isize - 1));
        mask[y as usize * width + x as usize]
    };
    let mut whole = Vec::with_capacity(size[0] * size[1]);
    for y in top..bottom {
        for x in left..right {
            let share =
                corners(y, x, factor).map(|([y, x], weight)| if at(y, x) { weight } else { 0.0 });
            whole.push(share.iter().sum::<f32>());
        }
    }
    // Corners of small pixels become round.
    let whole = mean(&whole, size, factor / 2).into_iter();
    let whole: Vec<f32> = whole.map(|share| f32::from(u8::from(share >= 0.5))).collect();
    let smooth = mean(&whole, size, 1);
    let inside = mean(&whole, size, line);
    let inside: Vec<f32> = inside.iter().map(|share| f32::from(u8::from(*share > 0.999))).collect();
    let inside = mean(&inside, size, 1);
    let edge = smooth.iter().zip(&inside).map(|(all, inside)| (all - inside).max(0.0)).collect();
    let cover = |values| Cover { corner: [left, top], width: size[1], values };
    Some([cover(smooth), cover(edge)])
}

/// The four small pixels around one of an enlarged picture, which may lie one outside, with their bilinear weights.
pub fn corners(y: usize, x: usize, factor: usize) -> [([isize; 2], f32); 4] {
    let [y, x] = [y, x].map(|at| {
        let source = (at as f32 + 0.5) / factor as f32 - 0.5;
        (source.floor() as isize, source - source.floor())
    });
    let of = |down: isize, right: isize| {
        let weight =
            |(_, part): (isize, f32), next: isize| if next == 1 { part } else { 1.0 - part };
        ([y.0 + down, x.0 + right], weight(y, down) * weight(x, right))
    };
    [of(0, 0), of(0, 1), of(1, 0), of(1, 1)]
}

/// The mean over a square with so many pixels on each side of its middle, by sums along rows and then along columns.
/// Outside there is what the border shows.
fn mean(values: &[f32], [height, width]: [usize; 2], reach: usize) -> Vec<f32> {
    let along = |values: &[f32], lines: usize, length: usize, strides: [usize; 2]| {
        let mut result = vec![0.0; values.len()];
        let count = (2 * reach + 1) as f32;
        for line in 0..lines {
            let at = |place: isize| {
                let place = place.clamp(0, length as isize - 1) as usize;
                line * strides[0] + place * strides[1]
            };
            let reach = reach as isize;
            let mut sum: f32 = (-reach..=reach).map(|place| values[at(place)]).sum();
            for place in 0..length as isize {
                result[at(place)] = sum / count;
                sum += values[at(place + reach + 1)] - values[at(place - reach)];
            }
        }
        result
    };
    let rows = along(values, height, width, [width, 1]);
    along(&rows, width, height, [1, width])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_covered_and_its_edge_is_a_line() {
        // A square of 4x4 in 8x8.
        let inside = |index: usize| (2..6).contains(&(index / 8)) && (2..6).contains(&(index % 8));
        let mask: Vec<bool> = (0..64).map(inside).collect();
        let [cover, edge] = outlined(&mask, [8, 8], 5, 2).unwrap();
        assert_eq!((cover.corner, cover.width, cover.values.len()), ([5, 5], 30, 30 * 30));
        let row = 15 * 30;
        assert_eq!((cover.values[row + 15], edge.values[row + 15]), (1.0, 0.0));
        assert!(edge.values[row + 5] > 0.6 && edge.values[row + 6] > 0.6);
        assert!(cover.values[row + 3] == 0.0 && edge.values[row + 9] == 0.0);
        assert!(outlined(&[false; 64], [8, 8], 5, 2).is_none());
        // At the border of the picture there is no edge.
        let [cover, edge] = outlined(&[true; 6], [2, 3], 4, 1).unwrap();
        assert_eq!(cover.values.len(), 8 * 12);
        assert!(cover.values.iter().all(|&value| value == 1.0));
        assert!(edge.values.iter().all(|&value| value == 0.0));
    }
}

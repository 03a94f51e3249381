//! OpenCV's bilinear resizing of bytes, bit for bit, of no more than a crop of the result.
//!
//! Each new pixel lies between four old ones, however many it covers. Weights have eleven bits behind the point; of
//! the sum along a row, four bits are dropped before it is weighted, and sixteen of each of the two products.

use std::ops::Range;

/// One in fixed point.
const ONE: f32 = 2048.0;

/// The two pixels that a new one lies between, with their weights.
struct Taps {
    pixels: [usize; 2],
    weights: [u32; 2],
}

/// The taps of these places among `to` places that `from` pixels become. Outside of the pixels, columns take the last
/// one alone, rows both of their weights.
fn taps(from: usize, to: usize, places: Range<usize>, columns: bool) -> Vec<Taps> {
    let scale = 1.0 / (to as f64 / from as f64);
    let last = from - 1;
    let taps = |place: usize| {
        let source = ((place as f64 + 0.5) * scale - 0.5) as f32;
        let first = source.floor();
        let outside = first < 0.0 || first >= last as f32;
        let part = if columns && outside { 0.0 } else { source - first };
        // Casts of what lies below zero give zero.
        let pixels = [first, first + 1.0].map(|pixel| (pixel as usize).min(last));
        Taps { pixels, weights: [1.0 - part, part].map(|it| (it * ONE).round_ties_even() as u32) }
    };
    places.map(taps).collect()
}

/// These rows and columns of a picture with `channels` bytes a pixel, once it is resized. The bytes must be as many
/// as `size` says.
pub(super) fn resize(
    data: &[u8],
    size: [usize; 2],
    channels: usize,
    target: [usize; 2],
    [rows, columns]: [Range<usize>; 2],
) -> Vec<u8> {
    let vertical = taps(size[0], target[0], rows, false);
    let horizontal = taps(size[1], target[1], columns, true);
    // A row of the picture, as wide as the result.
    let narrow = |row: usize| -> Vec<u32> {
        let row = &data[row * size[1] * channels..(row + 1) * size[1] * channels];
        let pixel = |Taps { pixels, weights }: &Taps| {
            let ([a, b], [u, v]) = (pixels.map(|pixel| pixel * channels), *weights);
            (0..channels).map(move |c| u32::from(row[a + c]) * u + u32::from(row[b + c]) * v)
        };
        horizontal.iter().flat_map(pixel).collect()
    };
    let mut kept: [(usize, Vec<u32>); 2] = [(usize::MAX, Vec::new()), (usize::MAX, Vec::new())];
    let mut result = Vec::with_capacity(vertical.len() * horizontal.len() * channels);
    for Taps { pixels: [above, below], weights: [u, v] } in vertical {
        // The row below becomes the one above, at the latest when it is passed.
        if kept[1].0 == above {
            kept.swap(0, 1);
        }
        for (kept, row) in kept.iter_mut().zip([above, below]) {
            if kept.0 != row {
                *kept = (row, narrow(row));
            }
        }
        let [(_, above), (_, below)] = &kept;
        let weigh = |weight: u32, sum: u32| (weight * (sum >> 4)) >> 16;
        let values = above.iter().zip(below).map(|(&a, &b)| (weigh(u, a) + weigh(v, b) + 2) >> 2);
        result.extend(values.map(|value| value as u8));
    }
    result
}

//! Pillow's bilinear resizing with antialiasing, bit for bit, of no more than a crop of the result.
//!
//! Each new pixel is a mean over the pixels that it covers, weighted by a triangle around its centre that is
//! two new pixels wide, or two old ones where the picture grows. First along rows, then along columns, with
//! bytes in between and weights in fixed point.

use std::ops::Range;

/// Bits behind the point of a weight.
const BITS: u32 = 22;

/// The pixels that one new pixel is the mean of.
struct Taps {
    first: usize,
    weights: Vec<i64>,
}

/// The taps of these places among `to` places that `from` pixels become.
fn taps(from: usize, to: usize, places: Range<usize>) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let reach = scale.max(1.0);
    let taps = |place: usize| {
        let centre = (place as f64 + 0.5) * scale;
        // Casts of what lies below zero give zero.
        let first = (centre - reach + 0.5) as usize;
        let end = ((centre + reach + 0.5) as usize).min(from).max(first);
        let triangle = |pixel: usize| {
            let distance = (pixel as f64 - centre + 0.5) / reach;
            (1.0 - distance.abs()).max(0.0)
        };
        let weights: Vec<f64> = (first..end).map(triangle).collect();
        let sum: f64 = weights.iter().sum();
        let fixed = |weight: f64| (0.5 + weight / sum * f64::from(1 << BITS)) as i64;
        Taps { first, weights: weights.into_iter().map(fixed).collect() }
    };
    places.map(taps).collect()
}

/// A sum of weighted bytes as a byte.
fn rounded(sum: i64) -> u8 {
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

/// These rows and columns of a picture with `channels` bytes a pixel, once it is resized. The bytes must be
/// as many as `size` says.
pub(super) fn resize(
    data: &[u8],
    size: [usize; 2],
    channels: usize,
    target: [usize; 2],
    [rows, columns]: [Range<usize>; 2],
) -> Vec<u8> {
    let [height, width] = size;
    let vertical = taps(height, target[0], rows);
    // The old rows that the new ones are made of, and no others.
    let top = vertical.iter().map(|taps| taps.first).min().unwrap_or(0);
    let end = vertical.iter().map(|taps| taps.first + taps.weights.len()).max().unwrap_or(0);
    let kept = columns.len() * channels;
    let mut narrow: Vec<u8> = Vec::with_capacity((end - top) * kept);
    let horizontal = (width != target[1]).then(|| taps(width, target[1], columns.clone()));
    for row in data.chunks_exact(width * channels).take(end).skip(top) {
        match &horizontal {
            None => narrow.extend(&row[columns.start * channels..columns.end * channels]),
            Some(horizontal) => narrow.extend(horizontal.iter().flat_map(|taps| {
                (0..channels).map(move |channel| {
                    let pixels = row[taps.first * channels + channel..].iter().step_by(channels);
                    let terms = pixels.zip(&taps.weights);
                    rounded(terms.map(|(&byte, weight)| i64::from(byte) * weight).sum())
                })
            })),
        }
    }
    let row = |index: usize| &narrow[(index - top) * kept..(index - top + 1) * kept];
    let mut short = Vec::with_capacity(vertical.len() * kept);
    for Taps { first, weights } in &vertical {
        let mut sums = vec![0; kept];
        for (index, weight) in weights.iter().enumerate() {
            for (sum, &byte) in sums.iter_mut().zip(row(first + index)) {
                *sum += i64::from(byte) * weight;
            }
        }
        short.extend(sums.into_iter().map(rounded));
    }
    short
}

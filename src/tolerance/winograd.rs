//! How far Winograd's way to a 3x3 convolution may be from the definition.
//!
//! Its transforms mix the inputs of a whole tile, so that what is rounded is larger than the terms of the
//! definition: an output is within `n u S` of the exact one, where S is the same way walked with the absolute
//! values of inputs, taps and transforms, and n the number of roundings one after another. For the same reason a
//! NaN or an infinity may spoil every output of the tiles that see it, where the definition spoils those whose
//! window sees it. F(4x4, 3x3): Lavin and Gray, "Fast algorithms for convolutional neural
//! networks" (2015), section 4.3.

use super::bound::Expected;
use super::compare::{Comparison, compare};
use crate::ops::Operator;
use crate::reference::Array;
use crate::reference::rounding::{EPSILON, FLUSH};
use crate::tensor::Tensor;

/// Outputs of a tile along each side, and inputs.
const SIDE: usize = 4;
const INPUTS: usize = SIDE + 2;

type Matrix<const ROWS: usize, const COLUMNS: usize> = [[f64; COLUMNS]; ROWS];

/// The absolute values of the transforms of the input, the taps and the sums, over the points 0, 3/4, -3/4, 3/2, -3/2
/// and infinity.
const INPUT: Matrix<6, 6> = [
    [1.265625, 0.0, 2.8125, 0.0, 1.0, 0.0],
    [0.0, 1.6875, 2.25, 0.75, 1.0, 0.0],
    [0.0, 1.6875, 2.25, 0.75, 1.0, 0.0],
    [0.0, 0.84375, 0.5625, 1.5, 1.0, 0.0],
    [0.0, 0.84375, 0.5625, 1.5, 1.0, 0.0],
    [0.0, 1.265625, 0.0, 2.8125, 0.0, 1.0],
];
const TAPS: Matrix<6, 3> = [
    [64.0 / 81.0, 0.0, 0.0],
    [128.0 / 243.0, 32.0 / 81.0, 8.0 / 27.0],
    [128.0 / 243.0, 32.0 / 81.0, 8.0 / 27.0],
    [32.0 / 243.0, 16.0 / 81.0, 8.0 / 27.0],
    [32.0 / 243.0, 16.0 / 81.0, 8.0 / 27.0],
    [0.0, 0.0, 1.0],
];
const SUMS: Matrix<4, 6> = [
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
    [0.0, 0.75, 0.75, 1.5, 1.5, 0.0],
    [0.0, 0.5625, 0.5625, 2.25, 2.25, 0.0],
    [0.0, 0.421875, 0.421875, 3.375, 3.375, 1.0],
];

/// Roundings of the three transforms, of the product, and of what is added after them.
const STEPS: usize = 40;

const LARGEST: f64 = f32::MAX as f64;

/// The largest sum of a row of `SUMS` squared, and more: what flushed numbers may grow to.
const GROWTH: f64 = 100.0;

/// Compares as [`compare`] does, with the bound of a Winograd kernel.
pub(super) fn compare_transformed(
    op: &Operator,
    inputs: &[&Tensor],
    want: &Expected,
    result: &Tensor,
) -> Comparison {
    let inputs: Vec<Array> = inputs.iter().map(|&input| Array::from(input)).collect();
    let Some((sums, steps)) = sums(op, &inputs) else { return compare(want, result) };
    if result.shape().dims() != want.value.shape || sums.len() != want.bound.len() {
        return compare(want, result);
    }
    let largest = |input: &Array| input.data.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let flush = GROWTH * FLUSH * (1.0 + inputs.iter().map(largest).sum::<f64>());
    let (mut want, mut result) = (want.clone(), result.clone());
    let rows = want.bound.iter_mut().zip(&want.value.data).zip(result.data_mut()).zip(sums);
    for (((bound, &value), got), sum) in rows {
        let spoiled = sum.is_nan() || sum >= LARGEST;
        // Beside its window anything may come of it; inside nothing but what is not finite, either.
        if spoiled && (value.is_finite() || !got.is_finite()) {
            *got = value as f32;
        }
        // No activation is steeper than silu's 1.1.
        *bound += 1.1 * steps as f64 * (EPSILON * sum + flush);
    }
    compare(&want, &result)
}

/// For each output the sum S, larger than any number is where one on the way may be infinite, and n; nothing
/// where the way does not exist.
fn sums(op: &Operator, inputs: &[Array]) -> Option<(Vec<f64>, usize)> {
    let x = inputs.first()?;
    let (weights, mixed) = match op {
        Operator::Conv2d(_) => (vec![inputs.get(1)?.data.iter().map(|v| v.abs()).collect()], 0),
        Operator::DynamicConv2d(_) => {
            let (attention, bank) = (inputs.get(1)?, inputs.get(2)?);
            let kernels = *attention.shape.get(1)?;
            (attention.data.chunks(kernels).map(|row| mix(row, bank)).collect(), kernels)
        }
        _ => return None,
    };
    let &[batch, channels, height, width] = x.shape.as_slice() else { return None };
    let taps: Vec<Vec<Matrix<6, 6>>> = weights
        .iter()
        .map(|of: &Vec<f64>| {
            of.chunks(9).map(|taps| spread(&TAPS, |y, x| taps[3 * y + x])).collect()
        })
        .collect();
    let out_channels = taps.first()?.len() / channels;
    let mut sums = vec![0.0; batch * out_channels * height * width];
    let [down, across] = [height.div_ceil(SIDE), width.div_ceil(SIDE)];
    for (sample, tile) in (0..batch).flat_map(|sample| (0..down * across).map(move |t| (sample, t)))
    {
        let [top, left] = [tile / across * SIDE, tile % across * SIDE];
        let value = |channel, y, x_| padded(x, sample * channels + channel, top + y, left + x_);
        let tiles: Vec<Matrix<6, 6>> = (0..channels)
            .map(|channel| spread(&INPUT, |y, x| value(channel, y, x).abs()))
            .collect();
        let fits = |tile: &Matrix<6, 6>| tile.iter().flatten().all(|&v| v < LARGEST);
        let spoiled = !tiles.iter().all(fits);
        let own = &taps[sample % taps.len()];
        for (channel, taps) in own.chunks(channels).enumerate() {
            let mut products = [[0.0; INPUTS]; INPUTS];
            for (tile, taps) in tiles.iter().zip(taps) {
                let factors = tile.as_flattened().iter().zip(taps.as_flattened());
                for (sum, (a, b)) in products.as_flattened_mut().iter_mut().zip(factors) {
                    *sum += a * b;
                }
            }
            let plane = (sample * out_channels + channel) * height;
            for (y, row) in gathered(&products).iter().enumerate().take(height - top) {
                for (x, &sum) in row.iter().enumerate().take(width - left) {
                    let at = (plane + top + y) * width + left + x;
                    sums[at] = if spoiled { f64::INFINITY } else { sum };
                }
            }
        }
    }
    Some((sums, channels + mixed + STEPS))
}

/// The value in a row and a column of a plane that has one of zeros before and after its own.
fn padded(x: &Array, plane: usize, row: usize, column: usize) -> f64 {
    let [height, width] = [x.shape[2], x.shape[3]];
    if (1..=height).contains(&row) && (1..=width).contains(&column) {
        x.data[(plane * height + row - 1) * width + column - 1]
    } else {
        0.0
    }
}

/// A sample's weights in absolute values.
fn mix(attention: &[f64], bank: &Array) -> Vec<f64> {
    let elements = bank.data.len() / attention.len().max(1);
    let term = |at: usize| {
        let terms =
            attention.iter().enumerate().map(|(k, a)| (a * bank.data[k * elements + at]).abs());
        terms.sum()
    };
    (0..elements).map(term).collect()
}

/// `by` times the values, times `by` transposed.
fn spread<const N: usize>(by: &Matrix<6, N>, value: impl Fn(usize, usize) -> f64) -> Matrix<6, 6> {
    let rows: Matrix<6, N> = std::array::from_fn(|i| {
        std::array::from_fn(|x| (0..N).map(|y| product(by[i][y], value(y, x))).sum())
    });
    std::array::from_fn(|i| {
        std::array::from_fn(|j| (0..N).map(|x| product(by[j][x], rows[i][x])).sum())
    })
}

/// The sums brought back to outputs.
fn gathered(products: &Matrix<6, 6>) -> Matrix<4, 4> {
    let rows: Matrix<4, 6> = std::array::from_fn(|i| {
        std::array::from_fn(|x| (0..INPUTS).map(|y| product(SUMS[i][y], products[y][x])).sum())
    });
    std::array::from_fn(|i| {
        std::array::from_fn(|j| (0..INPUTS).map(|x| product(SUMS[j][x], rows[i][x])).sum())
    })
}

/// Nothing where the transform has nothing, whatever is there.
fn product(entry: f64, value: f64) -> f64 {
    if entry == 0.0 { 0.0 } else { entry * value }
}

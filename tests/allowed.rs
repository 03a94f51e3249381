//! The bounds hold for every adapter that does what WGSL says, not just for those at hand: here the arithmetic of the kernels
//! errs by as much as the language allows, in the directions that add up.
//!
//! WGSL, "Accuracy of concrete floating point expressions": sums and products are rounded correctly, in either
//! direction of a tie and with or without fusing; a quotient is off by 2.5 units in the last place, `exp(x)` by 3 + 2|x|,
//! `inverseSqrt` by 2, and `sqrt(x)` by what `1 / inverseSqrt(x)` is; results below the smallest normal number may be zero.

use involution::Tensor;
use involution::ops::{Activate, Activation, BatchNorm, GroupNorm, Linear, Operator, Softmax};
use involution_check::expected;

/// A result that is off by so many units in the last place, in the direction of a sign, and flushed.
fn off(exact: f64, units: f64, sign: f64) -> f64 {
    let exponent = exact.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32;
    let value = exact + sign * units * 2f64.powi(exponent - 23);
    if value.abs() < f64::from(f32::MIN_POSITIVE) { 0.0 } else { value }
}

fn quotient(a: f64, b: f64, sign: f64) -> f64 {
    off(a / b, 2.5, sign)
}

fn exp(x: f64, sign: f64) -> f64 {
    off(x.exp(), 3.0 + 2.0 * x.abs(), sign)
}

/// A sum, one value after the other.
fn sum(values: impl IntoIterator<Item = f64>, sign: f64) -> f64 {
    values.into_iter().fold(0.0, |sum, value| off(sum + value, 0.5, sign))
}

/// The error of each result as a part of its bound; the largest.
fn used(op: impl Into<Operator>, inputs: &[Tensor], got: impl Fn(usize, f64) -> f64) -> f64 {
    let want = expected(&op.into(), &inputs.iter().collect::<Vec<_>>()).unwrap();
    let parts = want.value.data.iter().zip(&want.bound).enumerate();
    let errors = parts.flat_map(|(at, (value, bound))| {
        [-1.0, 1.0].map(|sign| (got(at, sign) - value).abs() / bound)
    });
    errors.fold(0.0, f64::max)
}

fn tensor(shape: impl Into<involution::Shape>, data: Vec<f32>) -> Tensor {
    Tensor::new(shape, data).unwrap()
}

/// Numbers up to `size` of either sign, round `middle`.
fn numbers(count: usize, middle: f32, size: f32) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(count as u64);
    (0..count).map(|_| middle + size * (2.0 * rng.f32() - 1.0)).collect()
}

/// Every part lies within the bound, and the worst uses a good deal of it, so that a smaller one would be wrong.
fn assert_bounded(what: &str, parts: impl IntoIterator<Item = f64>, at_least: f64) {
    let worst = parts.into_iter().fold(0.0, f64::max);
    assert!(worst < 1.0 && worst > at_least, "{what}: {worst} of the bound");
}

#[test]
fn softmax() {
    let mut parts = Vec::new();
    for (length, size, temperature) in [1, 2, 3, 10, 30, 100, 1000]
        .into_iter()
        .flat_map(|length| [0.1f32, 1.0, 10.0, 43.0].map(|size| (length, size)))
        .flat_map(|(length, size)| [0.25f32, 1.0, 3.0].map(|t| (length, size, t)))
    {
        let x = numbers(length, 0.0, size);
        let largest = f64::from(x.iter().copied().fold(f32::MIN, f32::max));
        let power = |i: usize, sign: f64| {
            let difference = off(f64::from(x[i]) - largest, 0.5, sign);
            exp(quotient(difference, f64::from(temperature), sign).min(0.0), sign)
        };
        let got = |at: usize, sign: f64| {
            let others = (0..length).map(|i| power(i, if i == at { sign } else { -sign }));
            quotient(power(at, sign), sum(others, -sign), sign)
        };
        let op = Softmax { axis: 0, temperature };
        parts.push(used(op, &[tensor([length], x.clone())], got));
    }
    // What is flushed alone uses nearly all.
    assert_bounded("softmax", parts, 0.9);
}

#[test]
fn sigmoid_and_silu() {
    let x: Vec<f32> = (-4000..4000).map(|i| i as f32 * 0.025 + 0.0123).collect();
    let sigmoid = |v: f64, sign: f64| {
        let e = |sign| exp(-v.abs(), sign);
        if v < 0.0 {
            quotient(e(sign), off(1.0 + e(sign), 0.5, -sign), sign)
        } else {
            quotient(1.0, off(1.0 + e(-sign), 0.5, -sign), sign)
        }
    };
    for activation in [Activation::Sigmoid, Activation::Silu] {
        let got = |at: usize, sign: f64| {
            let v = f64::from(x[at]);
            match activation {
                Activation::Sigmoid => sigmoid(v, sign),
                _ => off(v * sigmoid(v, sign * v.signum()), 0.5, sign),
            }
        };
        let inputs = [tensor([x.len()], x.clone())];
        assert_bounded("activation", [used(Activate { activation }, &inputs, got)], 0.2);
    }
}

/// Sums of products, each product rounded by itself or with the sum, of values of one sign and of both.
#[test]
fn sums_fused_and_not() {
    let mut parts = Vec::new();
    for (length, middle) in [1usize, 2, 3, 17, 300].into_iter().flat_map(|n| [(n, 0.0), (n, 2.0)]) {
        // The smallest are flushed, each by itself.
        for scale in [1.0, 1e-19] {
            let [x, w] = [1, 2].map(|more| {
                let values = numbers(length + more, middle, 1.0).split_off(more);
                values.into_iter().map(|value| value * scale).collect::<Vec<f32>>()
            });
            for rounded in [0.0, 0.5] {
                let got = |_: usize, sign: f64| {
                    let product = |i: usize| f64::from(x[i]) * f64::from(w[i]);
                    sum(
                        (0..length).map(|i| match rounded {
                            0.0 => product(i),
                            units => off(product(i), units, sign),
                        }),
                        sign,
                    )
                };
                let op = Linear { bias: false, activation: Activation::None };
                let inputs = [tensor([length], x.clone()), tensor([1, length], w.clone())];
                parts.push(used(op, &inputs, got));
            }
        }
    }
    assert_bounded("linear", parts, 0.15);
}

/// 1 / sqrt(x), as WGSL bounds the root.
fn inverse_of_root(x: f64, sign: f64) -> f64 {
    let root = quotient(1.0, off(1.0 / x.sqrt(), 2.0, sign), -sign);
    quotient(1.0, root, sign)
}

#[test]
fn batch_norm() {
    let mut parts = Vec::new();
    for (mean, variance, weight, bias) in [
        (0.0, 1.0, 1.0, 0.0),
        (3.0, 1e-3, -2.0, 0.5),
        (-100.0, 0.0, 0.3, -7.0),
        (1.0, 50.0, 1.0, 0.0),
    ] {
        let x = numbers(200, mean, 2.0);
        let op = BatchNorm::default();
        let got = |at: usize, sign: f64| {
            let [x, mean, variance, weight, bias] =
                [x[at], mean, variance, weight, bias].map(f64::from);
            let line = (x - mean) * weight;
            let sign_of = sign * line.signum();
            let deviation = off(variance + f64::from(op.eps), 0.5, -sign_of);
            let scale =
                off(inverse_of_root(deviation, sign_of) * weight, 0.5, sign_of * weight.signum());
            let difference = off(x - mean, 0.5, sign_of * (x - mean).signum());
            off(off(difference * scale, 0.5, sign) + bias, 0.5, sign)
        };
        let of = |value: f32| tensor([1], vec![value]);
        let inputs = [tensor([1, 1, 200], x.clone()), of(mean), of(variance), of(weight), of(bias)];
        parts.push(used(op, &inputs, got));
    }
    assert_bounded("batch_norm", parts, 0.5);
}

#[test]
fn group_norm() {
    let mut parts = Vec::new();
    for (count, middle) in [2usize, 3, 10, 100].into_iter().flat_map(|n| [(n, 0.0), (n, 30.0)]) {
        let x: Vec<f64> = numbers(count, middle, 1.0).into_iter().map(f64::from).collect();
        let op = GroupNorm { affine: false, ..GroupNorm::new(1) };
        let got = |at: usize, sign: f64| {
            let mut found = Vec::new();
            // The mean and the variance either way.
            for (of_mean, of_scale) in [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)] {
                let mean = quotient(sum(x.iter().copied(), of_mean), count as f64, of_mean);
                let squares = x.iter().map(|v| {
                    let difference = off(v - mean, 0.5, -of_scale * (v - mean).signum());
                    off(difference * difference, 0.5, -of_scale)
                });
                let variance = quotient(sum(squares, -of_scale), count as f64, -of_scale);
                let sum = off(variance + f64::from(op.eps), 0.5, -of_scale);
                let scale = off(1.0 / sum.sqrt(), 2.0, of_scale);
                found.push(off(off(x[at] - mean, 0.5, sign) * scale, 0.5, sign));
            }
            found
                .into_iter()
                .fold(0.0, |a: f64, b| if sign * b > sign * a || a == 0.0 { b } else { a })
        };
        let data = x.iter().map(|&v| v as f32).collect();
        parts.push(used(op, &[tensor([1, 1, count], data)], got));
    }
    assert_bounded("group_norm", parts, 0.2);
}

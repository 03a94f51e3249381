//! The layers that make the kernels of other members of the family: CARAFE, fairseq's convolutions, SAN's attention.

use std::sync::Arc;

use involution::nn::{Carafe, DynamicLightConv1d, LightConv1d, LocalAttention2d, San, SanRelation};
use involution::ops::{Activation, Border, ChannelOrder, Conv2d};
use involution::reference::Array;
use involution::{Layer, ShapeError, StateDict};

use super::{activate, check, conv, norm, pointwise, refusal};
use crate::networks::weight;

/// The softmax of these logits.
fn normalised(logits: &[f64]) -> Vec<f64> {
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();
    logits.iter().map(|logit| logit.exp() / sum).collect()
}

#[test]
fn carafe_reassembles_with_kernels_that_it_makes() {
    let usual = Carafe::new(6, 2).compressed_channels(8);
    let other = Carafe::new(8, 3).compressed_channels(5).up_kernel(3).up_group(2);
    let dilated = Carafe::new(4, 2).up_kernel(3).encoder_kernel(5).encoder_dilation(2);
    for (layer, x) in [
        (usual, [2, 6, 5, 7]),
        (other, [1, 8, 4, 6]),
        (dilated.compressed_channels(3), [2, 4, 9, 8]),
    ] {
        check(&Arc::new(layer.clone()), &x, |weights, x| {
            let compressed = pointwise(weights, "channel_compressor", x, true);
            let Carafe { encoder_kernel: ke, encoder_dilation: d, .. } = layer;
            let encoder = Conv2d {
                padding: (d * (ke - 1) / 2).into(),
                dilation: [d, d],
                bias: true,
                ..Conv2d::default()
            };
            let encoded = conv(weights, "content_encoder", &compressed, encoder);
            let (k, g, s) = (layer.up_kernel, layer.up_group, layer.scale_factor);
            let [n, c, h, w] = x.shape[..] else { panic!("{:?}", x.shape) };
            let out = Array::from_fn([n, c, h * s, w * s], |[b, c_out, i, j]| {
                let group = c_out / (c / g);
                let pixel = (i % s) * s + j % s;
                let logits: Vec<f64> = (0..k * k)
                    .map(|tap| {
                        let map = (group * k * k + tap) * s * s + pixel;
                        encoded.at(&[b, map, i / s, j / s])
                    })
                    .collect();
                let read = |tap: usize| {
                    let row = (i / s + tap / k) as isize - (k / 2) as isize;
                    let column = (j / s + tap % k) as isize - (k / 2) as isize;
                    x.inside(b, c_out, row, column).unwrap_or(0.0)
                };
                let taps = normalised(&logits).into_iter().enumerate();
                taps.map(|(tap, share)| share * read(tap)).sum()
            });
            vec![("encoded", encoded), ("out", out)]
        });
    }
}

/// `sum_k of(head, t)[k] * x[t - left + k]`, with a bias by channel.
fn over_time(
    x: &Array,
    [heads, taps, left]: [usize; 3],
    order: ChannelOrder,
    bias: Option<&Array>,
    of: impl Fn([usize; 3]) -> Vec<f64>,
) -> Array {
    let [n, c, l] = x.shape[..] else { panic!("{:?}", x.shape) };
    Array::from_fn([n, c, l], |[b, channel, t]| {
        let head = match order {
            ChannelOrder::Blocked => channel / (c / heads),
            ChannelOrder::Interleaved => channel % heads,
        };
        let weights = of([b, head, t]);
        let read = |tap: usize| match (t + tap).checked_sub(left) {
            Some(place) if place < l => x.at(&[b, channel, place]),
            _ => 0.0,
        };
        let sum: f64 = (0..taps).map(|tap| weights[tap] * read(tap)).sum();
        sum + bias.map_or(0.0, |bias| bias.data[channel])
    })
}

#[test]
fn a_light_convolution_shares_its_taps_within_a_head() {
    let causal = LightConv1d::new(12, 3, 4);
    let centred = LightConv1d::new(6, 5, 2).padding_l(2).bias(true);
    let interleaved = LightConv1d::new(12, 4, 3)
        .padding_l(1)
        .channel_order(ChannelOrder::Interleaved)
        .weight_softmax(false);
    for (layer, x) in [(causal, [2, 12, 9]), (centred, [1, 6, 4]), (interleaved, [3, 12, 11])] {
        check(&Arc::new(layer.clone()), &x, |weights, x| {
            let taps = weight(weights, "weight");
            let bias = layer.bias.then(|| weight(weights, "bias"));
            let k = layer.kernel_size;
            let sizes = [layer.heads, k, layer.padding_l];
            let of = |[_, head, _]: [usize; 3]| {
                let own = &taps.data[head * k..(head + 1) * k];
                if layer.weight_softmax { normalised(own) } else { own.to_vec() }
            };
            vec![("out", over_time(x, sizes, layer.channel_order, bias.as_ref(), of))]
        });
    }
}

#[test]
fn a_dynamic_light_convolution_makes_its_taps_of_each_position() {
    let causal = DynamicLightConv1d::new(8, 3, 2);
    let biased = DynamicLightConv1d::new(6, 5, 3).padding_l(2).bias(true).conv_bias(true);
    let raw = DynamicLightConv1d::new(4, 2, 4).weight_softmax(false);
    for (layer, x) in [(causal, [2, 8, 10]), (biased, [1, 6, 7]), (raw, [2, 4, 5])] {
        check(&Arc::new(layer.clone()), &x, |weights, x| {
            let (c, k) = (layer.channels, layer.kernel_size);
            let linear = weight(weights, "weight_linear.weight");
            let linear_bias = layer.bias.then(|| weight(weights, "weight_linear.bias"));
            let bias = layer.conv_bias.then(|| weight(weights, "conv_bias"));
            let of = |[b, head, t]: [usize; 3]| {
                let logits: Vec<f64> = (0..k)
                    .map(|tap| {
                        let row = head * k + tap;
                        let products = (0..c).map(|ci| linear.at(&[row, ci]) * x.at(&[b, ci, t]));
                        products.sum::<f64>() + linear_bias.as_ref().map_or(0.0, |b| b.data[row])
                    })
                    .collect();
                if layer.weight_softmax { normalised(&logits) } else { logits }
            };
            let sizes = [layer.heads, k, layer.padding_l];
            vec![("out", over_time(x, sizes, ChannelOrder::Blocked, bias.as_ref(), of))]
        });
    }
}

/// Where a tap reads in an image that is reflected at its border.
fn reflected(place: usize, tap: usize, taps: usize, length: usize) -> usize {
    let place = (place + tap) as isize - (taps / 2) as isize;
    let last = length as isize - 1;
    (last - (last - place.abs()).abs()) as usize
}

/// The kernels and the result, with the relations in full as SAN has them.
fn attended(layer: &San, weights: &StateDict, x: &Array) -> [Array; 2] {
    let [x1, x2, x3] = ["conv1", "conv2", "conv3"].map(|name| pointwise(weights, name, x, true));
    let (rel, k, t) = (layer.rel_planes, layer.kernel_size, layer.kernel_size.pow(2));
    let [n, _, h, w] = x.shape[..] else { panic!("{:?}", x.shape) };
    let maps = layer.out_planes / layer.share_planes;
    let tap_of = |tap: usize, pixel: usize| {
        [reflected(pixel / w, tap / k, k, h), reflected(pixel % w, tap % k, k, w)]
    };
    let pairwise = layer.relation == SanRelation::Pairwise;
    let relation = if pairwise {
        let place = |i: usize, length: usize| 2.0 * i as f64 / (length - 1) as f64 - 1.0;
        let grid = Array::from_fn(
            [1, 2, h, w],
            |[_, axis, i, j]| {
                if axis == 0 { place(j, w) } else { place(i, h) }
            },
        );
        let p = pointwise(weights, "conv_p", &grid, true);
        Array::from_fn([n, rel + 2, t, h * w], |[b, c, tap, pixel]| {
            let [i, j] = tap_of(tap, pixel);
            match c.checked_sub(rel) {
                None => x1.at(&[b, c, pixel / w, pixel % w]) - x2.at(&[b, c, i, j]),
                Some(axis) => p.at(&[0, axis, pixel / w, pixel % w]) - p.at(&[0, axis, i, j]),
            }
        })
    } else {
        Array::from_fn([n, rel * (1 + t), 1, h * w], |[b, c, _, pixel]| {
            let Some(around) = c.checked_sub(rel) else {
                return x1.at(&[b, c, pixel / w, pixel % w]);
            };
            let [i, j] = tap_of(around % t, pixel);
            x2.at(&[b, around / t, i, j])
        })
    };
    let mut y = activate(Activation::Relu, &norm(weights, "conv_w.0", &relation));
    y = pointwise(weights, "conv_w.2", &y, false);
    y = activate(Activation::Relu, &norm(weights, "conv_w.3", &y));
    let kernel = pointwise(weights, "conv_w.5", &y, true);
    let kernel = Array { shape: vec![n, maps * t, h, w], ..kernel };
    let out = Array::from_fn([n, layer.out_planes, h, w], |[b, c, i, j]| {
        let taps: Vec<f64> = (0..t).map(|tap| kernel.at(&[b, c % maps * t + tap, i, j])).collect();
        let taps = if pairwise { normalised(&taps) } else { taps };
        let read = |tap: usize| {
            let [row, column] = tap_of(tap, i * w + j);
            x3.at(&[b, c, row, column])
        };
        taps.iter().enumerate().map(|(tap, share)| share * read(tap)).sum()
    });
    [kernel, out]
}

#[test]
fn san_relates_a_pixel_to_its_window() {
    let small = |layer: San| layer.rel_planes(3).out_planes(8).share_planes(2);
    for (layer, x) in [
        (small(San::pairwise(5, 3)), [2, 5, 6, 5]),
        (San::pairwise(32, 7), [1, 32, 5, 8]),
        (small(San::patchwise(5, 3)), [2, 5, 4, 7]),
        (San::patchwise(32, 5), [1, 32, 6, 4]),
    ] {
        check(&Arc::new(layer.clone()), &x, |weights, x| {
            let [kernel, out] = attended(&layer, weights, x);
            vec![("kernel", kernel), ("out", out)]
        });
    }
    let even = San::pairwise(32, 4).example_plan().unwrap_err();
    assert!(matches!(refusal(even), ShapeError::Parameter { parameter: "kernel_size", .. }));
}

/// The logits of each head, and the attention of these queries, keys and values.
fn attend(
    [query, key, value]: [&Array; 3],
    layer: &LocalAttention2d,
    taps: impl Fn([usize; 2]) -> Vec<[isize; 2]>,
    bias: Option<&Array>,
) -> [Array; 2] {
    let [n, c, h, w] = query.shape[..] else { panic!("{:?}", query.shape) };
    let (d, count) = (c / layer.heads, taps([0, 0]).len());
    let logits = Array::from_fn([n, layer.heads * count, h, w], |[b, map, i, j]| {
        let (head, [row, column]) = (map / count, taps([i, j])[map % count]);
        if layer.mask && key.inside(b, 0, row, column).is_none() {
            return -65504.0;
        }
        let products = (head * d..(head + 1) * d)
            .map(|c| query.at(&[b, c, i, j]) * key.inside(b, c, row, column).unwrap_or(0.0));
        let logit = products.sum::<f64>() / (d as f64).sqrt();
        bias.map_or(logit, |bias| {
            let index = |size: usize, from: isize, to: usize, step: usize| {
                (size as isize / 2 + (from - to as isize) / step as isize) as usize
            };
            let r = index(bias.shape[1], row, i, layer.dilation[0]);
            let s = index(bias.shape[2], column, j, layer.dilation[1]);
            logit + bias.at(&[head, r, s])
        })
    });
    let out = Array::from_fn([n, c, h, w], |[b, channel, i, j]| {
        let first = channel / d * count;
        let shares: Vec<f64> =
            (first..first + count).map(|map| logits.at(&[b, map, i, j])).collect();
        let shares = normalised(&shares).into_iter().zip(taps([i, j]));
        shares.map(|(share, [i, j])| share * value.inside(b, channel, i, j).unwrap_or(0.0)).sum()
    });
    [logits, out]
}

/// Where the taps around a position along an axis are.
fn axis(border: Border, at: usize, taps: usize, step: usize, length: usize) -> Vec<isize> {
    let mut first = (at / step) as isize - (taps / 2) as isize;
    if border == Border::Shift {
        let last = (at % step..length).step_by(step).count() - taps;
        first = first.clamp(0, last as isize);
    }
    let place = |tap: usize| (at % step) as isize + step as isize * (first + tap as isize);
    (0..taps).map(place).collect()
}

#[test]
fn local_attention_compares_a_pixel_with_its_window() {
    let plain = |border| LocalAttention2d::new(6, 2, [3, 5]).border(border);
    for (layer, x) in [
        (plain(Border::Zero), [2, 6, 7, 6]),
        (plain(Border::Zero).bias(true).relative_bias(true).dilation([2, 1]), [1, 6, 5, 8]),
        (plain(Border::Zero).mask(true).relative_bias(true), [1, 6, 4, 9]),
        (plain(Border::Shift).dilation([2, 1]).relative_bias(true), [1, 6, 7, 8]),
        (LocalAttention2d::natten(8, 2, [3, 3]), [2, 8, 5, 4]),
        (LocalAttention2d::global(8, 4), [1, 8, 4, 6]),
    ] {
        check(&Arc::new(layer.clone()), &x, |weights, x| {
            let channels = layer.channels;
            let linear = |name: &str, rows: std::ops::Range<usize>| {
                let all = weight(weights, &format!("{name}.weight"));
                let data = all.data[rows.start * channels..rows.end * channels].to_vec();
                let kernel = Array { shape: vec![rows.len(), channels, 1, 1], data };
                let bias = weight(weights, &format!("{name}.bias")).data[rows].to_vec();
                (kernel, Array { shape: vec![bias.len()], data: bias })
            };
            let natten = weights.has_prefix("qkv.");
            let biased = Conv2d { bias: true, ..Conv2d::default() };
            let made = ["query", "key", "value"].into_iter().enumerate().map(|(part, name)| {
                if !natten {
                    return pointwise(weights, name, x, layer.bias);
                }
                let (kernel, bias) = linear("qkv", part * channels..(part + 1) * channels);
                super::evaluate(biased, &[x, &kernel, &bias])
            });
            let made: Vec<Array> = made.collect();
            let bias = layer.relative_bias.then(|| weight(weights, "rpb"));
            let image = [x.shape[2], x.shape[3]];
            let size = layer.kernel_size.unwrap_or(image);
            let taps = |at: [usize; 2]| {
                let [rows, columns] = [0, 1].map(|axis_| {
                    let step = layer.dilation[axis_];
                    axis(layer.border, at[axis_], size[axis_], step, image[axis_])
                });
                rows.iter().flat_map(|&row| columns.iter().map(move |&it| [row, it])).collect()
            };
            let [logits, mut out] =
                attend([&made[0], &made[1], &made[2]], &layer, taps, bias.as_ref());
            if natten {
                let (kernel, bias) = linear("proj", 0..channels);
                out = super::evaluate(biased, &[&out, &kernel, &bias]);
            }
            vec![("logits", logits), ("out", out)]
        });
    }
}

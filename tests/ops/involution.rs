use std::collections::BTreeSet;

use involution::ops::{Activation, Border, ChannelOrder, Conv2d, Involution, KernelLayout, Op};
use involution::reference::Array;
use involution::{Padding, Shape, ShapeError, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> Involution {
    Involution::new(Window::new([3, 3]).padding(1), 2)
}

const X: [usize; 4] = [2, 6, 7, 5];
const KERNEL: [usize; 4] = [2, 18, 7, 5];

#[test]
fn takes_x_and_a_kernel() {
    refuses!(plain(), [X], ShapeError::InputCount { found: 1, .. });
    refuses!(plain(), [X, KERNEL, [6]], ShapeError::InputCount { expected: e, found: 3 }
        if *e == ["x", "kernel"]);
}

#[test]
fn ranks_are_named() {
    refuses!(plain(), [[6, 7, 5], KERNEL], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [X, [2, 18, 35]], ShapeError::Rank { tensor: "kernel", .. });
}

#[test]
fn no_dimension_is_empty() {
    for empty in 0..4 {
        let (mut x, mut kernel) = (X, KERNEL);
        x[empty] = 0;
        kernel[empty] = 0;
        refuses!(plain(), [x, KERNEL], ShapeError::Empty { tensor: "x", .. });
        refuses!(plain(), [X, kernel], ShapeError::Empty { tensor: "kernel", .. });
    }
}

#[test]
fn groups_divide_the_channels() {
    let grouped = |groups| Involution { groups, ..plain() };
    refuses!(grouped(4), [X, KERNEL], ShapeError::NotDivisible { value: 6, divisor: 4, .. });
    refuses!(grouped(0), [X, KERNEL], ShapeError::NotDivisible { divisor: 0, .. });
    refuses!(grouped(usize::MAX), [X, KERNEL], ShapeError::NotDivisible { .. });
}

#[test]
fn the_kernel_has_a_map_for_each_tap_of_each_group() {
    for found in [9, 17, 36] {
        refuses!(
            plain(),
            [X, [2, found, 7, 5]],
            ShapeError::Dimension { tensor: "kernel", dimension: "channels", expected: 18, found: f, .. }
                if *f == found
        );
    }
    refuses!(
        plain(),
        [X, [1, 18, 7, 5]],
        ShapeError::Dimension { tensor: "kernel", dimension: "batch", expected: 2, found: 1, .. }
    );
}

#[test]
fn the_kernel_has_a_pixel_for_each_position() {
    refuses!(
        plain(),
        [X, [2, 18, 6, 5]],
        ShapeError::Dimension { tensor: "kernel", dimension: "height", expected: 7, found: 6, .. }
    );
    refuses!(
        plain(),
        [X, [2, 18, 7, 7]],
        ShapeError::Dimension { tensor: "kernel", dimension: "width", expected: 5, found: 7, .. }
    );
}

/// A window with stride 2 has 8 positions on 15 rows; a kernel made from an input pooled by 2 has 7 rows.
#[test]
fn an_odd_size_with_stride_is_refused_with_both_sizes() {
    let strided = Involution::new(Window::new([7, 7]).stride([2, 2]).padding(3), 1);
    let (x, kernel) = ([1, 16, 15, 14], [1, 49, 7, 7]);
    refuses!(
        strided,
        [x, kernel],
        ShapeError::Dimension { tensor: "kernel", dimension: "height", expected: 8, found: 7, .. }
    );
    let message = strided.output_shape(&[&Shape::from(x), &Shape::from(kernel)]).unwrap_err();
    let message = message.to_string();
    for part in ["[1, 16, 15, 14]", "[1, 49, 7, 7]", "8x7", "height", "stride"] {
        assert!(message.contains(part), "'{part}' is missing: {message}");
    }
}

#[test]
fn the_window_fits() {
    let wide = Involution::new(Window::new([3, 8]).padding(1), 2);
    refuses!(
        wide,
        [X, [2, 48, 7, 1]],
        ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [3, 8] && *i == [9, 7]
    );
}

#[test]
fn parameters_have_a_meaning() {
    let window = plain().window;
    let with = |window| Involution { window, ..plain() };
    for (parameter, window) in [
        ("kernel_size", Window { kernel_size: [3, 0], ..window }),
        ("kernel_size", Window { kernel_size: [usize::MAX, 3], ..window }),
        ("stride", window.stride([0, 1])),
        ("stride", window.stride([usize::MAX, 1])),
        ("dilation", window.dilation([0, 1])),
        ("dilation", window.dilation([1, usize::MAX])),
    ] {
        refuses!(with(window), [X, KERNEL], ShapeError::Parameter { parameter: p, .. }
            if *p == parameter);
    }
    let padded = with(window.padding(usize::MAX));
    refuses!(padded, [X, KERNEL], ShapeError::Overflow { what: "padding", .. });
    let dilated = with(window.dilation([1 << 30, 1]));
    refuses!(dilated, [X, KERNEL], ShapeError::Overflow { what: "kernel_size with dilation", .. });
}

/// A kernel that is the same at every pixel, a group for each channel: a depthwise convolution.
#[test]
fn with_one_kernel_for_all_pixels_it_is_a_depthwise_convolution() {
    let padding = Padding::Explicit([[0, 3], [2, 1]]);
    let window = Window::new([2, 3]).stride([2, 1]).padding(padding).dilation([1, 2]);
    let (x, weight) = (numbers([2, 4, 9, 8], 1), numbers([4, 1, 2, 3], 2));
    let conv = Conv2d {
        stride: window.stride,
        padding,
        dilation: window.dilation,
        groups: 4,
        ..Conv2d::default()
    };
    let out = evaluate(conv, &[&x, &weight]);
    let [height, width] = [out.shape[2], out.shape[3]];
    let kernel = Array::from_fn([2, 4 * 6, height, width], |[_, tap, ..]| weight.data[tap]);
    assert_same(&evaluate(Involution::new(window, 4), &[&x, &kernel]), &out);
}

/// Interleaved groups are blocked ones of the channels in another order.
#[test]
fn interleaved_channels_are_blocked_ones_in_another_order() {
    let (groups, own) = (3, 4);
    let blocked = Involution::new(Window::new([3, 2]).padding(Padding::Same), groups);
    let interleaved = Involution { channel_order: ChannelOrder::Interleaved, ..blocked };
    let (x, kernel) = (numbers([2, groups * own, 5, 6], 1), numbers([2, groups * 6, 5, 6], 2));
    // Channel k of group g, from where it lies interleaved to where it lies blocked.
    let sorted = |a: &Array| {
        Array::from_fn([2, groups * own, 5, 6], |[n, c, i, j]| {
            a.at(&[n, c % own * groups + c / own, i, j])
        })
    };
    let out = evaluate(interleaved, &[&x, &kernel]);
    assert_same(&sorted(&out), &evaluate(blocked, &[&sorted(&x), &kernel]));
    // With one group, or one for each channel, there is nothing to order.
    for (groups, maps) in [(1, 6), (12, 72)] {
        let kernel = numbers([2, maps, 5, 6], 3);
        let both = [blocked, interleaved].map(|op| Involution { groups, ..op });
        let [a, b] = both.map(|op| evaluate(op, &[&x, &kernel]));
        assert_eq!(a, b);
    }
}

/// Scale and shift belong to a channel as it lies in x, whichever group it is of, and come before the activation.
#[test]
fn channels_are_scaled_and_shifted_after_the_sum() {
    for channel_order in ChannelOrder::ALL.map(|(_, order)| order) {
        let sums = Involution { channel_order, ..plain() };
        let all = Involution { affine: true, activation: Activation::Relu, ..sums };
        let (x, kernel) = (numbers([2, 6, 5, 4], 1), numbers([2, 2 * 9, 5, 4], 2));
        let [scale, shift] = [3, 4].map(|seed| numbers([6], seed));
        let sum = evaluate(sums, &[&x, &kernel]);
        let expected = Array::from_fn([2, 6, 5, 4], |[n, c, i, j]| {
            (sum.at(&[n, c, i, j]) * scale.data[c] + shift.data[c]).max(0.0)
        });
        assert_same(&evaluate(all, &[&x, &kernel, &scale, &shift]), &expected);
    }
}

#[test]
fn scale_and_shift_have_a_value_for_each_channel() {
    let affine = Involution { affine: true, ..plain() };
    let (x, kernel) = (X, KERNEL);
    refuses!(affine, [x, kernel, [6]], ShapeError::InputCount { found: 3, .. });
    refuses!(
        affine,
        [x, kernel, [5], [6]],
        ShapeError::Dimension { tensor: "scale", expected: 6, .. }
    );
    refuses!(affine, [x, kernel, [6], [1, 6]], ShapeError::Rank { tensor: "shift", .. });
}

#[test]
fn borders_and_upsampling_have_a_meaning() {
    let with = |border, window| Involution { border, window, ..plain() };
    let window = plain().window;
    refuses!(
        Involution { upsample: 0, ..plain() },
        [X, KERNEL],
        ShapeError::Parameter { parameter: "upsample", .. }
    );
    let reflected = with(Border::Reflect, window.padding(Padding::symmetric(1, 5)));
    refuses!(reflected, [X, [2, 18, 7, 13]], ShapeError::Parameter { parameter: "padding", value, .. }
        if value == "5 at a size of 5");
    let strided = with(Border::Shift, window.stride([2, 1]));
    refuses!(strided, [X, [2, 18, 4, 5]], ShapeError::Parameter { parameter: "stride", .. });
    let narrow = with(Border::Shift, window.padding(0));
    refuses!(narrow, [X, [2, 18, 5, 3]], ShapeError::Parameter { parameter: "padding", .. });
    // Five columns have no three places two apart among those of an odd column.
    let dilated = with(Border::Shift, window.dilation([1, 2]).padding(Padding::Same));
    refuses!(dilated, [X, KERNEL], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [3, 6] && *i == [7, 5]);
    let twice = Involution { upsample: 2, ..plain() };
    refuses!(twice, [X, KERNEL], ShapeError::Dimension { dimension: "height", expected: 14, .. });
}

/// In neighbourhood attention every query has as many keys as there are taps, those nearest to it in the image.
#[test]
fn a_window_that_is_shifted_has_all_of_its_taps() {
    for (taps, dilation, [height, width]) in [
        (7, [1, 1], [9, 8]),
        (7, [1, 2], [7, 15]),
        (3, [3, 2], [10, 7]),
        (13, [1, 1], [13, 17]),
        (13, [2, 1], [27, 14]),
        (13, [1, 3], [14, 40]),
    ] {
        let op = Involution::na2d_av([taps; 2], dilation, 1);
        // A value is the number of its pixel, counted from one.
        let x = Array::from_fn([1, 1, height, width], |[.., i, j]| (1 + i * width + j) as f64);
        let mut keys = vec![BTreeSet::new(); height * width];
        for tap in 0..taps * taps {
            let maps = [1, taps * taps, height, width];
            let kernel = Array::from_fn(maps, |[_, map, ..]| f64::from(u8::from(map == tap)));
            let read = evaluate(op, &[&x, &kernel]);
            for (query, value) in read.data.iter().enumerate() {
                assert!(keys[query].insert(*value as usize), "{taps}: {value} twice");
            }
        }
        for (query, keys) in keys.iter().enumerate() {
            assert!(!keys.contains(&0) && keys.len() == taps * taps, "{taps}: {}", keys.len());
            let [i, j] = [query / width, query % width];
            // No pixel of the same residues that was left out is nearer than one that was taken, along either axis.
            let axes = [(i, dilation[0], height), (j, dilation[1], width)];
            let places = keys.iter().map(|key| [(key - 1) / width, (key - 1) % width]);
            let places: Vec<[usize; 2]> = places.collect();
            for (axis, (own, dilation, length)) in axes.into_iter().enumerate() {
                let taken: BTreeSet<usize> = places.iter().map(|place| place[axis]).collect();
                let all = (0..length).filter(|place| place % dilation == own % dilation);
                let left = all.filter(|place| !taken.contains(place));
                let nearest = left.map(|place| place.abs_diff(own)).min();
                let farthest = taken.iter().map(|place| place.abs_diff(own)).max();
                let (first, last) = (taken.first().unwrap(), taken.last().unwrap());
                let inside = *first >= dilation && *last + dilation < length;
                assert!(!inside || nearest > farthest, "{taps}: {own} of {length}");
            }
        }
    }
}

/// Along a sequence, each position has all of its 7 or 13 keys, each of them once.
#[test]
fn a_window_over_a_sequence_has_all_of_its_taps() {
    for (taps, dilation, length) in [(7, 1, 9), (7, 3, 23), (13, 1, 13), (13, 2, 27)] {
        let op = Involution::na1d_av(taps, dilation, 1);
        let op = Involution { kernel_layout: KernelLayout::TapsLast, ..op };
        let ones = |shape: [usize; 4]| Array::from_fn(shape, |_| 1.0);
        let kernel = Array::from_fn([1, 1, 1, length, taps], |_| 1.0);
        let keys = evaluate(op, &[&ones([1, 1, 1, length]), &kernel]);
        assert!(keys.data.iter().all(|&keys| keys == taps as f64), "{:?}", keys.data);
        // Each key that a query has, it has once.
        for key in 0..length {
            let own = Array::from_fn([1, 1, 1, length], |[.., j]| f64::from(u8::from(j == key)));
            let counted = evaluate(op, &[&own, &kernel]);
            let nearby = |query: usize| query % dilation == key % dilation;
            let legal = counted.data.iter().enumerate();
            assert!({ legal }.all(|(query, &n)| n == 0.0 || (n == 1.0 && nearby(query))));
        }
    }
}

/// However the weights lie, they are the same weights.
#[test]
fn layouts_of_the_kernel_differ_in_their_order_alone() {
    let op = Involution { upsample: 2, softmax: true, ..plain() };
    let (x, kernel) = (numbers([2, 6, 3, 4], 1), numbers([2, 18, 6, 8], 2));
    let out = evaluate(op, &[&x, &kernel]);
    let split = Array { shape: vec![2, 2, 9, 6, 8], ..kernel.clone() };
    assert_eq!(evaluate(op, &[&x, &split]), out);
    let last = Array::from_fn([2, 2, 6, 8, 9], |[n, g, i, j, t]| kernel.at(&[n, g * 9 + t, i, j]));
    let of = |kernel_layout| Involution { kernel_layout, ..op };
    assert_eq!(evaluate(of(KernelLayout::TapsLast), &[&x, &last]), out);
    let narrow = Array::from_fn([2, 72, 3, 4], |[n, map, i, j]| {
        kernel.at(&[n, map / 4, 2 * i + map % 4 / 2, 2 * j + map % 2])
    });
    assert_eq!(evaluate(of(KernelLayout::BeforePixelShuffle), &[&x, &narrow]), out);
    let kernel = |shape: &[usize]| Shape::new(shape);
    for (layout, right, wrong) in [
        (KernelLayout::TapsFirst, [2, 2, 9, 6, 8], [2, 2, 8, 6, 8]),
        (KernelLayout::TapsLast, [2, 2, 6, 8, 9], [2, 2, 9, 6, 8]),
    ] {
        let shape =
            |dims: &[usize]| of(layout).output_shape(&[&kernel(&[2, 6, 3, 4]), &kernel(dims)]);
        assert_eq!(shape(&right), Ok(kernel(&[2, 6, 6, 8])));
        assert!(matches!(shape(&wrong), Err(ShapeError::Dimension { tensor: "kernel", .. })));
    }
    refuses!(
        of(KernelLayout::BeforePixelShuffle),
        [[2, 6, 3, 4], [2, 18, 6, 8]],
        ShapeError::Dimension { tensor: "kernel", dimension: "channels", expected: 72, .. }
    );
    refuses!(of(KernelLayout::TapsLast), [[2, 6, 3, 4], [2, 18, 6, 8]], ShapeError::Rank { .. });
}

#[test]
fn names_of_other_libraries_are_the_same_sum() {
    let interleaved = |op: Involution| op.channel_order == ChannelOrder::Interleaved;
    let window = Window::new([3, 3]).padding(1).stride([2, 2]);
    assert!(interleaved(Involution::ska(3, 2)));
    assert!(interleaved(Involution::aggregation_zeropad(window, 2)));
    assert_eq!(Involution::aggregation_refpad(window, 2).border, Border::Reflect);
    let (x, kernel) = (numbers([1, 4, 3, 4], 1), numbers([1, 18, 6, 8], 2));
    // CARAFE: the output pixel (5, 2) reads around (2, 1).
    let out = evaluate(Involution::carafe(3, 2, 2), &[&x, &kernel]);
    let want: f64 = (0..9)
        .map(|tap| {
            let [row, column] = [1 + tap / 3, tap % 3];
            let value = if row < 3 { x.at(&[0, 3, row, column]) } else { 0.0 };
            value * kernel.at(&[0, 9 + tap, 5, 2])
        })
        .sum();
    assert_eq!(out.shape, [1, 4, 6, 8]);
    assert!((out.at(&[0, 3, 5, 2]) - want).abs() < 1e-12);
    // A causal convolution over time: the first output reads the first input alone, with the last tap.
    let (x, weights) = (numbers([1, 2, 1, 5], 3), numbers([1, 3, 1, 5], 4));
    let out = evaluate(Involution::dynamic_conv1d(3, 1), &[&x, &weights]);
    let all: Vec<f64> = (0..3).map(|tap| weights.at(&[0, tap, 0, 0]).exp()).collect();
    let want = all[2] / all.iter().sum::<f64>() * x.at(&[0, 1, 0, 0]);
    assert!((out.at(&[0, 1, 0, 0]) - want).abs() < 1e-12);
    // RAFT: the pixel (9, 2) of a flow eight times as large combines the nine positions around (1, 0).
    let (x, mask) = (numbers([1, 2, 3, 2], 5), numbers([1, 9 * 64, 3, 2], 6));
    let out = evaluate(Involution::convex_upsample(8), &[&x, &mask]);
    let powers: Vec<f64> = (0..9).map(|tap| mask.at(&[0, tap * 64 + 8 + 2, 1, 0]).exp()).collect();
    let want = (0..9).map(|tap| {
        let value = x.inside(0, 1, tap as isize / 3, tap as isize % 3 - 1).unwrap_or(0.0);
        powers[tap] * value / powers.iter().sum::<f64>()
    });
    assert_eq!(out.shape, [1, 2, 24, 16]);
    assert!((out.at(&[0, 1, 9, 2]) - want.sum::<f64>()).abs() < 1e-12);
    let filtered = Involution::kernel_prediction(5);
    assert_eq!((filtered.groups, filtered.window.kernel_size), (1, [5, 5]));
}

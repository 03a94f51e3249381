//! Operators of volumes: what they refuse, and identities that tie them to those of images.

use std::collections::BTreeSet;

use involution::ops::{
    AvgPool2d, AvgPool3d, Border, Conv2d, Conv3d, GlobalAvgPool, Involution, Involution3d,
    MaxPool2d, MaxPool3d, Unfold, Unfold3d,
};
use involution::reference::Array;
use involution::{Padding, ShapeError, Window};

use crate::harness::{evaluate, numbers, refuses};

/// An array with one more axis of size 1 at this place.
fn deep(array: &Array, axis: usize) -> Array {
    let mut array = array.clone();
    array.shape.insert(axis, 1);
    array
}

#[test]
fn a_volume_of_one_slice_is_an_image() {
    let x = numbers([2, 4, 5, 7], 1);
    let window = Window::new([3, 2]).stride([2, 1]).padding(Padding::Explicit([[1, 0], [0, 1]]));
    let sides = Padding::Explicit([[0, 0], [1, 0], [0, 1]]);
    let window3 = Window::new([1, 3, 2]).stride([1, 2, 1]).padding(sides);
    let volume = deep(&x, 2);
    let same = |image: Array, found: Array| assert_eq!(deep(&image, 2), found);

    same(evaluate(AvgPool2d::new(window), &[&x]), evaluate(AvgPool3d::new(window3), &[&volume]));
    same(evaluate(MaxPool2d::new(window), &[&x]), evaluate(MaxPool3d::new(window3), &[&volume]));
    same(evaluate(GlobalAvgPool, &[&x]), evaluate(GlobalAvgPool, &[&volume]));
    let unfolded = evaluate(Unfold { window }, &[&x]);
    assert_eq!(unfolded, evaluate(Unfold3d { window: window3 }, &[&volume]));
    let weight = numbers([6, 2, 3, 2], 2);
    let conv =
        Conv2d { stride: window.stride, padding: window.padding, groups: 2, ..Conv2d::default() };
    let conv3 = Conv3d { stride: [1, 2, 1], padding: sides, groups: 2, ..Conv3d::default() };
    same(evaluate(conv, &[&x, &weight]), evaluate(conv3, &[&volume, &deep(&weight, 2)]));
    let kernel = numbers([2, 12, 2, 7], 3);
    let involved = evaluate(Involution::new(window, 2), &[&x, &kernel]);
    let found = evaluate(Involution3d::new(window3, 2), &[&volume, &deep(&kernel, 2)]);
    same(involved, found);
}

#[test]
fn what_is_no_volume_or_does_not_fit_is_refused() {
    let window = Window::new([2, 3, 3]);
    let pool = MaxPool3d::new(window);
    refuses!(pool, [[1, 2, 7, 6]], ShapeError::Rank { expected: "[N, C, D, H, W]", .. });
    refuses!(pool, [[1, 2, 0, 7, 6]], ShapeError::Empty { tensor: "x", .. });
    refuses!(pool, [[1, 2, 1, 7, 6]], ShapeError::WindowTooLarge { window: w, input: i }
        if *w == [2, 3, 3] && *i == [1, 7, 6]);
    let padded = AvgPool3d::new(window.padding([2, 0, 0]));
    refuses!(padded, [[1, 2, 3, 7, 6]], ShapeError::PoolPadding { padding: 2, window: 2 });
    let dilated = AvgPool3d::new(window.dilation([2, 1, 1]));
    refuses!(dilated, [[1, 2, 4, 7, 6]], ShapeError::Parameter { parameter: "dilation", .. });

    let x: &[usize] = &[1, 4, 3, 5, 6];
    let conv = Conv3d::default();
    refuses!(conv, [x, &[6, 4, 3, 3]], ShapeError::Rank { tensor: "weight", .. });
    refuses!(conv, [x, &[6, 3, 2, 3, 3]], ShapeError::Dimension { expected: 4, found: 3, .. });
    let residual = Conv3d { residual: true, ..conv };
    let wrong: &[usize] = &[1, 6, 3, 3, 4];
    refuses!(
        residual,
        [x, &[6, 4, 2, 3, 3], wrong],
        ShapeError::Dimension { dimension: "output depth", expected: 2, found: 3, .. }
    );

    let op = Involution3d::new(Window::new([3, 3, 3]).padding(1), 2);
    refuses!(
        op,
        [x, &[1, 54, 3, 5, 5]],
        ShapeError::Dimension { dimension: "width", expected: 6, found: 5, .. }
    );
    refuses!(
        op,
        [x, &[1, 27, 3, 5, 6]],
        ShapeError::Dimension { dimension: "channels", expected: 54, .. }
    );
    let kernel: &[usize] = &[1, 54, 3, 5, 6];
    let shift = Involution3d { border: Border::Shift, ..op };
    let dilated = Involution3d { window: op.window.dilation([1, 2, 1]), ..shift };
    refuses!(dilated, [x, kernel], ShapeError::WindowTooLarge { window: w, .. } if *w == [3, 6, 3]);
    let valid = Involution3d { window: op.window.padding(0), ..shift };
    refuses!(valid, [x, kernel], ShapeError::Parameter { parameter: "padding", .. });
    let strided = Involution3d { window: op.window.stride([1, 1, 2]), ..shift };
    refuses!(strided, [x, kernel], ShapeError::Parameter { parameter: "stride", .. });
    let far = Involution3d { border: Border::Reflect, window: op.window.padding([3, 1, 1]), ..op };
    refuses!(far, [x, kernel], ShapeError::Parameter { parameter: "padding", .. });
}

/// Each query of neighbourhood attention has all of its keys: those of its residues that lie nearest.
#[test]
fn a_window_that_is_shifted_has_all_of_its_taps() {
    for (taps, dilation, size) in [
        ([3, 3, 3], [1, 1, 1], [4, 3, 5]),
        ([3, 3, 3], [1, 2, 3], [3, 7, 10]),
        ([2, 3, 5], [2, 1, 2], [5, 4, 11]),
        ([1, 7, 7], [1, 1, 1], [2, 9, 7]),
    ] {
        let op = Involution3d::na3d_av(taps, dilation, 1);
        let [depth, height, width] = size;
        let places = depth * height * width;
        // A value is the number of its place, counted from one.
        let x = Array::from_fn([1, 1, depth, height, width], |[.., k, i, j]| {
            (1 + (k * height + i) * width + j) as f64
        });
        let count: usize = taps.iter().product();
        let mut keys = vec![BTreeSet::new(); places];
        for tap in 0..count {
            let maps = [1, count, depth, height, width];
            let kernel = Array::from_fn(maps, |[_, map, ..]| f64::from(u8::from(map == tap)));
            let read = evaluate(op, &[&x, &kernel]);
            for (query, value) in read.data.iter().enumerate() {
                assert!(*value >= 1.0 && keys[query].insert(*value as usize), "{taps:?}: {value}");
            }
        }
        let of = |place: usize| [place / (height * width), place / width % height, place % width];
        for (query, keys) in keys.iter().enumerate() {
            assert_eq!(keys.len(), count, "{taps:?}");
            for axis in 0..3 {
                let own = of(query)[axis];
                let taken: BTreeSet<usize> = keys.iter().map(|key| of(key - 1)[axis]).collect();
                assert_eq!(taken.len(), taps[axis]);
                assert!(taken.iter().all(|place| place % dilation[axis] == own % dilation[axis]));
                assert!(taken.contains(&own));
            }
        }
    }
}

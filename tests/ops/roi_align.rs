use involution::ops::{AvgPool2d, RoiAlign};
use involution::reference::{self, Array};
use involution::shape::Window;
use involution::{Error, ShapeError, Tensor};

use crate::adapters;
use crate::harness::{assert_same, evaluate, numbers, refuses};

fn one() -> RoiAlign {
    RoiAlign::new([1, 1], 1.0)
}

#[test]
fn boxes_are_rows_of_five() {
    refuses!(
        one(),
        [[1, 2, 3, 3], [4, 4]],
        ShapeError::Dimension { tensor: "rois", expected: 5, found: 4, .. }
    );
    refuses!(one(), [[1, 2, 3, 3], [0, 5]], ShapeError::Empty { tensor: "rois", .. });
    let op = RoiAlign { spatial_scale: 0.0, ..one() };
    refuses!(op, [[1, 2, 3, 3], [1, 5]], ShapeError::Parameter { parameter: "spatial_scale", .. });
}

/// A box in a sample that there is not is told with its row and both shapes.
#[test]
fn a_sample_that_there_is_not_is_refused_where_it_is_known() {
    let x = Tensor::filled([2, 3, 4, 4], 1.0).unwrap();
    for sample in [2.0, -1.0, f32::NAN] {
        let boxes = vec![1.0, 0.0, 0.0, 2.0, 2.0, sample, 0.0, 0.0, 2.0, 2.0];
        let rois = Tensor::new([2, 5], boxes).unwrap();
        let wrong = |error: Error| {
            let text = error.to_string();
            assert!(text.contains("row 1 of rois [2, 5], where x is [2, 3, 4, 4]"), "{text}");
        };
        wrong(reference::run(&one().into(), &[&x, &rois]).unwrap_err());
        adapters::each(|gpu| wrong(gpu.run(one(), &[&x, &rois]).unwrap_err()));
    }
}

/// A box of whole pixels whose bins are too is pooled.
#[test]
fn boxes_of_whole_pixels_are_average_pooling() {
    let x = numbers([1, 3, 6, 9], 1);
    let rois = Array { shape: vec![1, 5], data: vec![0.0, 0.0, 0.0, 36.0, 24.0] };
    let pooled = AvgPool2d {
        window: Window::new([2, 3]).stride([2, 3]),
        ceil_mode: false,
        count_include_pad: true,
    };
    assert_same(&evaluate(RoiAlign::new([3, 3], 0.25), &[&x, &rois]), &evaluate(pooled, &[&x]));
}

use involution::ShapeError;
use involution::ops::{Conv2d, ConvTranspose2d, Fold};
use involution::reference::Array;
use involution::shape::{Padding, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn two() -> ConvTranspose2d {
    ConvTranspose2d { stride: [2, 2], ..ConvTranspose2d::default() }
}

#[test]
fn sizes_that_do_not_agree_are_refused_by_name() {
    refuses!(
        two(),
        [[1, 4, 5, 5], [3, 2, 2, 2]],
        ShapeError::Dimension {
            tensor: "weight",
            dimension: "input channels",
            expected: 4,
            found: 3,
            ..
        }
    );
    let more = ConvTranspose2d { output_padding: [0, 2], ..two() };
    refuses!(
        more,
        [[1, 4, 5, 5], [4, 2, 2, 2]],
        ShapeError::Parameter { parameter: "output_padding", .. }
    );
    let cut = ConvTranspose2d { padding: Padding::symmetric(5, 0), ..two() };
    refuses!(cut, [[1, 4, 5, 5], [4, 2, 2, 2]], ShapeError::Parameter { parameter: "padding", .. });
    let groups = ConvTranspose2d { groups: 3, ..two() };
    refuses!(groups, [[1, 4, 5, 5], [4, 2, 2, 2]], ShapeError::NotDivisible { .. });
}

/// Without stride it is the convolution whose window is turned round, padded by the rest of the window.
#[test]
fn without_stride_it_is_a_convolution_with_a_turned_window() {
    let (x, weight) = (numbers([2, 3, 5, 6], 1), numbers([3, 4, 2, 3], 2));
    let turned =
        Array::from_fn([4, 3, 2, 3], |[o, c, p, q]: [usize; 4]| weight.at(&[c, o, 1 - p, 2 - q]));
    let conv = Conv2d { padding: Padding::Full, ..Conv2d::default() };
    let want = evaluate(conv, &[&x, &turned]);
    assert_same(&evaluate(ConvTranspose2d::default(), &[&x, &weight]), &want);
}

/// It is the product of the weight, transposed, with the pixels, which are then folded.
#[test]
fn it_is_a_product_that_is_folded() {
    let (x, weight) = (numbers([1, 3, 4, 5], 1), numbers([3, 2, 3, 2], 2));
    let columns = Array::from_fn([1, 12, 20], |[_, row, at]: [usize; 3]| {
        (0..3).map(|c| weight.data[c * 12 + row] * x.data[c * 20 + at]).sum()
    });
    let window = Window::new([3, 2]).stride([2, 2]);
    let want = evaluate(Fold { window, output_size: [9, 10] }, &[&columns]);
    assert_same(&evaluate(two(), &[&x, &weight]), &want);
}

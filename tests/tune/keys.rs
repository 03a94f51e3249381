//! Which calls share a choice, and which do not.

use involution::Shape;
use involution::autotune::Key;
use involution::ops::{
    Activation, BatchNorm, Conv2d, Involution, Linear, MaxPool2d, Operator, Softmax,
};
use involution::shape::Window;

fn key(op: impl Into<Operator>, shapes: &[&[usize]]) -> Key {
    let shapes: Vec<Shape> = shapes.iter().map(|&dims| Shape::new(dims)).collect();
    Key::of(&op.into(), &shapes.iter().collect::<Vec<_>>())
}

fn conv(x: [usize; 4], weight: [usize; 4]) -> Key {
    key(Conv2d { padding: 1.into(), ..Conv2d::default() }, &[&x, &weight])
}

#[test]
fn a_key_can_be_read() {
    let conv = Conv2d {
        stride: [2, 2],
        padding: 1.into(),
        bias: true,
        activation: Activation::Relu,
        ..Conv2d::default()
    };
    let key = key(conv, &[&[5, 64, 55, 60], &[128, 64, 3, 3], &[128]]);
    assert_eq!(key.op, "conv2d");
    assert_eq!(key.attributes, "stride=2 padding=1 activation=relu");
    assert_eq!(key.shapes, "x [4-7, 64, 2048-4095 width%4=0], weight [128, 64, 3, 3], bias [128]");
    assert_eq!(key.to_string(), format!("conv2d {} {}", key.attributes, key.shapes));
}

#[test]
fn neighbours_share_a_key() {
    let weight = [8, 4, 3, 3];
    let one = conv([4, 4, 56, 56], weight);
    assert_eq!(one, conv([7, 4, 60, 64], weight));
    assert_ne!(one, conv([8, 4, 56, 56], weight), "the batch doubles");
    assert_ne!(one, conv([3, 4, 56, 56], weight), "the batch halves");
    assert_ne!(one, conv([4, 4, 64, 64], weight), "the area doubles");
    assert_ne!(one, conv([4, 4, 44, 44], weight), "the area halves");
}

#[test]
fn what_kernels_have_conditions_on_is_part_of_the_key() {
    let weight = [8, 4, 3, 3];
    let keys = [
        conv([1, 4, 8, 8], weight),
        // 4 divides the area, not the width; then neither.
        conv([1, 4, 12, 6], weight),
        conv([1, 4, 9, 9], weight),
        conv([1, 4, 8, 8], [9, 4, 3, 3]),
        conv([1, 4, 8, 8], [8, 4, 5, 5]),
        conv([1, 5, 8, 8], [8, 5, 3, 3]),
        key(Conv2d::default(), &[&[1, 4, 8, 8], &weight]),
        key(
            Conv2d { padding: 1.into(), bias: true, ..Conv2d::default() },
            &[&[1, 4, 8, 8], &weight, &[8]],
        ),
    ];
    for (i, a) in keys.iter().enumerate() {
        assert!(!keys[..i].contains(a), "{a}");
    }
}

#[test]
fn every_kind_of_shape_has_a_key() {
    let window = Window::new([3, 3]).padding(1);
    let involution = Involution::new(window, 2);
    let shapes = |key: Key| key.shapes;
    assert_eq!(
        shapes(key(involution, &[&[2, 8, 5, 5], &[2, 18, 5, 5]])),
        "x [2-3, 8, 16-31], kernel [2-3, 18, 16-31]"
    );
    // Rows are not images: what is summed up is exact.
    assert_eq!(
        shapes(key(Linear { bias: false, ..Linear::default() }, &[&[9, 70], &[3, 70]])),
        "x [8-15, 70], weight [3, 70]"
    );
    assert_eq!(
        shapes(key(Softmax { axis: -1, temperature: 1.0 }, &[&[2, 3, 70]])),
        "x [2-3, 3, 70]"
    );
    // Without a batch nothing is rounded.
    assert_eq!(shapes(key(Softmax { axis: 0, temperature: 1.0 }, &[&[3, 70]])), "x [3, 70]");
    assert_eq!(shapes(key(MaxPool2d::new(Window::new([2, 2])), &[&[1, 1, 1, 1]])), "x [1, 1, 1]");
    let channels: &[usize] = &[3];
    let norm = BatchNorm { affine: false, ..BatchNorm::default() };
    assert_eq!(
        shapes(key(norm, &[&[1, 3, 2, 2], channels, channels])),
        "x [1, 3, 4-7 area%4=0], running_mean [3], running_var [3]"
    );
}

#[test]
fn sizes_beyond_counting_do_not_panic() {
    let huge = usize::MAX;
    let key = conv([huge, huge, huge, huge], [huge, huge, huge, huge]);
    assert!(key.shapes.contains(&huge.to_string()), "{key}");
    assert!(conv([0, 0, 0, 0], [0, 0, 0, 0]).shapes.starts_with("x [1, 0, 1"), "{key}");
}

//! Constants that are made of weights, against numbers worked out by hand.

use involution::plan::{Constant, Norm};
use involution::{Error, Shape, StateDict, Tensor, WeightsError};

fn weights(tensors: &[(&str, &[usize], &[f32])]) -> StateDict {
    let tensor = |(name, dims, data): &(&str, &[usize], &[f32])| {
        ((*name).to_owned(), Tensor::new(Shape::new(*dims), data.to_vec()).unwrap())
    };
    tensors.iter().map(tensor).collect()
}

fn constant(name: &str, dims: &[usize]) -> Constant {
    Constant::Weight { name: name.to_owned(), shape: Shape::new(dims) }
}

fn norm(affine: bool, eps: f32) -> Box<Norm> {
    let of = |name| constant(name, &[2]);
    let affine = affine.then(|| (of("gamma"), of("beta")));
    Box::new(Norm { mean: of("mean"), variance: of("variance"), affine, eps: eps.to_bits() })
}

/// Variances of 3 and 15 with an epsilon of 1: scales of 1/2 and 1/4.
fn example() -> StateDict {
    weights(&[
        ("weight", &[2, 1, 1, 2], &[2.0, -4.0, 8.0, 1.0]),
        ("bias", &[2], &[10.0, 3.0]),
        ("mean", &[2], &[4.0, -5.0]),
        ("variance", &[2], &[3.0, 15.0]),
        ("gamma", &[2], &[6.0, -2.0]),
        ("beta", &[2], &[100.0, 7.0]),
    ])
}

#[test]
fn folded_weights_are_scaled_row_by_row() {
    let weight = || Box::new(constant("weight", &[2, 1, 1, 2]));
    let fold = |affine| {
        let constant = Constant::FoldedWeight { weight: weight(), norm: norm(affine, 1.0) };
        constant.evaluate(&example()).unwrap().into_owned()
    };
    let plain = fold(false);
    assert_eq!(plain.shape().dims(), [2, 1, 1, 2]);
    assert_eq!(plain.data(), [1.0, -2.0, 2.0, 0.25]);
    // gamma / sqrt(variance + eps) is 3 and -1/2.
    assert_eq!(fold(true).data(), [6.0, -12.0, -4.0, -0.5]);
}

#[test]
fn folded_biases_are_shifted_by_the_mean() {
    let fold = |bias: bool, affine| {
        let bias = bias.then(|| Box::new(constant("bias", &[2])));
        Constant::FoldedBias { bias, norm: norm(affine, 1.0) }
            .evaluate(&example())
            .unwrap()
            .into_owned()
    };
    assert_eq!(fold(false, false).shape().dims(), [2]);
    assert_eq!(fold(false, false).data(), [-2.0, 1.25]);
    assert_eq!(fold(true, false).data(), [3.0, 2.0]);
    assert_eq!(fold(false, true).data(), [88.0, 4.5]);
    // (10 - 4) * 3 + 100 and (3 + 5) * -1/2 + 7.
    assert_eq!(fold(true, true).data(), [118.0, 3.0]);
}

/// A channel that never varied: the epsilon of PyTorch stands in, and nothing is infinite.
#[test]
fn a_channel_that_never_varied_is_scaled_by_epsilon_alone() {
    let mut state = example();
    state.insert("variance", Tensor::new([2], vec![0.0, 0.0]).unwrap());
    let bias = Constant::FoldedBias { bias: None, norm: norm(false, 1e-5) };
    let scale = 1.0 / f64::from(1e-5f32).sqrt();
    for (found, mean) in bias.evaluate(&state).unwrap().data().iter().zip([4.0, -5.0]) {
        assert!((f64::from(*found) / (-mean * scale) - 1.0).abs() < 1e-6, "{found}");
    }
}

/// Two groups of three taps, stored tap by tap, come out group by group; and back.
#[test]
fn rows_are_brought_from_taps_to_groups() {
    let state = weights(&[
        ("rows", &[6, 2], &[0.0, 0.5, 10.0, 10.5, 1.0, 1.5, 11.0, 11.5, 2.0, 2.5, 12.0, 12.5]),
        ("bias", &[6], &[0.0, 10.0, 1.0, 11.0, 2.0, 12.0]),
    ]);
    let swapped = |of: Constant, outer| Constant::RowsSwapped { of: Box::new(of), outer };
    let rows = swapped(constant("rows", &[6, 2]), 2);
    let found = rows.evaluate(&state).unwrap();
    assert_eq!(found.shape().dims(), [6, 2]);
    assert_eq!(found.data(), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 10.0, 10.5, 11.0, 11.5, 12.0, 12.5]);
    let bias = swapped(constant("bias", &[6]), 2);
    assert_eq!(bias.evaluate(&state).unwrap().data(), [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    let back = swapped(bias, 3).evaluate(&state).unwrap();
    assert_eq!(&*back, state.get("bias").unwrap());
    // One group, and one tap, are in both orders at once.
    for outer in [1, 6] {
        let same = swapped(constant("bias", &[6]), outer).evaluate(&state).unwrap();
        assert_eq!(&*same, state.get("bias").unwrap());
    }
}

#[test]
fn another_shape_has_the_same_values() {
    let of = Box::new(constant("weight", &[2, 1, 1, 2]));
    let reshaped = Constant::Reshaped { of: of.clone(), shape: Shape::from([4]) };
    let found = reshaped.evaluate(&example()).unwrap().into_owned();
    assert_eq!((found.shape().dims(), found.data()), (&[4][..], &[2.0, -4.0, 8.0, 1.0][..]));
    let wrong = Constant::Reshaped { of, shape: Shape::from([5]) };
    assert!(matches!(wrong.evaluate(&example()), Err(Error::Shape { op: "constant", .. })));
}

/// Columns of 2, -4 and 8, 1 times 3 and -1/2; and with a shift of 100 - 4 * 3 and of 7 - 5 / 2.
#[test]
fn a_norm_before_a_linear_layer_scales_its_columns() {
    let weight = || Box::new(constant("rows", &[2, 2]));
    let mut state = example();
    state.insert("rows", Tensor::new([2, 2], vec![2.0, -4.0, 8.0, 1.0]).unwrap());
    let folded = Constant::NormedWeight { weight: weight(), norm: norm(true, 1.0) };
    let folded = folded.evaluate(&state).unwrap().into_owned();
    assert_eq!((folded.shape().dims(), folded.data()), (&[2, 2][..], &[6.0, 2.0, 24.0, -0.5][..]));
    for (bias, expected) in [(false, [158.0, 708.5]), (true, [168.0, 711.5])] {
        let bias = bias.then(|| Box::new(constant("bias", &[2])));
        let folded = Constant::NormedBias { bias, weight: weight(), norm: norm(true, 1.0) };
        assert_eq!(folded.evaluate(&state).unwrap().data(), expected);
    }
}

#[test]
fn a_small_kernel_is_added_in_the_middle_of_a_large_one() {
    let state = weights(&[
        ("wide", &[2, 1, 3, 3], &(0..18).map(|value| value as f32).collect::<Vec<_>>()),
        ("thin", &[2, 1, 1, 1], &[100.0, 200.0]),
        ("bias", &[2], &[1.0, 2.0]),
    ]);
    let shape = Shape::from([2, 1, 3, 3]);
    let identity = Constant::Identity { shape: Shape::from([2, 1, 1, 1]) };
    let of = vec![constant("thin", &[2, 1, 1, 1]), constant("wide", &[2, 1, 3, 3]), identity];
    let sum = Constant::Sum { of, shape: shape.clone() }.evaluate(&state).unwrap().into_owned();
    let expected = |place: usize| match place {
        4 => 105.0,
        13 => 214.0,
        place => place as f32,
    };
    assert_eq!(sum.shape(), &shape);
    assert_eq!(sum.data(), (0..18).map(expected).collect::<Vec<_>>());
    let of = vec![constant("bias", &[2]); 3];
    let biases = Constant::Sum { of, shape: Shape::from([2]) };
    assert_eq!(biases.evaluate(&state).unwrap().data(), [3.0, 6.0]);
    // Two channels in a group: the second one of a group is the second of its inputs.
    let identity = Constant::Identity { shape: Shape::from([4, 2, 1, 3]) };
    let value = identity.evaluate(&state).unwrap().into_owned();
    let ones: Vec<usize> = (0..24).filter(|&place| value.data()[place] == 1.0).collect();
    assert_eq!(ones, [1, 10, 13, 22]);
    assert_eq!(value.data().iter().sum::<f32>(), 4.0);
}

#[test]
fn multiples() {
    let of = Box::new(constant("bias", &[2]));
    let half = Constant::Scaled { of, factor: 0.5f32.to_bits() };
    assert_eq!(half.evaluate(&example()).unwrap().data(), [5.0, 1.5]);
}

/// Two heads, biases for distances of 0 and 1; windows of two taps are at most 1 away, of three at most 2.
#[test]
fn biases_of_distances_are_the_same_in_either_direction() {
    let state = weights(&[("biases", &[2, 4], &[0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 30.0, 31.0])]);
    let signed = |sizes: [usize; 3]| {
        let (of, shape) = (Box::new(constant("biases", &[2, 4])), Shape::from(sizes));
        Constant::SignedDistances { of, shape }.evaluate(&state).unwrap().into_owned()
    };
    let found = signed([2, 3, 3]);
    assert_eq!(found.data()[..9], [11.0, 10.0, 11.0, 1.0, 0.0, 1.0, 11.0, 10.0, 11.0]);
    assert_eq!(found.data()[9..], [31.0, 30.0, 31.0, 21.0, 20.0, 21.0, 31.0, 30.0, 31.0]);
    let found = signed([2, 1, 5]);
    assert_eq!(found.data(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 21.0, 20.0, 21.0, 0.0]);
}

#[test]
fn weights_that_are_not_there_are_named() {
    let missing = constant("nothing", &[2]).evaluate(&example()).unwrap_err();
    let Error::Weights(WeightsError::Mismatch { missing, misshaped, .. }) = missing else {
        panic!("{missing:?}")
    };
    assert_eq!((missing, misshaped), (vec!["nothing".to_owned()], Vec::new()));
    let folded = Constant::FoldedWeight {
        weight: Box::new(constant("weight", &[4])),
        norm: norm(true, 1.0),
    };
    let error = folded.evaluate(&example()).unwrap_err();
    let Error::Weights(WeightsError::Mismatch { missing, misshaped, .. }) = error else {
        panic!("{error:?}")
    };
    assert!(missing.is_empty());
    let shapes = [Shape::from([4]), Shape::from([2, 1, 1, 2])];
    assert_eq!(misshaped, [("weight".to_owned(), shapes[0].clone(), shapes[1].clone())]);
}

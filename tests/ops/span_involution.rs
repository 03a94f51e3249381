use std::collections::BTreeSet;

use involution::kernels::{DeviceProfile, candidates};
use involution::ops::{Activation, ChannelOrder, Conv2d, Involution, SpanInvolution};
use involution::reference::Array;
use involution::{Padding, Shape, ShapeError, Window};

use crate::harness::{assert_same, evaluate, numbers, refuses};

fn plain() -> SpanInvolution {
    let involution = Involution::new(Window::new([3, 3]).padding(1), 2);
    SpanInvolution { involution, bias: false }
}

const X: [usize; 4] = [2, 6, 7, 5];
const REDUCED: [usize; 4] = [2, 4, 7, 5];
const WEIGHT: [usize; 4] = [18, 4, 1, 1];

#[test]
fn takes_x_what_makes_kernels_and_a_weight() {
    refuses!(plain(), [X, REDUCED], ShapeError::InputCount { found: 2, .. });
    refuses!(plain(), [X, REDUCED, WEIGHT, [18]], ShapeError::InputCount { found: 4, .. });
    let all = SpanInvolution { bias: true, ..plain() };
    let all = SpanInvolution { involution: Involution { affine: true, ..all.involution }, ..all };
    refuses!(all, [X, REDUCED, WEIGHT, [18], [6]], ShapeError::InputCount { expected: e, found: 5 }
        if *e == ["x", "reduced", "weight", "bias", "scale", "shift"]);
}

#[test]
fn ranks_are_named() {
    refuses!(plain(), [[6, 7, 5], REDUCED, WEIGHT], ShapeError::Rank { tensor: "x", .. });
    refuses!(plain(), [X, [4, 7, 5], WEIGHT], ShapeError::Rank { tensor: "reduced", .. });
    refuses!(plain(), [X, REDUCED, [18, 4]], ShapeError::Rank { tensor: "weight", .. });
    let biased = SpanInvolution { bias: true, ..plain() };
    refuses!(biased, [X, REDUCED, WEIGHT, [2, 9]], ShapeError::Rank { tensor: "bias", .. });
}

#[test]
fn no_dimension_is_empty() {
    for empty in 0..4 {
        let (mut x, mut reduced, mut weight) = (X, REDUCED, WEIGHT);
        (x[empty], reduced[empty], weight[empty]) = (0, 0, 0);
        refuses!(plain(), [x, REDUCED, WEIGHT], ShapeError::Empty { tensor: "x", .. });
        refuses!(plain(), [X, reduced, WEIGHT], ShapeError::Empty { tensor: "reduced", .. });
        refuses!(plain(), [X, REDUCED, weight], ShapeError::Empty { tensor: "weight", .. });
    }
}

#[test]
fn the_weight_is_that_of_a_1x1_convolution_to_all_taps() {
    for found in [9, 17, 36] {
        refuses!(
            plain(),
            [X, REDUCED, [found, 4, 1, 1]],
            ShapeError::Dimension { tensor: "kernel", dimension: "channels", expected: 18, found: f, .. }
                if *f == found
        );
    }
    refuses!(
        plain(),
        [X, REDUCED, [18, 3, 1, 1]],
        ShapeError::Dimension { tensor: "weight", expected: 4, found: 3, .. }
    );
    refuses!(
        plain(),
        [X, REDUCED, [18, 4, 3, 1]],
        ShapeError::Dimension { tensor: "weight", dimension: "kernel size", found: 3, .. }
    );
    let biased = SpanInvolution { bias: true, ..plain() };
    refuses!(
        biased,
        [X, REDUCED, WEIGHT, [17]],
        ShapeError::Dimension { tensor: "bias", expected: 18, found: 17, .. }
    );
}

#[test]
fn a_kernel_is_made_for_each_position() {
    for (reduced, name) in
        [([1, 4, 7, 5], "batch"), ([2, 4, 6, 5], "height"), ([2, 4, 7, 7], "width")]
    {
        refuses!(
            plain(),
            [X, reduced, WEIGHT],
            ShapeError::Dimension { tensor: "kernel", dimension: d, .. } if *d == name
        );
    }
}

/// The candidates in their order: a GPU prefers the last that is not made for software adapters.
#[test]
fn software_adapters_store_the_kernel_where_many_channels_make_it_and_gpus_where_it_is_small() {
    let names = |device: &str, groups: usize, channels: usize, terms: usize| -> Vec<String> {
        let maps = 9 * groups;
        let shapes = [[2, channels, 8, 8], [2, terms, 8, 8], [maps, terms, 1, 1]].map(Shape::from);
        let shapes: Vec<&Shape> = shapes.iter().collect();
        let involution = Involution { groups, ..plain().involution };
        let op = SpanInvolution { involution, bias: false }.into();
        let profile = DeviceProfile::described(device).unwrap();
        let candidates = candidates(&op, &shapes, &profile).unwrap();
        candidates.into_iter().map(|candidate| candidate.name).collect()
    };
    for (groups, channels, terms, general, software, convolution) in [
        (
            2,
            6,
            4,
            "involution/span_involution[C=4]",
            "software/involution[K=3,S=1,R=2,aligned,made]",
            "conv/pointwise[T=16]",
        ),
        // More channels share a kernel than one invocation handles.
        (
            2,
            40,
            4,
            "involution/span_involution[C=16]",
            "conv/pointwise[T=16]+software/involution[K=3,S=1,R=2,aligned]",
            "conv/pointwise[T=16]",
        ),
        // Many channels make the kernel, which a convolution that holds them does faster.
        (
            8,
            24,
            64,
            "involution/span_involution[C=4]",
            "software/input_stationary[aligned]+software/involution[K=3,S=1,R=2,aligned]",
            "gemm/gemm[M=32,N=32,split,aligned]",
        ),
    ] {
        let on_software = names("software", groups, channels, terms);
        let on_gpus = names("nvidia", groups, channels, terms);
        assert!(on_software.iter().any(|name| name == general), "{on_software:?}");
        let gpu = format!("{convolution}+involution/vec4_rows[K=3]");
        assert_eq!(on_gpus[on_gpus.len() - 1], gpu);
        assert_eq!(on_software[on_software.len() - 1], software);
        let distinct = |names: Vec<String>| names.into_iter().collect::<BTreeSet<_>>();
        let count = on_software.len();
        assert_eq!(distinct(on_software.clone()), distinct(on_gpus));
        assert_eq!(distinct(on_software).len(), count);
    }
}

#[test]
fn it_is_a_convolution_and_an_involution() {
    for channel_order in ChannelOrder::ALL.map(|(_, order)| order) {
        let padding = Padding::Explicit([[0, 3], [2, 1]]);
        let window = Window::new([2, 3]).stride([2, 1]).padding(padding).dilation([1, 2]);
        let involution = Involution { channel_order, ..Involution::new(window, 3) };
        let involution = Involution { affine: true, activation: Activation::Sigmoid, ..involution };
        let (x, scale, shift) = (numbers([2, 6, 9, 8], 1), numbers([6], 2), numbers([6], 3));
        let (weight, bias) = (numbers([18, 5, 1, 1], 4), numbers([18], 5));
        let [height, width] = window.output_size([9, 8]).unwrap();
        let reduced: Array = numbers([2, 5, height, width], 6);
        let conv = Conv2d { bias: true, ..Conv2d::default() };
        let kernel = evaluate(conv, &[&reduced, &weight, &bias]);
        let out = evaluate(involution, &[&x, &kernel, &scale, &shift]);
        let both = SpanInvolution { involution, bias: true };
        let inputs = [&x, &reduced, &weight, &bias, &scale, &shift];
        assert_same(&evaluate(both, &inputs), &out);
    }
}

/// A GPU reads a kernel back that a cache holds, and makes what it does not hold where it uses it: not where many groups of
/// channels would make it again.
#[test]
fn gpus_make_taps_where_they_use_them_if_the_kernel_is_large() {
    let preferred = |batch: usize, channels: usize, groups: usize, terms: usize, size: usize| {
        let maps = 49 * groups;
        let shapes =
            [[batch, channels, size, size], [batch, terms, size, size], [maps, terms, 1, 1]];
        let shapes = shapes.map(Shape::from);
        let shapes: Vec<&Shape> = shapes.iter().collect();
        let involution = Involution::new(Window::new([7, 7]).padding(3), groups);
        let op = SpanInvolution { involution, bias: false }.into();
        let profile = DeviceProfile::described("amd").unwrap();
        candidates(&op, &shapes, &profile).unwrap().pop().unwrap().name
    };
    let made = "involution/span_rows[K=7]";
    assert_eq!(preferred(1, 256, 16, 64, 56), made);
    assert_eq!(preferred(32, 64, 4, 16, 56), made);
    for stored in [
        preferred(1, 128, 8, 32, 28),
        preferred(32, 512, 32, 128, 7),
        preferred(8, 256, 1, 64, 56),
        preferred(8, 256, 16, 60, 56),
    ] {
        assert!(
            stored.ends_with("+involution/vec4_rows[K=7]")
                || stored.contains("+involution/columns"),
            "{stored}"
        );
    }
}

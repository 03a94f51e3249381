//! The cases of `conv3d`.

use crate::case::Case;
use crate::draw::{Draw, Drawn};
use crate::faults::SeededFault;
use crate::known::{Known, tensor};
use involution::ops::{Activation, Conv3d, Op};
use involution::shape::{Padding, Shape, ShapeError, Window};

/// A convolution, the shape of its input, and the shape of its weight.
pub(super) fn convolution(draw: &mut Draw<'_>) -> (Conv3d, Vec<usize>, Vec<usize>) {
    let (n, volume) = draw.volume();
    let groups = draw.one_of(&[1, 1, 2, 3]);
    let group_in = draw.one_of(&[1, 3, 8, 13, 1]);
    let group_out = draw.extent(19) + draw.one_of(&[0, 0, 16]);
    let window = match draw.below(4) {
        0 => draw.window_within(volume, [3, 3, 5]),
        1 => Window::new([3, 3, 3]).padding(1),
        // One axis or two of a single tap, as in networks that convolve over time and space in turn.
        2 => Window::new(draw.one_of(&[[1, 3, 3], [3, 1, 1], [1, 1, 1], [1, 1, 3]])),
        _ => Window::new([3, 1, 1]).padding([1, 0, 0]).stride([draw.size(2), 1, 1]),
    };
    let fits = window.output_size(volume).is_ok();
    let conv = Conv3d {
        stride: window.stride,
        padding: if fits { window.padding } else { Padding::Full },
        dilation: window.dilation,
        groups,
        bias: draw.yes(),
        residual: false,
        activation: draw.activated(),
    };
    let x = [&[n, groups * group_in], &volume[..]].concat();
    (conv, x, [&[groups * group_out, group_in], &window.kernel_size[..]].concat())
}

/// Draws a legal case.
pub fn draw(draw: &mut Draw<'_>) -> Drawn {
    let (conv, x, weight) = convolution(draw);
    let bias = conv.bias.then(|| vec![weight[0]]);
    let mut shapes: Vec<Vec<usize>> = [x, weight].into_iter().chain(bias).collect();
    let views: Vec<Shape> = shapes.iter().cloned().map(Shape::new).collect();
    let output = conv.output_shape(&views.iter().collect::<Vec<_>>());
    let residual = output.ok().filter(|_| draw.one_of(&[false, false, true]));
    let conv = Conv3d { residual: residual.is_some(), ..conv };
    shapes.extend(residual.map(|shape| shape.dims().to_vec()));
    (conv.into(), shapes)
}

/// The fixed cases.
pub fn fixed() -> Vec<Case> {
    let conv = Conv3d::default();
    let same = Conv3d { padding: 1.into(), ..conv };
    let relu = Conv3d { bias: true, activation: Activation::Relu, ..same };
    let long = Case::new(
        "a sum over 900 channels",
        Conv3d { bias: true, ..conv },
        &[&[1, 900, 3, 3, 4], &[5, 900, 3, 3, 3], &[5]],
    );
    vec![
        Case::new(
            "3x3x3, channels of a tile and one",
            relu,
            &[&[2, 7, 4, 6, 9], &[33, 7, 3, 3, 3], &[33]],
        ),
        Case::new(
            "3x3x3 that halves each axis",
            Conv3d { stride: [2, 2, 2], ..relu },
            &[&[2, 8, 7, 10, 12], &[64, 8, 3, 3, 3], &[64]],
        ),
        Case::new(
            "many places of few channels, in two groups",
            Conv3d { groups: 2, ..same },
            &[&[2, 6, 6, 12, 20], &[4, 3, 3, 3, 3]],
        ),
        Case::new(
            "as many channels as the largest tile",
            same,
            &[&[3, 8, 4, 8, 12], &[130, 8, 3, 3, 3]],
        ),
        Case::new(
            "depthwise",
            Conv3d { groups: 9, ..same },
            &[&[2, 9, 4, 7, 18], &[9, 1, 3, 3, 3]],
        ),
        Case::new(
            "axes that differ",
            Conv3d {
                stride: [1, 2, 3],
                dilation: [2, 1, 3],
                padding: Padding::Explicit([[2, 1], [0, 2], [3, 1]]),
                ..conv
            },
            &[&[1, 3, 6, 8, 11], &[6, 3, 2, 4, 3]],
        ),
        Case::new(
            "over time alone",
            Conv3d { stride: [2, 1, 1], padding: Padding::from([1, 0, 0]), ..conv },
            &[&[2, 16, 5, 6, 8], &[32, 16, 3, 1, 1]],
        ),
        Case::new("over space alone", conv, &[&[2, 8, 5, 6, 9], &[24, 8, 1, 3, 3]]),
        Case::new("1x1x1", conv, &[&[2, 40, 3, 6, 8], &[48, 40, 1, 1, 1]]),
        long.positive(),
    ]
}

/// Calls whose answers follow by hand from the definition.
pub fn known() -> Result<Vec<Known>, ShapeError> {
    let counting = tensor(&[1, 1, 3, 2, 2], &std::array::from_fn::<f32, 12, _>(|i| i as f32))?;
    let mut kernel = [0.0; 8];
    // The last place of a window of 2x2x2, less its first.
    (kernel[0], kernel[7]) = (-1.0, 1.0);
    Ok(vec![(
        Conv3d::default().into(),
        vec![counting, tensor(&[1, 1, 2, 2, 2], &kernel)?],
        tensor(&[1, 1, 2, 1, 1], &[7.0, 7.0])?,
    )])
}

/// A call whose tensors are too large to be bound whole where bindings are small; each sample is a multiple of 256 bytes.
pub fn batched() -> Case {
    let conv = Conv3d { padding: Padding::Same, bias: true, ..Conv3d::default() };
    Case::new("cut along the batch", conv, &[&[6, 4, 4, 8, 16], &[8, 4, 2, 2, 2], &[8]])
}

/// The call that is mostly made, in any batch and size.
pub fn usual(batch: usize, size: usize) -> Drawn {
    let conv = Conv3d { padding: 1.into(), ..Conv3d::default() };
    (conv.into(), vec![vec![batch, 8, 4, size, size], vec![8, 8, 3, 3, 3]])
}

/// What is planted into the shaders, and must be caught.
pub const FAULTS: &[SeededFault] = &[
    (
        "conv/conv2d",
        "what lies behind the last slice is not zero",
        "select(params.height, iy1, iz < params.depth)",
        "iy1",
    ),
    (
        "conv/conv2d",
        "the slices are apart by the dilation of the rows",
        "params.window.kernel_height * params.window.dilation_z",
        "params.window.kernel_height * params.window.dilation_y",
    ),
    (
        "gemm/gemm",
        "what lies behind the last slice is not zero",
        "(*source).inside && (*source).iz + dz < params.depth",
        "(*source).inside",
    ),
    (
        "gemm/gemm",
        "the slices are apart by the dilation of the rows",
        "select(0u, params.window.dilation_z, last_row)",
        "select(0u, params.window.dilation_y, last_row)",
    ),
];

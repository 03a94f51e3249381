//! Sums that are longer than the loops of some drivers: these end an invocation's loops by force after some number of
//! iterations, 65,535 in llvmpipe of Mesa 22.3, and say nothing.

use crate::Case;
use involution::ops::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, Conv2d, DynamicConv2d, GlobalAvgPool, Linear,
    MaxPool2d, Softmax,
};
use involution::shape::{Padding, Window};

/// The cases of the operator of this name; none of one without sums that grow.
pub fn long(operator: &str) -> Vec<Case> {
    cases(operator).into_iter().map(Case::positive).collect()
}

fn cases(operator: &str) -> Vec<Case> {
    let window = Window::new([300, 300]);
    let padded = window.stride([7, 5]).padding(Padding::symmetric(3, 2));
    let conv = Conv2d { bias: true, residual: true, ..Conv2d::default() };
    match operator {
        "softmax" => vec![
            Case::new("a row of 22,000", Softmax::default(), &[&[2, 22_000]]),
            Case::new(
                "columns of 22,000",
                Softmax { axis: 0, ..Softmax::default() },
                &[&[22_000, 3]],
            ),
        ],
        "linear" => vec![
            Case::new(
                "70,000 features of a vector",
                Linear { bias: true, activation: Activation::Relu },
                &[&[70_000], &[3, 70_000], &[3]],
            ),
            Case::new(
                "70,000 features of five rows",
                Linear::default(),
                &[&[5, 70_000], &[3, 70_000]],
            ),
        ],
        "conv2d" => vec![
            Case::new(
                "7x7 over 1,200 channels: three dispatches, the last of which finishes",
                Conv2d { activation: Activation::Relu, ..conv },
                &[&[2, 1200, 8, 7], &[3, 1200, 7, 7], &[3], &[2, 3, 2, 1]],
            ),
            Case::new(
                "7x7 over 700 channels in each of two groups, many outputs: two dispatches",
                Conv2d { groups: 2, ..conv },
                &[&[1, 1400, 7, 8], &[34, 700, 7, 7], &[34], &[1, 34, 1, 2]],
            ),
        ],
        "dynamic_conv2d" => vec![Case::new(
            "7x7 over 600 channels, kernels of their own",
            DynamicConv2d { conv: Conv2d { residual: false, ..conv } },
            &[&[2, 600, 7, 7], &[2, 2], &[2, 3, 600, 7, 7], &[2, 3]],
        )],
        "avg_pool2d" => vec![
            Case::new("a window of 300x300", AvgPool2d::new(window), &[&[1, 2, 301, 303]]),
            Case::new(
                "a window of 300x300 that hangs over, places on the input counted",
                AvgPool2d { window: padded, ceil_mode: true, count_include_pad: false },
                &[&[2, 1, 310, 308]],
            ),
        ],
        "max_pool2d" => vec![
            Case::new("a window of 300x300", MaxPool2d::new(window), &[&[1, 2, 301, 303]]),
            Case::new(
                "a window of 300x300, dilated, that hangs over",
                MaxPool2d { window: padded.dilation([2, 1]), ceil_mode: true },
                &[&[2, 1, 610, 308]],
            ),
        ],
        "global_avg_pool" => {
            vec![Case::new("planes of 640x641", GlobalAvgPool, &[&[1, 2, 640, 641]])]
        }
        "adaptive_avg_pool2d" => vec![Case::new(
            "windows of 250x301",
            AdaptiveAvgPool2d { output_size: [2, 2] },
            &[&[1, 2, 500, 601]],
        )],
        _ => Vec::new(),
    }
}

//! Wrong shaders, planted one at a time: what the checks are for is to catch these, and each must be caught
//! by the cases of its operator as `involution verify` draws them.

use std::fmt::Write;

use involution::Gpu;
use involution::check::verify::{Report, Settings, verify};
use involution::gpu::Fault;
use involution::ops::{NAMES, kernels};

use crate::adapters;

/// Operator, kernel, what is wrong, the right text, and the wrong one.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str);

const FAULTS: &[Row] = &[
    (
        "conv2d",
        "conv2d",
        "one row past the border is inside",
        "iy < params.height &&",
        "iy <= params.height &&",
    ),
    ("conv2d", "conv2d", "relu6 has no upper bound", "6.0, v > 6.0", "v, v > 6.0"),
    (
        "conv2d",
        "conv2d/pointwise",
        "every group reads the channels of the first",
        "+ group * group_in) * plane",
        ") * plane",
    ),
    (
        "conv2d",
        "conv2d/depthwise",
        "the last tap of each row is left out",
        "kx < params.window.kernel_width",
        "kx + 1u < params.window.kernel_width",
    ),
    (
        "conv2d",
        "conv2d/depthwise_rows",
        "the output rows of a strip are one too few",
        "let steps = rows + begun;",
        "let steps = rows + begun - 1u;",
    ),
    (
        "conv2d",
        "conv2d/depthwise_singles",
        "the last pixel of a row is left out",
        "ox + p < params.out_width",
        "ox + p + 1u < params.out_width",
    ),
    (
        "conv2d",
        "conv2d/pairs_quads",
        "the lower row begins where the upper one does",
        "add9(&lower, x1, x2, x3, weights)",
        "add9(&lower, x0, x1, x2, weights)",
    ),
    (
        "conv2d",
        "conv2d/pairs_singles",
        "pixels right of the image are not zero",
        "& (place < vec4<u32>(params.width))",
        "",
    ),
    (
        "conv2d",
        "conv2d/pack",
        "the last tile of channels is that before it",
        "block * 32u + j",
        "max(block, 1u) * 32u - 32u + j",
    ),
    (
        "conv2d",
        "conv2d/gather",
        "rows are counted as if there were no stride",
        "params.out_width * params.stride_y",
        "params.out_width",
    ),
    (
        "conv2d",
        "conv2d/subgroup",
        "the last two terms are left out",
        "k < terms / 2u",
        "k + 1u < terms / 2u",
    ),
    (
        "conv2d",
        "conv2d/rows",
        "the last lane does not read beside itself",
        "(voice == 7u && column",
        "(false && column",
    ),
    (
        "conv2d",
        "conv2d/pointwise_singles",
        "the last two terms are left out",
        "k < terms / 2u",
        "k + 1u < terms / 2u",
    ),
    (
        "conv2d",
        "conv2d/pointwise_quads",
        "the last eight channels of a tile are those before them",
        "picked(sum3, channel)",
        "picked(sum2, channel)",
    ),
    (
        "conv2d",
        "conv2d/held_quads",
        "what is left of the last terms is taken for the first ones",
        "voice + eights >= 8u;",
        "voice < eights;",
    ),
    (
        "conv2d",
        "conv2d/held_singles",
        "the sum of the terms before is forgotten",
        "sums[0] = kept4(place, c, quads);",
        "sums[0] = vec4<f32>();",
    ),
    (
        "conv2d",
        "conv2d/windows_quads",
        "the rows of a window lie together where they are dilated",
        "(*source).ky * params.window.dilation_y",
        "(*source).ky",
    ),
    (
        "conv2d",
        "conv2d/windows_singles",
        "the next input channel begins where this one does",
        "(*source).plane += params.height * params.width",
        "(*source).plane += 0u",
    ),
    (
        "conv2d",
        "conv2d/winograd_weights",
        "the taps of a row are in the order of its columns",
        "at + 3u + along",
        "at + 3u + 2u - along",
    ),
    (
        "conv2d",
        "conv2d/winograd_input_singles",
        "a tile in the last column sees the next row",
        "inside & (column < vec4<u32>(params.width))",
        "inside & (column < vec4<u32>(params.width + 1u))",
    ),
    (
        "conv2d",
        "conv2d/winograd_output_singles",
        "the last pixel of a row is left out",
        "p < pixels",
        "p + 1u < pixels",
    ),
    (
        "conv2d",
        "conv2d/winograd_input",
        "a tile in the last column sees the next row",
        "at.w + 1u, has_right)]).x, has_right)",
        "at.w + 1u, inside.w)]).x, inside.w)",
    ),
    (
        "conv2d",
        "conv2d/winograd_output",
        "the last place of a column is left out",
        "let last = along == 5u;",
        "let last = false;",
    ),
    (
        "dynamic_conv2d",
        "conv2d",
        "every sample is given the weight of the first",
        "sample * params.weight_sample_stride",
        "0u",
    ),
    (
        "dynamic_conv2d",
        "dynamic_conv2d",
        "the last kernel of the bank is left out",
        "k < params.kernels",
        "k + 1u < params.kernels",
    ),
    ("involution", "involution", "the left padding is dropped", "- params.window.padding_left", ""),
    (
        "involution",
        "involution",
        "the channels of a group are neighbours in any order",
        "params.channel_stride * plane",
        "plane",
    ),
    (
        "involution",
        "involution/row",
        "the group is found as if channels were blocked",
        "item.group * params.group_stride) * plane",
        "item.group * group_channels) * plane",
    ),
    (
        "involution",
        "involution/row",
        "the taps are transposed",
        "ky * params.window.kernel_width + kx",
        "kx * params.window.kernel_height + ky",
    ),
    (
        "involution",
        "involution/held_quads",
        "the channels past the first tile are those of the first",
        "+ first * params.channel_stride",
        "",
    ),
    (
        "involution",
        "involution/held_singles",
        "the last pixel of a row has the weights of that before it",
        "vec4<u32>(params.out_width - 1u)",
        "vec4<u32>(max(params.out_width, 2u) - 2u)",
    ),
    (
        "involution",
        "involution/held_quads",
        "the last lane hears the row of taps above for what lies beside it",
        "subgroupShuffle(edges.after, number)",
        "subgroupShuffle(edges.after, max(number, 1u) - 1u)",
    ),
    (
        "involution",
        "involution/held_singles",
        "all channels have the scale of the tile's first",
        "channel - sample * params.channels",
        "first",
    ),
    (
        "involution",
        "involution/held_quads",
        "the lower of two rows has the taps of the upper one",
        "(*taps_below)[",
        "(*taps)[",
    ),
    (
        "involution",
        "involution/held_quads",
        "the lower of two rows is left out",
        "min(R, params.out_height - oy)",
        "1u",
    ),
    ("involution", "involution/row", "the shift is left out", "+ shift[channel]", ""),
    ("involution", "involution", "relu6 has no upper bound", "6.0, v > 6.0", "v, v > 6.0"),
    (
        "span_involution",
        "span_involution",
        "every group has the kernel of the first",
        "(group * window.kernel_height + ky)",
        "ky",
    ),
    (
        "span_involution",
        "span_involution/pack",
        "the second four rows of taps are the first",
        "block * 4u + j",
        "j",
    ),
    (
        "span_involution",
        "span_involution/quads",
        "the second sample has the kernel of the first",
        "var row = place.matrix / params.groups * terms * params.out_height + oy;",
        "var row = oy;",
    ),
    (
        "span_involution",
        "span_involution/singles",
        "the taps of a row have the bias of its first",
        "min(place.voice, K - 1u)",
        "0u",
    ),
    (
        "span_involution",
        "span_involution/quads",
        "the lower of two rows has the kernel of the upper one",
        "taps_of(place, below)",
        "taps_of(place, place.oy)",
    ),
    (
        "unfold",
        "unfold",
        "the rows of a channel are in the order of its columns",
        "(plane * params.window.kernel_height + ky) * params.window.kernel_width + kx",
        "(plane * params.window.kernel_width + kx) * params.window.kernel_height + ky",
    ),
    ("fold", "fold", "the dilation is dropped", "- ky * params.window.dilation_y", "- ky"),
    (
        "batch_norm",
        "batch_norm",
        "eps is left out",
        "running_var[channel] + params.eps",
        "running_var[channel]",
    ),
    ("activation", "activation", "sigmoid forgets the sign", "exp(-abs(v))", "exp(-v)"),
    (
        "avg_pool2d",
        "avg_pool2d",
        "the divisor is off by one row",
        "f32(y1 - y0)",
        "f32(y1 - y0 + 1u)",
    ),
    (
        "max_pool2d",
        "max_pool2d",
        "the output row is counted in strides of the width",
        "oy * params.window.stride_y",
        "oy * params.window.stride_x",
    ),
    (
        "global_avg_pool",
        "global_avg_pool",
        "a last pixel beside the groups of four is left out",
        "pixel < params.pixels",
        "pixel + 1u < params.pixels",
    ),
    (
        "global_avg_pool",
        "global_avg_pool/reduce",
        "the last two lanes are not added up",
        "width > 0u",
        "width > 1u",
    ),
    (
        "adaptive_avg_pool2d",
        "adaptive_avg_pool2d",
        "windows end where the next one begins",
        "vec2<u32>(0u, count - 1u)",
        "vec2<u32>(0u, 0u)",
    ),
    (
        "softmax",
        "softmax/row",
        "the sum takes one lane's part for the others'",
        "sums[lane + 8u * i]",
        "sums[lane + 8u]",
    ),
    ("softmax", "softmax", "the first value is not in the sum", "var sum = 0.0", "var sum = -1e-3"),
    (
        "linear",
        "linear/reduce",
        "the sum takes one lane's part for the others'",
        "sums[lane + 8u * i]",
        "sums[lane + 8u]",
    ),
    ("add", "add/same", "the second operand is taken away", "+ y[index]", "- y[index]"),
    (
        "add",
        "add/quads",
        "the second operand is taken away",
        "+ four(y[index])",
        "- four(y[index])",
    ),
    (
        "batch_norm",
        "batch_norm/quads",
        "the shift is left out",
        "* by.scale + by.shift",
        "* by.scale",
    ),
    ("linear", "linear", "the bias is left out", "bias[feature]", "0.0"),
    (
        "add",
        "add",
        "the operands' strides are swapped",
        "vec2<u32>(params.x_stride1, params.y_stride1)",
        "vec2<u32>(params.y_stride1, params.x_stride1)",
    ),
];

/// Kernels that bring tensors into the layout of another, which the candidate is named after, and those of a way that
/// has a name of its own.
const HELPERS: &[(&str, &str)] = &[
    ("span_involution/pack", "span_involution/quads"),
    ("span_involution/pack", "span_involution/singles"),
    ("conv2d/pack", "conv2d/subgroup"),
    ("conv2d/pack", "conv2d/rows"),
    ("conv2d/pack", "conv2d/pointwise_quads"),
    ("conv2d/pack", "conv2d/pointwise_singles"),
    ("conv2d/gather", "conv2d/pointwise_quads"),
    ("conv2d/gather", "conv2d/pointwise_singles"),
    ("conv2d/gather", "conv2d/held_quads"),
    ("conv2d/gather", "conv2d/held_singles"),
    ("conv2d/pointwise_quads", "conv2d/winograd"),
    ("conv2d/held_quads", "conv2d/winograd"),
    ("conv2d/winograd_weights", "conv2d/winograd"),
    ("conv2d/winograd_input", "conv2d/winograd"),
    ("conv2d/winograd_output", "conv2d/winograd"),
    ("conv2d/winograd_input_singles", "conv2d/winograd"),
    ("conv2d/winograd_output_singles", "conv2d/winograd"),
];

#[test]
fn every_seeded_fault_is_caught() {
    adapters::each(|gpu| {
        let has = |name: &str| {
            let kernel = kernels().into_iter().find(|kernel| kernel.name == name).unwrap();
            gpu.adapter().subgroup_size >= 8 || !kernel.subgroups
        };
        let faults: Vec<&Row> = FAULTS.iter().filter(|(_, kernel, ..)| has(kernel)).collect();
        let mut table = String::new();
        let mut caught = 0;
        for row @ (operator, kernel, wrong, ..) in &faults {
            let outcome = outcome(gpu, row);
            caught += usize::from(outcome.is_ok());
            let said = outcome.unwrap_or_else(|why| format!("NOT CAUGHT: {why}"));
            let _ = writeln!(table, "  {operator:19} {kernel:25} {wrong:54} {said}");
        }
        adapters::say(&format!(
            "{caught} of {} seeded faults caught on {}:\n{table}",
            faults.len(),
            gpu.adapter()
        ));
        assert_eq!(caught, faults.len(), "\n{table}");
    });
}

/// How the fault was caught; an error where it was not, or by something that it should not have touched.
fn outcome(gpu: &Gpu, &(operator, kernel, _, from, to): &Row) -> Result<String, String> {
    let faulty = adapters::fresh(gpu, |options| {
        options.faults.push(Fault {
            kernel: kernel.to_owned(),
            from: from.to_owned(),
            to: to.to_owned(),
        });
    });
    let report = verified(&faulty, operator);
    // A shader that does not compile or run would fail every case, and say nothing about the checks.
    if let Some(other) = report.failures.iter().find(|f| !f.reason.contains(" elements ")) {
        return Err(format!("{}: {}", other.kernel, other.reason));
    }
    let hit = |name: &str| {
        let mut parts = name.split('+').filter_map(|part| part.split('[').next());
        parts.any(|part| part == kernel || HELPERS.contains(&(kernel, part)))
    };
    if let Some(other) = report.failures.iter().find(|f| !hit(&f.kernel)) {
        return Err(format!("{} failed, which the fault is not in", other.kernel));
    }
    if report.failures.is_empty() {
        return Err(format!("none of {} cases failed", report.cases));
    }
    let runs: usize = report.rows.iter().filter(|row| hit(&row.kernel)).map(|row| row.cases).sum();
    Ok(format!("{} of {runs} runs", report.failures.len()))
}

fn verified(gpu: &Gpu, operator: &str) -> Report {
    let settings = Settings { operators: vec![operator.to_owned()], seed: 1, cases: 60 };
    verify(Some(gpu), &settings, &mut |_, _| {}).unwrap()
}

/// Most adapters are given the shaders that read four floats, not two words; so are software adapters that have no integers
/// of 64 bits.
#[test]
fn kernels_are_right_without_integers_of_64_bits() {
    adapters::each(|gpu| {
        let plain = adapters::fresh(gpu, |options| {
            options.without_int64 = true;
            // No fault: what a shader does not hold cannot be replaced, and the kernel would fail.
            let text = || "alias Four = vec4<f32>;".to_owned();
            let kernel = "add/quads".to_owned();
            options.faults.push(Fault { kernel, from: text(), to: text() });
        });
        for name in
            ["add", "batch_norm", "conv2d", "dynamic_conv2d", "involution", "span_involution"]
        {
            let report = verified(&plain, name);
            assert!(report.failures.is_empty(), "{:?}", report.failures);
        }
    });
}

/// The table leaves no kernel out, and the same cases pass where no fault is planted.
#[test]
fn every_kernel_has_a_seeded_fault() {
    for kernel in kernels() {
        let planted = FAULTS.iter().any(|(_, name, ..)| *name == kernel.name);
        assert!(planted, "{} needs a line in FAULTS of tests/faults.rs", kernel.name);
    }
    adapters::each(|gpu| {
        for name in NAMES {
            let report = verified(gpu, name);
            assert!(report.failures.is_empty(), "{:?}", report.failures);
        }
    });
}

//! Involutions whose kernel is a tensor.

use super::activation::with_epilogue;
use super::call::{Grid, KernelCall, Operand, Params, SUBGROUP_LANES, VEC4, nested};
use super::candidate::{Candidate, GENERAL, Requires};
use super::neighbours::row_variants;
use crate::error::ShapeError;
use crate::ops::{Border, ChannelOrder, Involution};
use crate::shaders::involution::{BORDERS, COLUMNS, INVOLUTION, VEC4_ROWS};
use crate::shaders::software::INVOLUTION as TAPS;
use crate::shaders::{Kernel, Variant};
use crate::shape::{Shape, Window, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// Channels that an invocation of the kernels that hold taps computes.
pub const TAPS_CHANNELS: usize = 16;

/// Iterations of an invocation of these kernels once it has its taps: for each channel nine rows of x, in two halves
/// each, and two rows of four values to store.
pub const TAPS_TRIPS: usize = TAPS_CHANNELS * (1 + 9 * 2 + 2 * (1 + VEC4));

/// Channels of a tile in `shaders/involution/tile.wgsl`.
pub const TILE_CHANNELS: usize = 8;

/// The candidates of the operator.
pub fn candidates(op: &Involution, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let (x, output) = op.checked(inputs)?;
    of_kernel(op, x, output, [1, 2, 3].map(Operand::Input), 0)
}

/// Every candidate on the input 0 of these sizes, in the order of their ranks. Scratch buffers are counted from `scratch`
/// on.
pub fn of_kernel(
    op: &Involution,
    x: [usize; 4],
    output: [usize; 2],
    [kernel_maps, scale, shift]: [Operand; 3],
    scratch: usize,
) -> Result<Vec<Candidate>> {
    let optional = |operand| if op.affine { operand } else { Operand::Absent };
    let call = |kernel: &'static Kernel, variant, grid, trips| {
        Ok(KernelCall {
            kernel,
            variant,
            params: params(op, x, output, [0, 0])?,
            bindings: vec![
                ("x", Operand::Input(0)),
                ("kernel", kernel_maps),
                ("scale", optional(scale)),
                ("shift", optional(shift)),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(grid),
            trips,
        })
    };
    if !op.is_plain() {
        let candidate = Candidate::general(bordered(op, x, output, &call)?);
        let shape = Shape::from([x[0], x[1], output[0], output[1]]);
        return with_epilogue(vec![candidate], op.activation, &shape, scratch);
    }
    let slides = op.window.stride[1] == 1 && op.window.dilation[1] == 1;
    let mut candidates = Vec::new();
    let next = |candidates: &[Candidate]| GENERAL + candidates.len() as i32;
    for &variant in INVOLUTION.variants {
        let reason = match variant.defines("SLIDING") {
            false => "general",
            true if slides => "neighbouring pixels read neighbouring inputs",
            true => continue,
        };
        let channels = variant.get("C").map_or(1, |channels| channels as usize);
        let blocks = (x[1] / op.groups).div_ceil(channels);
        let grid = [x[0], op.groups, blocks, output[0], output[1].div_ceil(VEC4)];
        let trips = nested(&op.window.kernel_size);
        let call = call(&INVOLUTION, variant, product("the grid", &grid)?, trips)?;
        candidates.push(Candidate::new(call, next(&candidates), reason));
    }
    for (kernel, reason, places) in tiles(op, x, output) {
        let blocks = (x[1] / op.groups).div_ceil(TILE_CHANNELS);
        let grid = product("the grid", &[&[x[0], op.groups, blocks][..], &places].concat())?;
        // Once over what lies on the image, and once over what lies outside.
        let trips = nested(&op.window.kernel_size).saturating_mul(2);
        let call = call(kernel.0, kernel.1, grid, trips)?;
        let candidate = Candidate::new(call, next(&candidates), reason);
        candidates.push(candidate.requiring(Requires::GPU));
    }
    for variant in taps_variants(op, false, x, output) {
        // The taps of two rows are fetched and read before.
        let taps = 2 * (op.window.taps() + nested(&op.window.kernel_size));
        let trips = TAPS_TRIPS.saturating_add(taps);
        let call = call(&TAPS, variant, taps_grid(op, x, output, variant)?, trips)?;
        let candidate = Candidate::new(call, next(&candidates), "lanes share rows of x");
        candidates.push(candidate.requiring(Requires::SOFTWARE_SUBGROUPS));
    }
    let shape = Shape::from([x[0], x[1], output[0], output[1]]);
    with_epilogue(candidates, op.activation, &shape, scratch)
}

/// The call of the kernel for any border, of those that `call` makes of a kernel, its variant, its grid and its trips.
fn bordered(
    op: &Involution,
    x: [usize; 4],
    output: [usize; 2],
    call: &impl Fn(&'static Kernel, Variant, usize, usize) -> Result<KernelCall>,
) -> Result<KernelCall> {
    let [as_they_are, softmax] = match op.border {
        Border::Zero => {
            const { [BORDERS.variant("C=4,BORDER=0"), BORDERS.variant("C=4,BORDER=0,softmax")] }
        }
        Border::Reflect => {
            const { [BORDERS.variant("C=4,BORDER=1"), BORDERS.variant("C=4,BORDER=1,softmax")] }
        }
        Border::Replicate => {
            const { [BORDERS.variant("C=4,BORDER=2"), BORDERS.variant("C=4,BORDER=2,softmax")] }
        }
        Border::Shift => {
            const { [BORDERS.variant("C=4,BORDER=3"), BORDERS.variant("C=4,BORDER=3,softmax")] }
        }
    };
    let variant = if op.softmax { softmax } else { as_they_are };
    let channels = variant.get("C").map_or(1, |channels| channels as usize);
    let blocks = (x[1] / op.groups).div_ceil(channels);
    let grid = [x[0], op.groups, blocks, output[0], output[1].div_ceil(VEC4)];
    let largest = if op.softmax { op.window.taps() } else { 0 };
    let trips = nested(&op.window.kernel_size).saturating_add(largest);
    call(&BORDERS, variant, product("the grid", &grid)?, trips)
}

/// A kernel that computes a tile of channels, why it is chosen, and the places of an output plane, each an invocation.
type Tiles = ((&'static Kernel, Variant), &'static str, [usize; 2]);

/// The kernels for GPUs that suit these sizes, the preferred one last: by columns where the window moves down by one or two
/// rows, by rows of whole `vec4`s where it moves by one column and keeps the width.
fn tiles(op: &Involution, x: [usize; 4], output: [usize; 2]) -> Vec<Tiles> {
    let Window { kernel_size: [rows, _], stride, dilation, .. } = op.window;
    let columns = find(&COLUMNS, &[("K", rows), ("S", stride[0])]).filter(|_| dilation[0] == 1);
    let columns = columns.map(|kernel| {
        let reason = "by columns: eight channels share those of the kernel";
        (kernel, reason, [output[0].div_ceil(VEC4), output[1]])
    });
    let vec4_rows = vec4_rows(op, &VEC4_ROWS, x, output).map(|kernel| {
        let reason = "rows of whole vec4s: eight channels share those of the kernel";
        (kernel, reason, [output[0], output[1] / VEC4])
    });
    [columns, vec4_rows].into_iter().flatten().collect()
}

/// The variant of a kernel that has these values.
fn find(kernel: &'static Kernel, wanted: &[(&str, usize)]) -> Option<(&'static Kernel, Variant)> {
    let is = |variant: &Variant| {
        wanted.iter().all(|&(name, value)| variant.get(name).map(|of| of as usize) == Some(value))
    };
    Some((kernel, kernel.variants.iter().copied().find(is)?))
}

/// The variant of a kernel over rows of whole `vec4`s, where the window moves by one column and keeps the width.
pub fn vec4_rows(
    op: &Involution,
    kernel: &'static Kernel,
    x: [usize; 4],
    output: [usize; 2],
) -> Option<(&'static Kernel, Variant)> {
    let Window { kernel_size: [_, taps], stride, dilation, .. } = op.window;
    let left = op.window.resolve_padding().map(|[_, [left, _]]| left);
    let keeps = [stride[1], dilation[1], output[1]] == [1, 1, x[3]] && left == Ok(taps / 2);
    find(kernel, &[("K", taps)]).filter(|_| keeps && output[1].is_multiple_of(VEC4))
}

/// The variants of the kernel that holds the taps of a pixel for its channels that suit these sizes: those that make the
/// taps, or those that read them. Two rows share most rows of x, of which there are eight at the most: each of the eight lanes
/// holds what lies beside one of them. Where scalars are read, two rows are no faster.
pub fn taps_variants(
    op: &Involution,
    made: bool,
    x: [usize; 4],
    output: [usize; 2],
) -> Vec<Variant> {
    let [rows, taps] = op.window.kernel_size;
    let variants = row_variants(&TAPS, &op.window, x[3], output[1]);
    let alike = variants.filter(|variant| rows == taps && variant.defines("MADE") == made);
    alike.filter(|&variant| computes_at_once(op, output[0], variant)).collect()
}

/// Whether there are as many rows of the output as an invocation computes, and they share rows of x: one begins whole rows of
/// taps after the other.
fn computes_at_once(op: &Involution, out_height: usize, variant: Variant) -> bool {
    let apart = op.window.stride[1].checked_mul(op.window.dilation[0]);
    let shares = out_height >= rows_of(variant) && apart == Some(op.window.stride[0]);
    rows_of(variant) == 1 || shares
}

/// Invocations of a kernel that holds taps.
pub fn taps_grid(
    op: &Involution,
    x: [usize; 4],
    output: [usize; 2],
    variant: Variant,
) -> Result<usize> {
    let rows = output[0].div_ceil(rows_of(variant));
    let places = product("the grid", &[rows, output[1].div_ceil(VEC4)])?;
    let blocks = (x[1] / op.groups).div_ceil(TAPS_CHANNELS);
    let subgroups = places.div_ceil(SUBGROUP_LANES);
    product("the grid", &[x[0], op.groups, blocks, subgroups, SUBGROUP_LANES])
}

/// Rows of the output that an invocation of a kernel that holds taps computes.
fn rows_of(variant: Variant) -> usize {
    variant.get("R").map_or(1, |rows| rows as usize)
}

/// Sizes, strides and codes that the kernels are told. `made_of` is how many channels make the kernel, and whether with a
/// bias; zeros where it is a tensor.
pub fn params(
    op: &Involution,
    x: [usize; 4],
    output: [usize; 2],
    made_of: [usize; 2],
) -> Result<Params> {
    // From a group, and from a channel of a group, to the next.
    let [group_stride, channel_stride] = match op.channel_order {
        ChannelOrder::Blocked => [x[1] / op.groups, 1],
        ChannelOrder::Interleaved => [1, op.groups],
    };
    Params::sizes(&[
        ("batch", x[0]),
        ("channels", x[1]),
        ("height", x[2]),
        ("width", x[3]),
        ("out_height", output[0]),
        ("out_width", output[1]),
        ("groups", op.groups),
        ("group_stride", group_stride),
        ("channel_stride", channel_stride),
        ("upsample", op.upsample),
        ("has_affine", usize::from(op.affine)),
        ("activation", op.activation.code()),
        ("reduced_channels", made_of[0]),
        ("has_bias", made_of[1]),
    ])?
    .window(&op.window)
}

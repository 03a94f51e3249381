//! Involutions whose kernel is a tensor.

use super::activation::with_epilogue;
use super::call::{Grid, KernelCall, Operand, Params, SUBGROUP_LANES, VEC4, nested};
use super::candidate::{Candidate, GENERAL, Requires};
use super::neighbours::row_variants;
use crate::error::ShapeError;
use crate::ops::{Border, ChannelOrder, Involution, KernelLayout};
use crate::shaders::involution::{
    ARRANGE, BORDERS, COLUMNS, INVOLUTION, SHIFTED_ROWS, UPSAMPLED, VEC4_ROWS,
};
use crate::shaders::software::INVOLUTION as TAPS;
use crate::shaders::{Kernel, Variant};
use crate::shape::{Shape, Window, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// Channels that an invocation of the kernels that hold taps computes.
pub const TAPS_CHANNELS: usize = 16;

/// Iterations of an invocation of these kernels once it has its taps: for each channel nine rows of x, in two halves
/// each, and two rows of four values to store.
pub const TAPS_TRIPS: usize = TAPS_CHANNELS * (1 + 9 * 2 + 2 * (1 + VEC4));

/// Channels of a tile of the kernels for GPUs, and of the one whose output is larger than the positions of the window.
pub const TILE_CHANNELS: usize = 8;
const UPSAMPLED_CHANNELS: usize = 4;

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
    let mut candidates = Vec::new();
    let next = |candidates: &[Candidate]| GENERAL + candidates.len() as i32;
    if op.is_plain() {
        for (variant, reason) in any_window(op) {
            let channels = variant.get("C").map_or(1, |channels| channels as usize);
            let blocks = (x[1] / op.groups).div_ceil(channels);
            let grid = [x[0], op.groups, blocks, output[0], output[1].div_ceil(VEC4)];
            let trips = nested(&op.window.kernel_size);
            let call = call(&INVOLUTION, variant, product("the grid", &grid)?, trips)?;
            candidates.push(Candidate::new(call, next(&candidates), reason));
        }
    } else {
        candidates.push(Candidate::general(bordered(op, x, output, &call)?));
    }
    for Tiles { kernel, reason, places, channels } in tiles(op, x, output) {
        let blocks = (x[1] / op.groups).div_ceil(channels);
        let grid = product("the grid", &[&[x[0], op.groups, blocks][..], &places].concat())?;
        // Once over what lies on the image, and once over what lies outside.
        let trips = nested(&op.window.kernel_size).saturating_mul(2);
        let call = call(kernel.0, kernel.1, grid, trips)?;
        let candidate = Candidate::new(call, next(&candidates), reason).requiring(Requires::GPU);
        candidates.push(arranged(op, x[0], output, candidate, kernel_maps, scratch)?);
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

/// The variants of the kernel for any window that suit one, each with its reason.
fn any_window(op: &Involution) -> impl Iterator<Item = (Variant, &'static str)> {
    let slides = op.window.stride[1] == 1 && op.window.dilation[1] == 1;
    INVOLUTION.variants.iter().filter_map(move |&variant| match variant.defines("SLIDING") {
        false => Some((variant, "general")),
        true => slides.then_some((variant, "neighbouring pixels read neighbouring inputs")),
    })
}

/// Puts a dispatch before a candidate that wants its taps normalised and one plane after the other, where the kernel's are not.
fn arranged(
    op: &Involution,
    batch: usize,
    output: [usize; 2],
    mut candidate: Candidate,
    kernel_maps: Operand,
    scratch: usize,
) -> Result<Candidate> {
    if op.reads_kernel_as_it_is() {
        return Ok(candidate);
    }
    let taps = op.window.taps();
    let matrices = product("the kernel", &[batch, op.groups])?;
    let pixels = product("the kernel", &[matrices, output[0], output[1]])?;
    let [as_they_are, softmax] = const { [ARRANGE.variant(""), ARRANGE.variant("softmax")] };
    let arrange = KernelCall {
        kernel: &ARRANGE,
        variant: if op.softmax { softmax } else { as_they_are },
        params: Params::sizes(&[
            ("matrices", matrices),
            ("taps", taps),
            ("height", output[0]),
            ("width", output[1]),
            ("upsample", op.upsample),
            ("kernel_layout", layout_code(op.kernel_layout)),
        ])?,
        bindings: vec![("kernel", kernel_maps), ("out", Operand::Scratch(scratch))],
        grid: Grid::Invocations(pixels),
        trips: taps.saturating_mul(3),
    };
    for (_, operand) in candidate.calls.iter_mut().flat_map(|call| &mut call.bindings) {
        if *operand == kernel_maps {
            *operand = Operand::Scratch(scratch);
        }
    }
    candidate.calls.insert(0, arrange);
    candidate.scratch.push(product("the kernel", &[pixels, taps])?);
    candidate.stores_kernel = true;
    Ok(candidate)
}

/// The code of a layout in `shaders/involution/layout.wgsl`.
fn layout_code(layout: KernelLayout) -> usize {
    match layout {
        KernelLayout::TapsFirst => 0,
        KernelLayout::TapsLast => 1,
        KernelLayout::BeforePixelShuffle => 2,
    }
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

/// A kernel that computes a tile of channels.
struct Tiles {
    kernel: (&'static Kernel, Variant),
    reason: &'static str,
    /// The places of an output plane, each an invocation.
    places: [usize; 2],
    /// Of a tile.
    channels: usize,
}

/// The kernels for GPUs that suit these sizes, the preferred one last: by columns where the window moves down by one or two
/// rows, by rows of whole `vec4`s where it moves by one column and keeps the width. Each has one way of reading near the
/// border.
fn tiles(op: &Involution, x: [usize; 4], output: [usize; 2]) -> Vec<Tiles> {
    if op.upsample != 1 {
        return upsampled(op, output).into_iter().collect();
    }
    let Window { kernel_size: [rows, _], stride, dilation, .. } = op.window;
    let columns = find(&COLUMNS, &[("K", rows), ("S", stride[0])], op.border);
    let columns = columns.filter(|_| dilation[0] == 1).map(|kernel| Tiles {
        kernel,
        reason: "by columns: eight channels share those of the kernel",
        places: [output[0].div_ceil(VEC4), output[1]],
        channels: TILE_CHANNELS,
    });
    let whole = match op.border {
        Border::Shift => vec4_rows(op, &SHIFTED_ROWS, x, output).filter(|_| x[3] >= 2 * VEC4),
        _ => vec4_rows(op, &VEC4_ROWS, x, output),
    };
    let whole = whole.map(|kernel| Tiles {
        kernel,
        reason: "rows of whole vec4s: eight channels share those of the kernel",
        places: [output[0], output[1] / VEC4],
        channels: TILE_CHANNELS,
    });
    [columns, whole].into_iter().flatten().collect()
}

/// The kernel whose output is larger than the positions of the window: four neighbouring pixels belong to two positions whose
/// taps read neighbouring columns, or to one position.
fn upsampled(op: &Involution, output: [usize; 2]) -> Option<Tiles> {
    let Window { kernel_size: [_, taps], stride, dilation, .. } = op.window;
    let alike = match op.upsample {
        2 if stride[1] == dilation[1] => 2,
        upsample if upsample.is_multiple_of(VEC4) => VEC4,
        _ => return None,
    };
    let fits = op.border == Border::Zero && output[1].is_multiple_of(VEC4);
    Some(Tiles {
        kernel: find(&UPSAMPLED, &[("K", taps), ("R", alike)], op.border).filter(|_| fits)?,
        reason: "pixels of a position read what lies under its window once",
        places: [output[0] / 2, output[1] / VEC4],
        channels: UPSAMPLED_CHANNELS,
    })
}

/// The variant of a kernel that has these values, and the border where the kernel has several.
fn find(
    kernel: &'static Kernel,
    wanted: &[(&str, usize)],
    border: Border,
) -> Option<(&'static Kernel, Variant)> {
    let code = match border {
        Border::Zero => 0,
        Border::Reflect => 1,
        Border::Replicate => 2,
        Border::Shift => 3,
    };
    let is = |variant: &Variant| {
        let has = |&(name, value): &(&str, usize)| variant.get(name) == u32::try_from(value).ok();
        variant.get("BORDER").unwrap_or(0) == code && wanted.iter().all(has)
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
    find(kernel, &[("K", taps)], op.border).filter(|_| keeps && output[1].is_multiple_of(VEC4))
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
    let alike =
        variants.filter(|variant| op.is_plain() && rows == taps && variant.defines("MADE") == made);
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
        ("kernel_layout", layout_code(op.kernel_layout)),
        ("has_affine", usize::from(op.affine)),
        ("activation", op.activation.code()),
        ("reduced_channels", made_of[0]),
        ("has_bias", made_of[1]),
    ])?
    .window(&op.window)
}

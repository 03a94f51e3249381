//! Involutions that make their kernel: at once, or as a convolution that stores it and an involution that reads it.

use std::collections::BTreeSet;

use super::activation::with_epilogue;
use super::call::{Grid, KernelCall, Operand, VEC4, nested};
use super::candidate::{Candidate, GENERAL, Requires};
use super::conv::select;
use super::gemm::input_stationary;
use super::gemm::prepack::Matrices;
use super::gemm::tiles;
use super::involution::{
    TAPS_CHANNELS, TAPS_TRIPS, TILE_CHANNELS, of_kernel, params, taps_grid, taps_variants,
    vec4_rows,
};
use super::problem::Problem;
use crate::error::ShapeError;
use crate::ops::SpanInvolution;
use crate::ops::span_involution::Checked;
use crate::shaders::involution::{SPAN_INVOLUTION, SPAN_ROWS};
use crate::shaders::software::INVOLUTION as TAPS;
use crate::shaders::{Kernel, Variant};
use crate::shape::{Shape, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// Channels that a kernel is made from, from which on an input-stationary 1x1 convolution that stores the kernel is faster
/// than making it where it is used.
const STORED_K: usize = 64;

/// Channels of the narrow tile of `shaders/involution/span_involution.wgsl`.
const NARROW: usize = 4;

/// The ranks of the candidates that never store the kernel, but for the general one.
const FUSED: i32 = 100;

/// The ranks of those that store it, where that is faster on software adapters and where it is not.
const STORED_PREFERRED: i32 = 200;
const STORED: i32 = ROWS + 1;

/// Bytes of a kernel that the caches of most GPUs hold from one dispatch to the next.
const CACHED: usize = 8 << 20;

/// The ranks of the kernel of GPUs that never stores it, where that is faster and where it is not.
const ROWS_PREFERRED: i32 = 300;
const ROWS: i32 = GENERAL + 1;

/// Of `shaders/involution/span_rows.wgsl`: channels of `reduced` in an iteration, and `vec4`s and channels of a workgroup.
const ROWS_STEP: usize = 8;
const ROWS_PLACES: usize = 32;
const ROWS_CHANNELS: usize = 2 * TILE_CHANNELS;

/// The candidates of the operator.
pub fn candidates(op: &SpanInvolution, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    let sizes = op.checked(inputs)?;
    Ok([vec![general(op, &sizes)?], fused(op, &sizes)?, rows(op, &sizes)?, stored(op, &sizes)?]
        .concat())
}

/// The inputs that may be missing: bias, scale and shift.
fn optional(op: &SpanInvolution) -> [Operand; 3] {
    let affine = 3 + usize::from(op.bias);
    let given = |is: bool, index| if is { Operand::Input(index) } else { Operand::Absent };
    let is = op.involution.affine;
    [given(op.bias, 3), given(is, affine), given(is, affine + 1)]
}

/// One dispatch that makes the kernel and uses it.
fn call(
    op: &SpanInvolution,
    sizes: &Checked,
    (kernel, variant): (&'static Kernel, Variant),
    weight: Operand,
    grid: Grid,
    trips: usize,
) -> Result<KernelCall> {
    let [bias, scale, shift] = optional(op);
    let made_of = [sizes.span.in_channels, usize::from(op.bias)];
    Ok(KernelCall {
        kernel,
        variant,
        params: params(&op.involution, sizes.x, sizes.output, made_of)?,
        bindings: vec![
            ("x", Operand::Input(0)),
            ("reduced", Operand::Input(1)),
            ("weight", weight),
            ("bias", bias),
            ("scale", scale),
            ("shift", shift),
            ("out", Operand::Output),
        ],
        grid,
        trips,
    })
}

fn general(op: &SpanInvolution, sizes: &Checked) -> Result<Candidate> {
    let Checked { x, output, span } = sizes;
    let group_channels = x[1] / op.involution.groups;
    // A wide tile makes each tap for more channels; a narrow one wastes less on small groups.
    let [wide, narrow] =
        const { [SPAN_INVOLUTION.variant("C=16"), SPAN_INVOLUTION.variant("C=4")] };
    let variant = if group_channels > NARROW { wide } else { narrow };
    let blocks = group_channels.div_ceil(variant.get("C").map_or(1, |channels| channels as usize));
    let grid = product("the grid", &[x[0], op.involution.groups, blocks, output[0], output[1]])?;
    let [rows, taps] = op.involution.window.kernel_size;
    let trips = nested(&[rows, taps, span.in_channels]);
    let grid = Grid::Invocations(grid);
    let call = call(op, sizes, (&SPAN_INVOLUTION, variant), Operand::Input(2), grid, trips)?;
    Ok(Candidate::general(call))
}

/// The candidates that hold the taps of a pixel for its channels, and never store the kernel.
fn fused(op: &SpanInvolution, sizes: &Checked) -> Result<Vec<Candidate>> {
    let &Checked { x, output, span } = sizes;
    let involution = &op.involution;
    // Channels of a second tile would make the taps again.
    let supports = span.in_channels.is_multiple_of(2) && x[1] / involution.groups <= TAPS_CHANNELS;
    let variants = taps_variants(involution, true, x, output);
    let candidate = |(rank, variant): (i32, Variant)| {
        let width = involution.window.kernel_size[0];
        let (count, rows) = (involution.groups, width * width);
        let matrices = Matrices { count, rows, width, k: span.in_channels };
        let (pack, elements) = matrices.prepack(Operand::Input(2), Operand::Scratch(0))?;
        let grid = Grid::Invocations(taps_grid(involution, x, output, variant)?);
        // The taps of two rows are made before.
        let trips = TAPS_TRIPS.saturating_add(span.in_channels);
        let calls =
            vec![pack, call(op, sizes, (&TAPS, variant), Operand::Scratch(0), grid, trips)?];
        Ok(Candidate {
            requires: Requires::SOFTWARE_SUBGROUPS,
            scratch: vec![elements],
            prepack: 1,
            ..Candidate::of_calls(calls, rank, "makes the kernel where it is used")
        })
    };
    let candidates = (FUSED..).zip(variants.into_iter().filter(|_| supports)).map(candidate);
    let shape = Shape::from([x[0], x[1], output[0], output[1]]);
    with_epilogue(candidates.collect::<Result<_>>()?, involution.activation, &shape, 0)
}

/// The candidate of GPUs that makes the taps of a row where it uses them.
fn rows(op: &SpanInvolution, sizes: &Checked) -> Result<Vec<Candidate>> {
    let &Checked { x, output, span } = sizes;
    let Some(kernel) = vec4_rows(&op.involution, &SPAN_ROWS, x, output)
        .filter(|_| span.in_channels.is_multiple_of(ROWS_STEP))
    else {
        return Ok(Vec::new());
    };
    let [rows, taps] = op.involution.window.kernel_size;
    let matrices = tiles::Matrices {
        count: product("the packed weights", &[op.involution.groups, rows])?,
        channels: taps,
        k: span.in_channels,
        taps: 1,
        tile: taps.next_multiple_of(VEC4),
        rows: span.in_channels,
        passes: None,
    };
    let (pack, elements) = matrices.prepack(Operand::Input(2), Operand::Scratch(0))?;
    let blocks = (x[1] / op.involution.groups).div_ceil(ROWS_CHANNELS);
    let parts = (product("the grid", &output)? / VEC4).div_ceil(ROWS_PLACES);
    let grid = product("the grid", &[x[0], op.involution.groups, blocks, parts])?;
    let trips = nested(&[rows, span.in_channels / ROWS_STEP]);
    let call = call(op, sizes, kernel, Operand::Scratch(0), Grid::Workgroups(grid), trips)?;
    let (rank, reason) = match rows_are_faster(op, sizes)? {
        true => (ROWS_PREFERRED, "makes a row of taps where it is used: less than to store it"),
        false => (ROWS, "makes a row of taps where it is used"),
    };
    let candidate = Candidate::of_calls(vec![pack, call], rank, reason);
    let candidate = candidate.requiring(Requires::GPU);
    Ok(vec![Candidate { scratch: vec![elements], prepack: 1, ..candidate }])
}

/// Whether a GPU is likely to make the taps sooner than to store and read them. Counted for a tap of a pixel, in quarters of
/// the time of a multiply-add, from what the kernels issue (docs/performance.md): a matrix product does 0.8 multiply-adds an
/// instruction, the kernel that makes its taps two thirds, both involutions a half. In the time in which memory moves a byte,
/// a GPU does 7 to 40 multiply-adds, 16 in the middle (H200 7, Arc B580 15, M2 18, RX 7900 XTX 16 to 32, RTX 4090 41), and about
/// four in that of a cache. Two dispatches each take the longer of arithmetic and memory, as does the one. For 16
/// channels made of 64, 7x7, at 56x56: 112 multiply-adds stored in a cache, 186 in memory, and 128 where the taps are made. A
/// group of more channels makes its taps again for every 16 of them.
fn rows_are_faster(op: &SpanInvolution, sizes: &Checked) -> Result<bool> {
    let &Checked { x, span, .. } = sizes;
    let channels = x[1] / op.involution.groups;
    let blocks = channels.div_ceil(ROWS_CHANNELS);
    let bytes = product("the kernel", span.output_shape().dims())?.saturating_mul(4);
    let of_a_byte = if bytes <= CACHED { 16 } else { 64 };
    let making = |quarters: usize| span.in_channels.saturating_mul(quarters);
    // The tap itself, and its share of x and of the output.
    let tap = 4 * of_a_byte;
    let shared = channels.saturating_mul(2 * tap) / op.involution.window.taps();
    let using = blocks.saturating_mul(ROWS_CHANNELS * 8);
    let stored = making(5)
        .max(tap)
        .saturating_add(channels.saturating_mul(8).max(tap.saturating_add(shared)));
    let made = making(blocks.saturating_mul(6)).saturating_add(using).max(shared);
    Ok(made < stored)
}

/// The candidates that store the kernel: those of the convolution, then those of the involution, each with the best of
/// the other operator that requires no more than it does.
fn stored(op: &SpanInvolution, sizes: &Checked) -> Result<Vec<Candidate>> {
    let [bias, scale, shift] = optional(op);
    let &Checked { x, output, span } = sizes;
    let convolutions =
        select::of_problem(&Problem { bias, ..Problem::new(span, Operand::Input(2)) })?;
    // The kernel comes after the scratch buffers of the convolution, the first of which hold packed weights.
    let involve = |kernel| {
        let tensors = [Operand::Scratch(kernel), scale, shift];
        of_kernel(&op.involution, x, output, tensors, kernel + 1)
    };
    let involutions = involve(0)?;
    let best = |of: &[Candidate], like: &Candidate| {
        of.iter().rposition(|candidate| candidate.requires.within(&like.requires))
    };
    let by_convolution =
        convolutions.iter().enumerate().map(|(at, like)| Some((at, best(&involutions, like)?)));
    let by_involution =
        involutions.iter().enumerate().map(|(at, like)| Some((best(&convolutions, like)?, at)));
    // In the order of both, the best of both last.
    let pairs: BTreeSet<(usize, usize)> = by_convolution.chain(by_involution).flatten().collect();
    let maps = product("the kernel", span.output_shape().dims())?;
    let profitable = span.in_channels >= STORED_K
        && input_stationary::is_profitable(span.in_channels, span.out_channels);
    let (first, reason) = match profitable {
        true => (STORED_PREFERRED, "stores the kernel: 64 or more channels make it"),
        false => (STORED, "stores the kernel"),
    };
    let mut candidates = Vec::new();
    for (rank, (convolution, involution)) in (first..).zip(pairs) {
        let mut span = convolutions[convolution].clone();
        let kernel = span.scratch.len();
        let involution = involve(kernel)?.swap_remove(involution);
        for (_, operand) in span.calls.iter_mut().flat_map(|call| &mut call.bindings) {
            *operand = match *operand {
                Operand::Input(0) => Operand::Input(1),
                Operand::Output => Operand::Scratch(kernel),
                other => other,
            };
        }
        candidates.push(Candidate {
            name: format!("{}+{}", span.name, involution.name),
            requires: span.requires.and(involution.requires),
            rank,
            reason,
            scratch: [span.scratch, vec![maps], involution.scratch].concat(),
            calls: [span.calls, involution.calls].concat(),
            prepack: span.prepack,
            stores_kernel: true,
            tolerance: span.tolerance,
        });
    }
    Ok(candidates)
}

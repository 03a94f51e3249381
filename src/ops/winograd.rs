//! Winograd's way to a 3x3 convolution (`shaders/common/winograd.wgsl`): a quarter of the products, between
//! transforms of the input and of the sums.
//!
//! What lies between takes 36 values for each 16 pixels of every channel. It is made for so many tiles at a time
//! that it stays in the cache, and the scratch buffers stay small.

use super::activation::Activation;
use super::conv2d::{Geometry, SUBGROUP_CHANNELS, SUBGROUP_LANES, Weights};
use super::{Candidate, held, pointwise};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, product};
use crate::shape::Window;

pub(super) static WEIGHTS: Kernel =
    crate::kernel!("conv2d/winograd_weights", [&[]]).made_for(AdapterClass::Software);
pub(super) static INPUT: Kernel =
    crate::kernel!("conv2d/winograd_input", [&[]]).made_for(AdapterClass::Software);
pub(super) static OUTPUT: Kernel =
    crate::kernel!("conv2d/winograd_output", [&[]]).made_for(AdapterClass::Software);
pub(super) static INPUT_SINGLES: Kernel =
    crate::kernel!("conv2d/winograd_input_singles", [&[]]).made_for(AdapterClass::Software);
pub(super) static OUTPUT_SINGLES: Kernel =
    crate::kernel!("conv2d/winograd_output_singles", [&[]]).made_for(AdapterClass::Software);

/// The name of the way.
pub(crate) const NAME: &str = "conv2d/winograd";

/// Outputs of a tile along each side.
const SIDE: usize = 4;

/// Places of a tile between the transforms (`PLACES` in the shaders).
const PLACES: usize = 36;

/// Tiles that an invocation transforms at once.
const QUAD: usize = 4;

/// Bytes between the transforms: what stays in the cache of a core, and adds little to what a network holds.
const BETWEEN: usize = 2 << 20;

/// Parts that a call is cut into at most, before more is kept between the transforms.
const MOST_PARTS: usize = 64;

/// Tiles of a sample from which on the way pays: the weights of 36 places are read for each eight fours of them. That the
/// samples do not count keeps the choice the same for every batch.
const LEAST_TILES: usize = 49;

/// The same where the products hold their inputs.
const LEAST_TILES_HELD: usize = 16;

/// Iterations of an invocation of the transforms, at most, whatever the sizes: the output's goes through six columns, and
/// through four rows of four times four values.
const TRIPS: usize = 6 + 4 * (1 + 4 * 4);

/// The part of a call that is done at a time.
struct Part {
    first_sample: usize,
    samples: usize,
    /// Of four tiles each, in each of the samples.
    first_quad: usize,
    quads: usize,
}

/// Whether a convolution is one of 3x3 over neighbouring pixels with a padding of one.
fn suits(geometry: &Geometry) -> bool {
    let window = &geometry.window;
    window.kernel_size == [3, 3]
        && window.stride == [1, 1]
        && window.dilation == [1, 1]
        && window.resolve_padding() == Ok([[1, 1], [1, 1]])
}

/// The way; nothing where the kernels do not suit, or not pay.
pub(super) fn way(
    geometry: &Geometry,
    weight: Operand,
    [bias, residual]: [Operand; 2],
    weights: Weights,
    scratch: usize,
) -> Result<Option<Candidate>, ShapeError> {
    let &Geometry { in_channels, out_channels, input: [height, width], .. } = geometry;
    let tiles = product("the tiles", &[height.div_ceil(SIDE), width.div_ceil(SIDE)])?;
    let by_rows = held::pays(in_channels, out_channels);
    let fits = tiles >= if by_rows { LEAST_TILES_HELD } else { LEAST_TILES }
        && geometry.groups == 1
        && suits(geometry)
        && in_channels.is_multiple_of(2)
        && out_channels >= SUBGROUP_CHANNELS / 2;
    if !fits {
        return Ok(None);
    }
    let parts = parts(geometry, tiles.div_ceil(QUAD))?;
    let shared = weights == Weights::Shared;
    let sets = |samples| if shared { 1 } else { samples };
    let [packed, spread, sums] = [scratch, scratch + 1, scratch + 2].map(Operand::Scratch);
    let whole = width.is_multiple_of(SIDE);
    let [input, output] = if whole { [&INPUT, &OUTPUT] } else { [&INPUT_SINGLES, &OUTPUT_SINGLES] };
    let rows =
        if by_rows { out_channels } else { out_channels.next_multiple_of(SUBGROUP_CHANNELS) };
    let transform = |part: Option<&Part>| -> Result<KernelCall, ShapeError> {
        let (first, samples) = part.map_or((0, 1), |part| (part.first_sample, part.samples));
        let grid = product("the grid", &[samples, rows, in_channels])? / QUAD;
        Ok(KernelCall {
            kernel: &WEIGHTS,
            tile: WEIGHTS.tiles[0],
            params: Params::sizes(&[
                ("first", first),
                ("samples", samples),
                ("out_channels", out_channels),
                ("in_channels", in_channels),
                ("places", SIDE + 2),
                ("by_rows", usize::from(by_rows)),
            ])?,
            bindings: vec![("weight", weight), ("out", packed)],
            grid: Grid::Invocations(grid),
            trips: TRIPS,
        })
    };
    let mut calls = Vec::new();
    if shared {
        calls.push(transform(None)?);
    }
    for part in &parts {
        let &Part { first_sample, samples, first_quad, quads } = part;
        // The weights of a sample serve all of its parts.
        if !shared && first_quad == 0 {
            calls.push(transform(Some(part))?);
        }
        let place = Params::sizes(&[
            ("first_sample", first_sample),
            ("first_quad", first_quad),
            ("samples", samples),
            ("quads", quads),
            ("height", height),
            ("width", width),
        ])?;
        calls.push(KernelCall {
            kernel: input,
            tile: input.tiles[0],
            params: place.clone().size("channels", in_channels)?.size("inputs", SIDE + 2)?,
            bindings: vec![("x", Operand::Input(0)), ("out", spread)],
            grid: Grid::Invocations(product("the grid", &[samples, in_channels, quads])?),
            trips: TRIPS,
        });
        let products = between(geometry, part)?;
        let call = if by_rows { held::call } else { pointwise::call };
        calls.push(call(&products, [spread, packed, sums], weights)?);
        calls.push(KernelCall {
            kernel: output,
            tile: output.tiles[0],
            params: place
                .size("channels", out_channels)?
                .size("places", SIDE + 2)?
                .size("bias_sample_stride", if shared { 0 } else { out_channels })?
                .size("has_bias", usize::from(bias != Operand::Absent))?
                .size("has_residual", usize::from(residual != Operand::Absent))?
                .size("activation", geometry.activation.code())?,
            bindings: vec![
                ("sums", sums),
                ("bias", bias),
                ("residual", residual),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(product("the grid", &[samples, out_channels, quads])?),
            trips: TRIPS,
        });
    }
    let values = |channels| {
        let most = parts.iter().map(|part| part.samples * part.quads).max().unwrap_or(0);
        product("the transformed tiles", &[PLACES, channels, most, QUAD])
    };
    let most = sets(parts.iter().map(|part| part.samples).max().unwrap_or(0));
    let packed = product("the transformed weights", &[most, PLACES, rows, in_channels])?;
    Ok(Some(Candidate {
        name: NAME.to_owned(),
        scratch: vec![packed, values(in_channels)?, values(out_channels)?],
        calls,
        once: usize::from(shared),
    }))
}

/// What is summed between the transforms: a 1x1 convolution of 36 groups, a pixel for each tile.
fn between(geometry: &Geometry, part: &Part) -> Result<Geometry, ShapeError> {
    let places = |channels| product("the transformed tiles", &[PLACES, channels]);
    let pixels = [1, product("the tiles", &[part.quads, QUAD])?];
    Ok(Geometry {
        batch: part.samples,
        in_channels: places(geometry.in_channels)?,
        input: pixels,
        out_channels: places(geometry.out_channels)?,
        output: pixels,
        window: Window::new([1, 1]),
        groups: PLACES,
        activation: Activation::None,
    })
}

/// The parts of a call for samples of so many fours of tiles.
fn parts(geometry: &Geometry, quads: usize) -> Result<Vec<Part>, ShapeError> {
    let channels = geometry.in_channels + geometry.out_channels;
    let bytes = product("the transformed tiles", &[4, PLACES, QUAD, channels])?;
    let total = product("the tiles", &[geometry.batch, quads])?;
    let most = (BETWEEN / bytes).max(total.div_ceil(MOST_PARTS)).max(SUBGROUP_LANES);
    if quads <= most {
        let samples = most / quads.max(1);
        let starts = (0..geometry.batch).step_by(samples);
        return Ok(starts
            .map(|first_sample| Part {
                first_sample,
                samples: samples.min(geometry.batch - first_sample),
                first_quad: 0,
                quads,
            })
            .collect());
    }
    // As even as whole sets of lanes allow.
    let step = quads.div_ceil(quads.div_ceil(most)).next_multiple_of(SUBGROUP_LANES);
    let parts = |first_sample| {
        (0..quads).step_by(step).map(move |first_quad| Part {
            first_sample,
            samples: 1,
            first_quad,
            quads: step.min(quads - first_quad),
        })
    };
    Ok((0..geometry.batch).flat_map(parts).collect())
}

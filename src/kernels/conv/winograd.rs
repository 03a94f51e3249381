//! Winograd's algorithm for a 3x3 convolution (`shaders/software/winograd.wgsl`): a quarter of the products, between
//! transforms of the input and of the sums.
//!
//! What lies between takes 36 values for each 16 pixels of every channel. It is made for so many tiles at a time
//! that it stays in the cache, and the scratch buffers stay small.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params, SUBGROUP_LANES};
use crate::kernels::candidate::{Candidate, Requires, Tolerance};
use crate::kernels::gemm::{LEAST_CHANNELS, input_stationary};
use crate::kernels::problem::{Problem, Weights};
use crate::kernels::rank;
use crate::ops::Activation;
use crate::ops::conv2d::Geometry;
use crate::shaders::software::{WINOGRAD_INPUT, WINOGRAD_OUTPUT, WINOGRAD_WEIGHTS};
use crate::shaders::{Kernel, Variant};
use crate::shape::{Window, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// The variants of the transforms of input and output.
const ALIGNED: [Variant; 2] =
    [WINOGRAD_INPUT.variant("aligned"), WINOGRAD_OUTPUT.variant("aligned")];
const SCALAR: [Variant; 2] = [WINOGRAD_INPUT.variant(""), WINOGRAD_OUTPUT.variant("")];

/// Outputs of a tile along each side.
const SIDE: usize = 4;

/// Places of a tile between the transforms (`PLACES` in the shaders).
const PLACES: usize = 36;

/// Tiles that an invocation transforms at once.
const AT_ONCE: usize = 4;

/// Bytes between the transforms: what stays in the cache of a core, and adds little to what a network holds.
const BETWEEN: usize = 2 << 20;

/// Parts that a call is cut into at most, before more is kept between the transforms.
const MOST_PARTS: usize = 64;

/// Tiles of a sample from which on the algorithm is profitable: the weights of 36 places are read for each eight fours of
/// them. That the samples do not count keeps the choice the same for every batch.
const LEAST_TILES: usize = 49;

/// Tiles of a sample from which on the algorithm is profitable where there are many channels.
const LEAST_TILES_MANY_CHANNELS: usize = 16;

/// Iterations of an invocation of the transforms, at most, whatever the sizes: the output's goes through six columns, and
/// through four rows of four times four values.
const TRIPS: usize = 6 + 4 * (1 + 4 * 4);

/// The part of a call that is done at a time.
struct Part {
    first_sample: usize,
    samples: usize,
    /// Of four tiles each, in each of the samples.
    first_vec4: usize,
    vec4s: usize,
}

/// Whether a convolution is one of 3x3 over neighbouring pixels with a padding of one, in one group.
fn supports(sizes: &Geometry) -> bool {
    let window = &sizes.window;
    window.kernel_size == [3, 3]
        && window.stride == [1, 1]
        && window.dilation == [1, 1]
        && window.resolve_padding() == Ok([[1, 1], [1, 1]])
        && sizes.groups == 1
        && input_stationary::supports(sizes.in_channels)
}

/// A call of one of the transforms.
fn transform(
    (kernel, variant): (&'static Kernel, Variant),
    params: Params,
    bindings: Vec<(&'static str, Operand)>,
    grid: usize,
) -> KernelCall {
    let grid = Grid::Invocations(grid);
    KernelCall { kernel, variant, params, bindings, grid, trips: TRIPS }
}

/// The candidate; nothing where the kernels do not support the convolution, or are not profitable.
pub fn candidate(problem: &Problem) -> Result<Option<Candidate>> {
    let sizes = &problem.sizes;
    let &Geometry { in_channels, out_channels, input: [height, width], .. } = sizes;
    let tiles = product("the tiles", &[height.div_ceil(SIDE), width.div_ceil(SIDE)])?;
    let many = input_stationary::is_profitable(in_channels, out_channels);
    let least = if many { LEAST_TILES_MANY_CHANNELS } else { LEAST_TILES };
    if tiles < least || out_channels < LEAST_CHANNELS || !supports(sizes) {
        return Ok(None);
    }
    let parts = parts(sizes, tiles.div_ceil(AT_ONCE))?;
    let shared = problem.weights == Weights::Shared;
    let first = problem.scratch;
    let [packed, spread, sums] = [first, first + 1, first + 2].map(Operand::Scratch);
    let aligned = width.is_multiple_of(SIDE);
    let [input, output] = if aligned { ALIGNED } else { SCALAR };
    let weights_of = |first: usize, samples: usize| {
        let params = Params::sizes(&[
            ("first", first),
            ("samples", samples),
            ("out_channels", out_channels),
            ("in_channels", in_channels),
            ("places", SIDE + 2),
        ])?;
        let grid = product("the grid", &[samples, out_channels, in_channels])? / AT_ONCE;
        let bindings = vec![("weight", problem.weight), ("out", packed)];
        let kernel = (&WINOGRAD_WEIGHTS, WINOGRAD_WEIGHTS.variants[0]);
        Ok(transform(kernel, params, bindings, grid))
    };
    let mut calls = Vec::new();
    if shared {
        calls.push(weights_of(0, 1)?);
    }
    for part in &parts {
        let &Part { first_sample, samples, first_vec4, vec4s } = part;
        // The weights of a sample serve all of its parts.
        if !shared && first_vec4 == 0 {
            calls.push(weights_of(first_sample, samples)?);
        }
        let place = Params::sizes(&[
            ("first_sample", first_sample),
            ("first_vec4", first_vec4),
            ("samples", samples),
            ("vec4s", vec4s),
            ("height", height),
            ("width", width),
        ])?;
        let params = place.clone().size("channels", in_channels)?.size("inputs", SIDE + 2)?;
        let bindings = vec![("x", problem.x), ("out", spread)];
        let grid = product("the grid", &[samples, in_channels, vec4s])?;
        calls.push(transform((&WINOGRAD_INPUT, input), params, bindings, grid));
        let products = Problem::new(between(sizes, part)?, packed);
        let weights = problem.weights;
        calls.push(input_stationary::call(&Problem { weights, x: spread, out: sums, ..products })?);
        let params = place
            .size("channels", out_channels)?
            .size("places", SIDE + 2)?
            .size("bias_sample_stride", if shared { 0 } else { out_channels })?
            .size("has_bias", usize::from(problem.bias != Operand::Absent))?
            .size("has_residual", usize::from(problem.residual != Operand::Absent))?
            .size("activation", sizes.activation.code())?;
        let bindings = vec![
            ("sums", sums),
            ("bias", problem.bias),
            ("residual", problem.residual),
            ("out", problem.out),
        ];
        let grid = product("the grid", &[samples, out_channels, vec4s])?;
        calls.push(transform((&WINOGRAD_OUTPUT, output), params, bindings, grid));
    }
    let values = |channels| {
        let most = parts.iter().map(|part| part.samples * part.vec4s).max().unwrap_or(0);
        product("the transformed tiles", &[PLACES, channels, most, AT_ONCE])
    };
    let samples = parts.iter().map(|part| part.samples).max().unwrap_or(0);
    let sets = if shared { 1 } else { samples };
    let weights = product("the transformed weights", &[sets, PLACES, out_channels, in_channels])?;
    Ok(Some(Candidate {
        name: "conv/winograd".to_owned(),
        requires: Requires::SOFTWARE_SUBGROUPS,
        scratch: vec![weights, values(in_channels)?, values(out_channels)?],
        prepack: usize::from(shared),
        tolerance: Tolerance::Winograd,
        ..Candidate::of_calls(
            calls,
            rank::WINOGRAD,
            "Winograd: 3x3 with enough pixels and channels",
        )
    }))
}

/// What is summed between the transforms: a 1x1 convolution of 36 groups, a pixel for each tile.
fn between(sizes: &Geometry, part: &Part) -> Result<Geometry> {
    let places = |channels| product("the transformed tiles", &[PLACES, channels]);
    let pixels = [1, product("the tiles", &[part.vec4s, AT_ONCE])?];
    Ok(Geometry {
        batch: part.samples,
        in_channels: places(sizes.in_channels)?,
        input: pixels,
        out_channels: places(sizes.out_channels)?,
        output: pixels,
        window: Window::new([1, 1]),
        groups: PLACES,
        activation: Activation::None,
    })
}

/// The parts of a call for samples of so many fours of tiles.
fn parts(sizes: &Geometry, vec4s: usize) -> Result<Vec<Part>> {
    let channels = sizes.in_channels + sizes.out_channels;
    let bytes = product("the transformed tiles", &[4, PLACES, AT_ONCE, channels])?;
    let total = product("the tiles", &[sizes.batch, vec4s])?;
    let most = (BETWEEN / bytes).max(total.div_ceil(MOST_PARTS)).max(SUBGROUP_LANES);
    if vec4s <= most {
        let samples = most / vec4s.max(1);
        let starts = (0..sizes.batch).step_by(samples);
        return Ok(starts
            .map(|first_sample| Part {
                first_sample,
                samples: samples.min(sizes.batch - first_sample),
                first_vec4: 0,
                vec4s,
            })
            .collect());
    }
    // As even as whole sets of lanes allow.
    let step = vec4s.div_ceil(vec4s.div_ceil(most)).next_multiple_of(SUBGROUP_LANES);
    let parts = |first_sample| {
        (0..vec4s).step_by(step).map(move |first_vec4| Part {
            first_sample,
            samples: 1,
            first_vec4,
            vec4s: step.min(vec4s - first_vec4),
        })
    };
    Ok((0..sizes.batch).flat_map(parts).collect())
}

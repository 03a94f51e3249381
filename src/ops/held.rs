//! The convolution of software adapters that holds its inputs (`shaders/common/held_tile.wgsl`): four pixels in each of
//! eight lanes, for which the output channels go by with their weights as they lie in the tensor.

use super::Candidate;
use super::conv2d::{Geometry, PIXELS, SUBGROUP_LANES, Weights};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, nested, product};

pub(super) static QUADS: Kernel = of_lanes(crate::kernel!("conv2d/held_quads", [&[]]));
pub(super) static SINGLES: Kernel = of_lanes(crate::kernel!("conv2d/held_singles", [&[]]));
pub(super) static WINDOWS_QUADS: Kernel = of_lanes(crate::kernel!("conv2d/windows_quads", [&[]]));
pub(super) static WINDOWS_SINGLES: Kernel =
    of_lanes(crate::kernel!("conv2d/windows_singles", [&[]]));

const fn of_lanes(kernel: Kernel) -> Kernel {
    kernel.made_for(AdapterClass::Software).with_subgroups()
}

/// Terms that are held (`TERMS` in the shader).
const TERMS: usize = 64;

/// Output channels that one invocation goes through with them: fewer, or more where there are workgroups enough without.
const CHANNELS: [usize; 2] = [128, 256];

/// Workgroups that are enough for the processors that play a GPU.
const ENOUGH: usize = 24;

/// Terms that a lane reads the weights of at once.
const EIGHT: usize = 8;

/// Whether the kernels can carry out a convolution.
pub(super) fn suits(geometry: &Geometry) -> bool {
    geometry.terms().is_multiple_of(EIGHT)
}

/// Whether it pays to hold the inputs, for so many terms and output channels of a group: few channels are not worth the
/// reading, and zeros behind the last term cost what terms cost.
pub(super) fn pays(terms: usize, channels: usize) -> bool {
    terms.is_multiple_of(EIGHT)
        && channels >= CHANNELS[0] / 2
        && terms.next_multiple_of(TERMS) * 3 <= terms * 4
}

/// Output channels of an invocation.
pub(super) fn channels(geometry: &Geometry, weights: Weights) -> Result<usize, ShapeError> {
    let [fewer, more] = CHANNELS;
    let quads = product("the grid", &geometry.output)?.div_ceil(PIXELS);
    let workgroups = geometry.octets(quads, weights, more)? / SUBGROUP_LANES;
    Ok(if workgroups >= ENOUGH { more } else { fewer })
}

/// Iterations of an invocation: for every 64 terms it fetches and reads them, four at a time, and goes through its output
/// channels, whose values may be stored one by one.
fn trips(geometry: &Geometry, weights: Weights) -> Result<usize, ShapeError> {
    let blocks = geometry.terms().div_ceil(TERMS);
    let channels = channels(geometry, weights)?;
    Ok(nested(&[blocks, TERMS / 4 + TERMS / 4 + channels]).saturating_add(channels * PIXELS))
}

/// Invocations of the kernels.
fn grid(geometry: &Geometry, quads: usize, weights: Weights) -> Result<Grid, ShapeError> {
    let channels = channels(geometry, weights)?;
    Ok(Grid::Invocations(geometry.octets(quads, weights, channels)?))
}

/// The way of one of two kernels: the first for planes of whole fours, the second for any. Its scratch buffer, where it has
/// one, is `scratch`; `call` makes the call of a kernel and its grid.
pub(super) fn way(
    geometry: &Geometry,
    [whole, any]: [&'static Kernel; 2],
    weights: Weights,
    scratch: usize,
    call: impl Fn(&'static Kernel, Grid, usize) -> KernelCall,
) -> Result<Candidate, ShapeError> {
    let trips = trips(geometry, weights)?;
    let pixels = product("the grid", &geometry.output)?;
    let quads = pixels.div_ceil(PIXELS);
    let grid = grid(geometry, quads, weights)?;
    if pixels.is_multiple_of(PIXELS) {
        return Ok(Candidate::single(call(whole, grid, trips)));
    }
    let mut way = Candidate::single(call(any, grid, trips));
    let sums = [geometry.batch, geometry.out_channels, quads, PIXELS];
    way.scratch.push(product("the sums", &sums)?);
    way.calls[0].bindings.push(("sums", Operand::Scratch(scratch)));
    Ok(way)
}

/// The call of `conv2d/held_quads` on x and weights, with nothing added.
pub(super) fn call(
    geometry: &Geometry,
    tensors: [Operand; 3],
    weights: Weights,
) -> Result<KernelCall, ShapeError> {
    let quads = product("the grid", &geometry.output)? / PIXELS;
    let trips = trips(geometry, weights)?;
    geometry.plain_call(&QUADS, tensors, weights, grid(geometry, quads, weights)?, trips)
}

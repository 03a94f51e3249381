//! The 1x1 convolution of software adapters: a matrix product over the pixels, four of them in each of eight lanes.
//!
//! Two ways: inputs go by tiles of sums (`shaders/conv2d/pointwise_quads.wgsl`), or channels go by inputs that are held
//! ([`held`]). Both read planes of whole fours, which are gathered where there is a stride or a plane is of another size.

use super::conv2d::{Geometry, PIXELS, SUBGROUP_CHANNELS, Weights};
use super::{Candidate, held};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, product};

pub(super) static GATHER: Kernel =
    crate::kernel!("conv2d/gather", [&[]]).made_for(AdapterClass::Software);
pub(super) static SINGLES: Kernel = of_lanes(crate::kernel!("conv2d/pointwise_singles", [&[]]));
pub(super) static QUADS: Kernel = of_lanes(crate::kernel!("conv2d/pointwise_quads", [&[]]));

const fn of_lanes(kernel: Kernel) -> Kernel {
    kernel.made_for(AdapterClass::Software).with_subgroups()
}

/// The ways to a 1x1 convolution, the preferred one last. `tiled` makes one of a kernel that reads packed weights, `call`
/// the call of a kernel and its grid.
pub(super) fn ways(
    geometry: &Geometry,
    weights: Weights,
    scratch: usize,
    tiled: impl Fn(&'static Kernel) -> Result<Candidate, ShapeError>,
    call: impl Fn(&'static Kernel, Grid, usize) -> KernelCall,
) -> Result<Vec<Candidate>, ShapeError> {
    if !geometry.terms().is_multiple_of(2) {
        return Ok(Vec::new());
    }
    let pixels = product("the grid", &geometry.output)?;
    let quads = pixels.div_ceil(PIXELS);
    let whole = pixels.is_multiple_of(PIXELS);
    let mut tile = tiled(if whole { &QUADS } else { &SINGLES })?;
    read_gathered(geometry, &mut tile, scratch, quads)?;
    if !held::suits(geometry) {
        return Ok(vec![tile]);
    }
    let mut held = held::way(geometry, [&held::QUADS, &held::SINGLES], weights, scratch, call)?;
    read_gathered(geometry, &mut held, scratch, quads)?;
    Ok(if held::pays(geometry.terms(), geometry.group_out()) {
        vec![tile, held]
    } else {
        vec![held, tile]
    })
}

/// Iterations of an invocation of the kernels that go by tiles of sums: they fetch the terms, four lanes share them, and
/// read two at a time.
pub(super) fn trips(terms: usize) -> usize {
    terms.div_ceil(4).saturating_add(terms / 2)
}

/// Has a way read gathered pixels where it needs them, in one more scratch buffer.
fn read_gathered(
    geometry: &Geometry,
    way: &mut Candidate,
    scratch: usize,
    quads: usize,
) -> Result<(), ShapeError> {
    let pixels = product("the grid", &geometry.output)?;
    if pixels.is_multiple_of(PIXELS) && geometry.window.stride == [1, 1] {
        return Ok(());
    }
    let gathered = Operand::Scratch(scratch + way.scratch.len());
    let (elements, gather) = gather(geometry, gathered, quads)?;
    way.scratch.push(elements);
    for (name, operand) in way.calls.iter_mut().flat_map(|call| &mut call.bindings) {
        if *name == "x" {
            *operand = gathered;
        }
    }
    way.calls.insert(way.once, gather);
    Ok(())
}

/// The call that gathers the pixels, and how many elements they are.
fn gather(
    geometry: &Geometry,
    gathered: Operand,
    quads: usize,
) -> Result<(usize, KernelCall), ShapeError> {
    let planes = product("x", &[geometry.batch, geometry.in_channels])?;
    let quads = product("the gathered pixels", &[planes, quads])?;
    let call = KernelCall {
        kernel: &GATHER,
        tile: GATHER.tiles[0],
        params: Params::sizes(&[
            ("planes", planes),
            ("height", geometry.input[0]),
            ("width", geometry.input[1]),
            ("out_height", geometry.output[0]),
            ("out_width", geometry.output[1]),
            ("stride_y", geometry.window.stride[0]),
            ("stride_x", geometry.window.stride[1]),
        ])?,
        bindings: vec![("x", Operand::Input(0)), ("out", gathered)],
        grid: Grid::Invocations(quads),
        trips: 0,
    };
    Ok((product("the gathered pixels", &[quads, PIXELS])?, call))
}

/// The call of `conv2d/pointwise_quads` on x and packed weights, with nothing added.
pub(super) fn call(
    geometry: &Geometry,
    tensors: [Operand; 3],
    weights: Weights,
) -> Result<KernelCall, ShapeError> {
    let quads = product("the grid", &geometry.output)? / PIXELS;
    let grid = Grid::Invocations(geometry.octets(quads, weights, SUBGROUP_CHANNELS)?);
    let trips = trips(geometry.terms()).saturating_add(SUBGROUP_CHANNELS);
    geometry.plain_call(&QUADS, tensors, weights, grid, trips)
}

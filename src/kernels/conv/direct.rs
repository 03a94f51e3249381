//! The general convolution: an invocation computes a tile of output channels at four pixels of a row.

use std::ops::Range;

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, MOST_TRIPS, Operand};
use crate::kernels::candidate::{Candidate, GENERAL};
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::ops::Activation;
use crate::shaders::Variant;
use crate::shaders::conv::CONV2D;

type Result<T> = std::result::Result<T, ShapeError>;

/// The general candidate, and the one with the better tile.
pub fn candidates<const AXES: usize>(problem: &Problem<AXES>) -> Result<Vec<Candidate>> {
    // A wide tile shares each input value among more outputs; a narrow one wastes less on small groups.
    let [wide, narrow] = match (AXES, problem.sizes.group_out()) {
        (3, 1) => const { [CONV2D.variant("T=8,depth"), CONV2D.variant("T=1,depth")] },
        (3, _) => const { [CONV2D.variant("T=8,depth"), CONV2D.variant("T=2,depth")] },
        _ => const { [CONV2D.variant("T=8"), CONV2D.variant("T=2")] },
    };
    let variants = if problem.sizes.group_out() > 2 { [narrow, wide] } else { [wide, narrow] };
    let ranks = [(GENERAL, "general"), (rank::DIRECT, "the tile for so many output channels")];
    let candidate = |(variant, (rank, reason))| {
        let calls = calls(problem, variant)?;
        let sums = problem.sizes.output_shape().elements()?;
        let scratch = if calls.len() > 1 { vec![sums] } else { Vec::new() };
        Ok(Candidate { scratch, ..Candidate::of_calls(calls, rank, reason) })
    };
    variants.into_iter().zip(ranks).map(candidate).collect()
}

/// One dispatch, which adds these input channels of a group.
pub fn call<const AXES: usize>(
    problem: &Problem<AXES>,
    variant: Variant,
    grid: Grid,
    channels: Range<usize>,
) -> Result<KernelCall> {
    let trips = problem.tap_trips(channels.len());
    let call = problem.call((&CONV2D, variant), grid, trips)?;
    let params = call.params.size("first_in", channels.start)?.size("last_in", channels.end)?;
    Ok(KernelCall { params, ..call })
}

/// One dispatch, or as many as keep to [`MOST_TRIPS`], each of which adds some of the input channels of a group. All but
/// the first add what the one before has left, as their residual.
fn calls<const AXES: usize>(problem: &Problem<AXES>, variant: Variant) -> Result<Vec<KernelCall>> {
    let sizes = problem.sizes;
    let grid = problem.blocks(problem.row_vec4s()?, variant)?;
    let trips = problem.tap_trips(sizes.group_in());
    if trips <= MOST_TRIPS {
        return Ok(vec![call(problem, variant, grid, 0..sizes.group_in())?]);
    }
    let of_channel = trips / sizes.group_in().max(1);
    let channels = (MOST_TRIPS / of_channel.max(1)).max(1);
    let count = sizes.group_in().div_ceil(channels);
    let mut part = *problem;
    let mut calls = Vec::new();
    for index in 0..count {
        let [first, last] = [index * channels, sizes.group_in().min((index + 1) * channels)];
        if index > 0 {
            (part.bias, part.residual) = (Operand::Absent, part.out);
        }
        // They take turns so that the last one writes the output.
        let turn = (count - index).is_multiple_of(2);
        part.out = if turn { Operand::Scratch(problem.scratch) } else { problem.out };
        let ends = index + 1 == count;
        part.sizes.activation = if ends { sizes.activation } else { Activation::None };
        calls.push(call(&part, variant, grid, first..last)?);
    }
    Ok(calls)
}

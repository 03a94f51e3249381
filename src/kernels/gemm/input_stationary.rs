//! The matrix product of software adapters that holds its inputs (`shaders/software/input_stationary.wgsl`): four pixels in each of
//! eight lanes, past which the output channels go with their weights as they lie in the tensor.

use crate::error::ShapeError;
use crate::kernels::call::{KernelCall, Operand, VEC4, nested};
use crate::kernels::candidate::{Candidate, Requires};
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::shaders::Variant;
use crate::shaders::software::INPUT_STATIONARY;
use crate::shape::product;

type Result<T> = std::result::Result<T, ShapeError>;

/// The variants for planes of whole `vec4`s and of any.
type Planes = [Variant; 2];

const POINTWISE: Planes = [INPUT_STATIONARY.variant("aligned"), INPUT_STATIONARY.variant("")];
pub const WINDOWS: Planes =
    [INPUT_STATIONARY.variant("window,aligned"), INPUT_STATIONARY.variant("window")];

/// Inputs of each pixel that stay in registers (`TERMS` in the shader).
const BLOCK: usize = 64;

/// Output channels that one invocation goes through with them: fewer, or more where there are workgroups enough without.
const CHANNELS: [usize; 2] = [128, 256];

/// Workgroups that are enough for the processors that play a GPU.
const ENOUGH: usize = 24;

/// Inputs that a lane reads the weights of at once.
const EIGHT: usize = 8;

/// Whether the kernels can carry out a product of this reduction length.
pub fn supports(k: usize) -> bool {
    k.is_multiple_of(EIGHT)
}

/// Whether windows are worth holding, for this reduction length and so many output channels of a group: few channels are
/// not worth the reading, and zeros behind the last input cost what inputs cost.
pub fn is_profitable(k: usize, channels: usize) -> bool {
    supports(k) && channels >= CHANNELS[0] / 2 && k.next_multiple_of(BLOCK) * 3 <= k * 4
}

/// Output channels of an invocation.
fn channels(problem: &Problem) -> Result<usize> {
    let [fewer, more] = CHANNELS;
    let workgroups = problem.subgroups(problem.plane_vec4s()?, more)?;
    Ok(if workgroups >= ENOUGH { more } else { fewer })
}

/// The call of a variant. For every 64 inputs an invocation fetches and reads them, four at a time, and goes
/// through its output channels, whose values it may store one by one.
fn kernel_call(problem: &Problem, variant: Variant) -> Result<KernelCall> {
    let channels = channels(problem)?;
    let blocks = problem.sizes.k().div_ceil(BLOCK);
    let trips = nested(&[blocks, BLOCK / 4 + BLOCK / 4 + channels]).saturating_add(channels * VEC4);
    let grid = problem.subgroup_grid(problem.plane_vec4s()?, channels)?;
    let call = problem.call((&INPUT_STATIONARY, variant), grid, trips)?;
    Ok(KernelCall { params: call.params.size("block_channels", channels)?, ..call })
}

/// The candidate of two variants. That for any plane keeps its sums in a scratch buffer.
pub fn candidate_of(
    problem: &Problem,
    [aligned, scalar]: Planes,
    rank: i32,
    reason: &'static str,
) -> Result<Candidate> {
    let whole = problem.pixels()?.is_multiple_of(VEC4);
    let mut call = kernel_call(problem, if whole { aligned } else { scalar })?;
    let mut scratch = Vec::new();
    if !whole {
        let sizes = &problem.sizes;
        let sums = [sizes.batch, sizes.out_channels, problem.plane_vec4s()?, VEC4];
        scratch.push(product("the sums", &sums)?);
        call.bindings.push(("sums", Operand::Scratch(problem.scratch)));
    }
    let candidate = Candidate::new(call, rank, reason).requiring(Requires::SOFTWARE_SUBGROUPS);
    Ok(Candidate { scratch, ..candidate })
}

/// The candidate for a 1x1 convolution; its x may have to be gathered.
pub fn candidate(problem: &Problem) -> Result<Candidate> {
    candidate_of(problem, POINTWISE, rank::INPUT_STATIONARY, "GEMM, input-stationary")
}

/// The product alone, of planes of whole `vec4`s.
pub fn call(problem: &Problem) -> Result<KernelCall> {
    kernel_call(problem, POINTWISE[0])
}

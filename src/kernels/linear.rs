//! Products with a weight along the last dimension.

use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, MOST_TRIPS, Operand, Params, VEC4};
use crate::kernels::candidate::{Candidate, GENERAL, Requires};
use crate::kernels::gemm::{cooperative, tiles};
use crate::kernels::problem::Problem;
use crate::kernels::rank;
use crate::ops::Linear;
use crate::ops::conv2d::Geometry;
use crate::ops::linear::Sizes;
use crate::shaders::Variant;
use crate::shaders::gemm::LINEAR;
use crate::shape::{Shape, Window, product};

/// Lanes that share a sum in `linear[workgroup]`.
const LANES: usize = 64;

/// A tile of features for each four rows of x: an invocation or a workgroup each.
fn blocks(sizes: &Sizes, variant: Variant) -> Result<usize, ShapeError> {
    let features = variant.get("T").map_or(1, |features| features as usize);
    product("the grid", &[sizes.rows.div_ceil(VEC4), sizes.out_features.div_ceil(features)])
}

/// The candidates of the operator.
pub fn candidates(op: &Linear, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let sizes = op.checked(inputs)?;
    let bias = if op.bias { Operand::Input(2) } else { Operand::Absent };
    let params = Params::sizes(&[
        ("rows", sizes.rows),
        ("in_features", sizes.in_features),
        ("out_features", sizes.out_features),
        ("has_bias", usize::from(op.bias)),
        ("activation", op.activation.code()),
    ])?;
    let call = |variant, grid, lanes| KernelCall {
        kernel: &LINEAR,
        variant,
        params: params.clone(),
        bindings: vec![
            ("x", Operand::Input(0)),
            ("weight", Operand::Input(1)),
            ("bias", bias),
            ("out", Operand::Output),
        ],
        grid,
        trips: sizes.in_features.div_ceil(lanes),
    };
    let [wide, narrow] = const { [LINEAR.variant("T=8"), LINEAR.variant("T=2")] };
    let mut candidates = Vec::new();
    for (variant, rank, reason) in
        [(narrow, GENERAL, "general"), (wide, rank::DIRECT, "a wider tile")]
    {
        let call = call(variant, Grid::Invocations(blocks(&sizes, variant)?), 1);
        candidates.push(Candidate::new(call, rank, reason));
    }
    // With few rows the general kernel leaves most of a GPU idle, and sums are long enough to share. The longest
    // ones have to be shared whatever the rows.
    let few = sizes.rows <= VEC4 && sizes.in_features >= LANES;
    if few || sizes.in_features > MOST_TRIPS {
        let variant = const { LINEAR.variant("T=4,workgroup") };
        let call = call(variant, Grid::Workgroups(blocks(&sizes, variant)?), LANES);
        let candidate = Candidate::new(call, rank::LINEAR_SHARED, "64 lanes share a sum");
        candidates.push(candidate.requiring(Requires::GPU));
    }
    // A row of x is a sample of one pixel.
    let pixel = Geometry {
        batch: sizes.rows,
        in_channels: sizes.in_features,
        input: [1, 1],
        out_channels: sizes.out_features,
        output: [1, 1],
        window: Window::new([1, 1]),
        groups: 1,
        activation: op.activation,
    };
    let problem = Problem { bias, ..Problem::new(pixel, Operand::Input(1)) };
    candidates.extend(tiles::candidates(&problem)?);
    candidates.extend(cooperative::candidates(&problem)?);
    Ok(candidates)
}

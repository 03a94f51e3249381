//! Averages of bilinear samples in the bins of boxes.

use super::call::{Grid, KernelCall, Operand, Params, nested};
use super::candidate::Candidate;
use crate::error::ShapeError;
use crate::ops::RoiAlign;
use crate::shaders::reduce::ROI_ALIGN;
use crate::shape::{Shape, product};

/// Channels that an invocation computes (`T` in the shader).
const CHANNELS: usize = 8;

/// The candidates of the operator.
pub fn candidates(op: &RoiAlign, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
    let ([batch, channels, height, width], boxes) = op.checked(inputs)?;
    // Samples along an axis of a bin that can lie on the map: where their number follows from the box they are more than half
    // a pixel apart. A few more, as coordinates are rounded.
    let most = |size| match op.sampling_ratio {
        0 => Ok(product("samples", &[2, size])?.saturating_add(8)),
        samples => Ok::<_, ShapeError>(samples),
    };
    let [rows, columns] = [most(height)?, most(width)?];
    let [out_height, out_width] = op.output_size;
    let grid = [boxes, channels.div_ceil(CHANNELS), out_height, out_width];
    let params = Params::sizes(&[
        ("batch", batch),
        ("channels", channels),
        ("boxes", boxes),
        ("most_rows", rows),
        ("most_columns", columns),
        ("sampling_ratio", op.sampling_ratio),
        ("is_aligned", usize::from(op.aligned)),
    ])?;
    Ok(vec![Candidate::general(KernelCall {
        kernel: &ROI_ALIGN,
        variant: ROI_ALIGN.variants[0],
        params: params
            .axes([height, width], op.output_size)?
            .float("spatial_scale", op.spatial_scale),
        bindings: vec![
            ("x", Operand::Input(0)),
            ("rois", Operand::Input(1)),
            ("out", Operand::Output),
        ],
        grid: Grid::Invocations(product("the grid", &grid)?),
        trips: nested(&[rows, columns]),
    })])
}

//! Dynamic convolution: the weights of each sample are mixed into a scratch buffer, then convolved with.

use super::conv::select;
use crate::error::ShapeError;
use crate::kernels::call::{Grid, KernelCall, Operand, Params};
use crate::kernels::candidate::Candidate;
use crate::kernels::problem::{Problem, Weights};
use crate::ops::Op;
use crate::ops::dynamic_conv2d::{Checked, DynamicConv};
use crate::shaders::conv::DYNAMIC_CONV2D;
use crate::shape::{Shape, product};

type Result<T> = std::result::Result<T, ShapeError>;

/// Values of a mixed weight that one workgroup of the shader handles for each sample of its tile.
const RUN: usize = 256;

/// Mixes the bank of input `bank`, kernels of `elements` values each, into a scratch buffer.
fn mix<const AXES: usize>(
    sizes: &Checked<AXES>,
    bank: usize,
    elements: usize,
    scratch: usize,
) -> Result<KernelCall> {
    let batch = sizes.geometry.batch;
    // Samples share what is read from the bank; a single one would waste the rest of a wide tile.
    let [wide, narrow] = const { [DYNAMIC_CONV2D.variant("S=4"), DYNAMIC_CONV2D.variant("S=1")] };
    let variant = if batch > 1 { wide } else { narrow };
    let samples = variant.get("S").map_or(1, |samples| samples as usize);
    let runs = elements.div_ceil(RUN);
    Ok(KernelCall {
        kernel: &DYNAMIC_CONV2D,
        variant,
        params: Params::sizes(&[
            ("batch", batch),
            ("kernels", sizes.kernels),
            ("elements", elements),
        ])?,
        bindings: vec![
            ("attention", Operand::Input(1)),
            ("bank", Operand::Input(bank)),
            ("out", Operand::Scratch(scratch)),
        ],
        grid: Grid::Workgroups(product("the grid", &[batch.div_ceil(samples), runs])?),
        trips: sizes.kernels,
    })
}

/// The candidates of the operator: those of the convolution.
pub fn candidates(op: &DynamicConv<2>, inputs: &[&Shape]) -> Result<Vec<Candidate>> {
    of_samples(op, inputs, select::of_problem)
}

/// What mixes the weights, with each of the candidates of a convolution of images or volumes.
pub(super) fn of_samples<const AXES: usize>(
    op: &DynamicConv<AXES>,
    inputs: &[&Shape],
    of_problem: impl Fn(&Problem<AXES>) -> Result<Vec<Candidate>>,
) -> Result<Vec<Candidate>> {
    let sizes = op.checked(inputs)?;
    let [batch, out_channels] = [sizes.geometry.batch, sizes.geometry.out_channels];
    let mut scratch = vec![product("the mixed weights", &[batch, sizes.weight_elements])?];
    let mut mixes = vec![mix(&sizes, 2, sizes.weight_elements, 0)?];
    let mut problem = Problem::new(sizes.geometry, Operand::Scratch(0));
    problem.weights = Weights::PerSample;
    if op.conv.bias {
        scratch.push(product("the mixed biases", &[batch, out_channels])?);
        mixes.push(mix(&sizes, 3, out_channels, 1)?);
        problem.bias = Operand::Scratch(1);
    }
    problem.scratch = scratch.len();
    let candidate = |conv: Candidate| Candidate {
        name: format!("{}+{}", op.name(), conv.name),
        scratch: [&scratch[..], &conv.scratch].concat(),
        calls: [&mixes[..], &conv.calls].concat(),
        // The weights are mixed anew in each run.
        prepack: 0,
        ..conv
    };
    Ok(of_problem(&problem)?.into_iter().map(candidate).collect())
}

//! A linear layer: a product with a weight along the last dimension.
//!
//! x `[*, I]`, weight `[O, I]`, bias `[O]` -> `[*, O]` where `*` is any number of dimensions, none
//! included: `y[.., o] = bias[o] + sum_i x[.., i] * weight[o, i]`.
//! Definition: `torch.nn.functional.linear`.

use super::{Activation, Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, MOST_TRIPS, Operand, Params, Tile, product};
use crate::shape::Shape;

/// Rows of x that one invocation or workgroup shares a weight among (a `vec4` in the shaders).
const ROWS: usize = 4;

/// Lanes that share a sum in `linear/reduce`.
const LANES: usize = 64;

static LINEAR: Kernel = crate::kernel!("linear", [&[("T", 8)], &[("T", 2)]]);
static REDUCE: Kernel = crate::kernel!("linear/reduce", [&[("T", 4)]]).made_for(AdapterClass::Gpu);

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&LINEAR, &REDUCE];

/// The parameters of a linear layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Linear {
    /// Whether a bias is the third input.
    pub bias: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

/// x as `[rows, in_features]`, the output as `[rows, out_features]`.
struct Sizes {
    rows: usize,
    in_features: usize,
    out_features: usize,
    output: Shape,
}

impl Linear {
    fn checked(&self, inputs: &[&Shape]) -> Result<Sizes, ShapeError> {
        let [x, weight] = required(self, inputs)?;
        let Some((&in_features, leading)) = x.dims().split_last() else {
            return Err(ShapeError::Rank { tensor: "x", expected: "[*, I]", found: x.clone() });
        };
        x.not_empty("x")?;
        let [out_features, _] = weight.array("weight", "[O, I]")?;
        weight.expect("weight", 1, "input features", in_features, || format!("x is {x}"))?;
        if let Some(bias) = inputs.get(2) {
            bias.array::<1>("bias", "[O]")?;
            bias.expect("bias", 0, "output features", out_features, || {
                format!("weight is {weight}")
            })?;
        }
        let output = Shape::new([leading, &[out_features]].concat());
        output.elements()?;
        Ok(Sizes { rows: leading.iter().product(), in_features, out_features, output })
    }
}

impl Sizes {
    /// A tile of features for each block of rows: an invocation or a workgroup each.
    fn blocks(&self, tile: Tile) -> Result<usize, ShapeError> {
        let features = tile.iter().map(|&(_, size)| size as usize).product();
        product("the grid", &[self.rows.div_ceil(ROWS), self.out_features.div_ceil(features)])
    }
}

impl Op for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.output)
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Sizes { in_features, output, .. } = self.checked(inputs)?;
        let per_output = 2 * in_features as u64 + u64::from(self.bias) + self.activation.flops();
        Ok(per_output.saturating_mul(output.elements()? as u64))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Sizes { rows, in_features, out_features, .. } = self.checked(inputs)?;
        Ok((rows as u64).saturating_mul(in_features as u64).saturating_mul(out_features as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        if inputs.first().is_some_and(|x| x.rank() > 1) {
            (0..inputs.len()).map(|input| input == 0).collect()
        } else {
            Vec::new()
        }
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let sizes = self.checked(inputs)?;
        let bias = if self.bias { Operand::Input(2) } else { Operand::Absent };
        let params = Params::sizes(&[
            ("rows", sizes.rows),
            ("in_features", sizes.in_features),
            ("out_features", sizes.out_features),
            ("has_bias", usize::from(self.bias)),
            ("activation", self.activation.code()),
        ])?;
        let candidate = |kernel, tile, grid, lanes| {
            Candidate::single(KernelCall {
                kernel,
                tile,
                params: params.clone(),
                bindings: vec![
                    ("x", Operand::Input(0)),
                    ("weight", Operand::Input(1)),
                    ("bias", bias),
                    ("out", Operand::Output),
                ],
                grid,
                trips: sizes.in_features.div_ceil(lanes),
            })
        };
        let [wide, narrow] = [LINEAR.tiles[0], LINEAR.tiles[1]];
        let mut candidates = Vec::new();
        for tile in [narrow, wide] {
            candidates.push(candidate(&LINEAR, tile, Grid::Invocations(sizes.blocks(tile)?), 1));
        }
        // With few rows the general kernel leaves most of a GPU idle, and sums are long enough to share. The longest
        // ones have to be shared whatever the rows.
        let few = sizes.rows <= ROWS && sizes.in_features >= LANES;
        if few || sizes.in_features > MOST_TRIPS {
            let tile = REDUCE.tiles[0];
            let grid = Grid::Workgroups(sizes.blocks(tile)?);
            candidates.push(candidate(&REDUCE, tile, grid, LANES));
        }
        Ok(candidates)
    }
}

//! Dynamic convolution: a convolution whose weight is mixed from a bank of weights for each sample.
//!
//! x `[N, Ci, H, W]`, attention `[N, K]`, weight `[K, Co, Ci/groups, Kh, Kw]`, bias `[K, Co]`
//! -> `[N, Co, H', W']` with H', W' of [`Window::output_size`](crate::shape::Window::output_size).
//! Sample n is convolved with `sum_k attention[n,k] * weight[k]` and shifted by
//! `sum_k attention[n,k] * bias[k]`; the attention is taken as it is, whatever its sign or sum.
//! Definition: Chen et al., "Dynamic Convolution: Attention over Convolution Kernels", CVPR 2020.

use super::conv2d::{Geometry, Weights};
use super::{Candidate, Conv2d, Op, required};
use crate::error::ShapeError;
use crate::kernel::{Grid, Kernel, KernelCall, Operand, Params, product};
use crate::shape::Shape;

/// Values of a mixed weight that one workgroup of the shader handles for each sample of its tile.
const RUN: usize = 256;

static DYNAMIC_CONV2D: Kernel = crate::kernel!("dynamic_conv2d", [&[("S", 4)], &[("S", 1)]]);

/// Shaders of this operator; those of [`Conv2d`] do the rest.
pub const KERNELS: &[&Kernel] = &[&DYNAMIC_CONV2D];

/// The parameters of a dynamic convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DynamicConv2d {
    /// The convolution of each sample; its `bias` says whether a bank of biases is the fourth input.
    pub conv: Conv2d,
}

/// The sizes of a dynamic convolution, checked.
struct Checked {
    geometry: Geometry,
    /// Weights in the bank.
    kernels: usize,
    /// Elements of one of them.
    weight_elements: usize,
}

impl DynamicConv2d {
    fn checked(&self, inputs: &[&Shape]) -> Result<Checked, ShapeError> {
        let [x, attention, weight] = required(self, inputs)?;
        if self.conv.residual {
            let (parameter, must) = ("residual", "false in a dynamic convolution");
            return Err(ShapeError::Parameter { parameter, must, value: "true".to_owned() });
        }
        let [kernels, out, group_in, height, width] =
            weight.array("weight", "[K, Co, Ci/groups, Kh, Kw]")?;
        let dims = [out, group_in, height, width];
        let geometry = self.conv.geometry(x, dims, weight)?;
        attention.array::<2>("attention", "[N, K]")?;
        attention.expect("attention", 0, "batch", geometry.batch, || format!("x is {x}"))?;
        attention.expect("attention", 1, "kernels", kernels, || format!("weight is {weight}"))?;
        if let Some(bias) = inputs.get(3) {
            bias.array::<2>("bias", "[K, Co]")?;
            bias.expect("bias", 0, "kernels", kernels, || format!("weight is {weight}"))?;
            bias.expect("bias", 1, "output channels", out, || format!("weight is {weight}"))?;
        }
        Ok(Checked { geometry, kernels, weight_elements: product("weight", &dims)? })
    }
}

impl Checked {
    /// Mixes the bank of input `bank`, kernels of `elements` values each, into a scratch buffer.
    fn mix(&self, bank: usize, elements: usize, scratch: usize) -> Result<KernelCall, ShapeError> {
        let batch = self.geometry.batch;
        // Samples share what is read from the bank; a single one would waste the rest of a wide tile.
        let [wide, narrow] = [DYNAMIC_CONV2D.tiles[0], DYNAMIC_CONV2D.tiles[1]];
        let tile = if batch > 1 { wide } else { narrow };
        let samples = tile.iter().map(|&(_, size)| size as usize).product();
        let runs = elements.div_ceil(RUN);
        Ok(KernelCall {
            kernel: &DYNAMIC_CONV2D,
            tile,
            params: Params::sizes(&[
                ("batch", batch),
                ("kernels", self.kernels),
                ("elements", elements),
            ])?,
            bindings: vec![
                ("attention", Operand::Input(1)),
                ("bank", Operand::Input(bank)),
                ("out", Operand::Scratch(scratch)),
            ],
            grid: Grid::Workgroups(product("the grid", &[batch.div_ceil(samples), runs])?),
            trips: self.kernels,
        })
    }
}

impl Op for DynamicConv2d {
    fn name(&self) -> &'static str {
        "dynamic_conv2d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "attention", "weight"];
        inputs.extend(self.conv.bias.then_some("bias"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.geometry.output_shape())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { geometry, kernels, weight_elements } = self.checked(inputs)?;
        let biases = if self.conv.bias { geometry.out_channels } else { 0 };
        let mixed = product("the mixed weights", &[geometry.batch, weight_elements + biases])?;
        let mixing = (2 * kernels as u64).saturating_mul(mixed as u64);
        Ok(geometry.flops(u64::from(self.conv.bias))?.saturating_add(mixing))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { geometry, kernels, weight_elements } = self.checked(inputs)?;
        let mixing = product("the mixed weights", &[geometry.batch, weight_elements, kernels])?;
        Ok(geometry.macs()?.saturating_add(mixing as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let checked = self.checked(inputs)?;
        let Geometry { batch, out_channels, .. } = checked.geometry;
        let mut scratch = vec![product("the mixed weights", &[batch, checked.weight_elements])?];
        let mut mixes = vec![checked.mix(2, checked.weight_elements, 0)?];
        let mut bias = Operand::Absent;
        if self.conv.bias {
            scratch.push(product("the mixed biases", &[batch, out_channels])?);
            mixes.push(checked.mix(3, out_channels, 1)?);
            bias = Operand::Scratch(1);
        }
        let ways = checked.geometry.ways(
            Operand::Scratch(0),
            [bias, Operand::Absent],
            Weights::PerSample,
            scratch.len(),
        )?;
        let candidate = |way: Candidate| Candidate {
            name: format!("dynamic_conv2d+{}", way.name),
            scratch: scratch.iter().copied().chain(way.scratch).collect(),
            calls: mixes.iter().cloned().chain(way.calls).collect(),
            // The weights are mixed anew in each run.
            once: 0,
        };
        Ok(ways.into_iter().map(candidate).collect())
    }
}

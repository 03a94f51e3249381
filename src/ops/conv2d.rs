//! Two-dimensional convolution (cross-correlation, as every deep-learning framework defines it).
//!
//! x `[N, Ci, H, W]`, weight `[Co, Ci/groups, Kh, Kw]`, bias `[Co]` -> `[N, Co, H', W']` with H', W' of
//! [`Window::output_size`]. Output channel o belongs to group o / (Co/groups) and reads the input channels
//! of that group alone; groups = Ci is a depthwise convolution with channel multiplier Co/Ci. The padding is
//! zeros and takes part in the sum: a weight that is NaN or infinite spoils what it multiplies with them, too.
//! Definition: `torch.nn.functional.conv2d`.

use super::{Activation, Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, Tile, product};
use crate::shape::{Padding, Shape, Window, divide};

/// Pixels of an output row that one invocation computes (a `vec4` in the shaders).
pub(crate) const PIXELS: usize = 4;

static CONV2D: Kernel = crate::kernel!("conv2d", [&[("T", 8)], &[("T", 2)]]);
static DEPTHWISE: Kernel = crate::kernel!("conv2d/depthwise", [&[]]);
static SUBGROUP: Kernel = crate::kernel!("conv2d/subgroup", [&[]]).made_for(AdapterClass::Software).with_subgroups();
static POINTWISE_SUBGROUP: Kernel =
    crate::kernel!("conv2d/pointwise_subgroup", [&[]]).made_for(AdapterClass::Software).with_subgroups();
static POINTWISE_QUADS: Kernel =
    crate::kernel!("conv2d/pointwise_quads", [&[]]).made_for(AdapterClass::Software).with_subgroups();
static POINTWISE: Kernel = crate::kernel!("conv2d/pointwise", [&[("T", 8)], &[("T", 16)]]);

/// Lanes and output channels of the tile in `shaders/common/subgroup_tile.wgsl`.
const SUBGROUP_LANES: usize = 8;
const SUBGROUP_CHANNELS: usize = 32;

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = 
    &[&CONV2D, &SUBGROUP, &DEPTHWISE, &POINTWISE, &POINTWISE_SUBGROUP, &POINTWISE_QUADS];

/// The parameters of a convolution; the kernel size is that of the weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Distance between two output pixels, in input pixels: height, width.
    pub stride: [usize; 2],
    /// Zeros around the input.
    pub padding: Padding,
    /// Distance between two taps, in input pixels: height, width.
    pub dilation: [usize; 2],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether a bias is the third input.
    pub bias: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl Default for Conv2d {
    fn default() -> Self {
        Conv2d {
            stride: [1, 1],
            padding: Padding::default(),
            dilation: [1, 1],
            groups: 1,
            bias: false,
            activation: Activation::None,
        }
    }
}

/// The sizes of a convolution, checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub batch: usize,
    pub in_channels: usize,
    pub input: [usize; 2],
    pub out_channels: usize,
    pub output: [usize; 2],
    pub window: Window,
    pub groups: usize,
    pub activation: Activation,
}

/// Whether each sample has a weight and a bias of its own (dynamic convolution) or all share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weights {
    Shared,
    PerSample,
}

impl Conv2d {
    /// Checks the input `x` and one weight of `[Co, Ci/groups, Kh, Kw]`; `shape` is the weight's
    /// whole shape for messages, its last four dimensions those of `weight`.
    pub(crate) fn geometry(
        &self,
        x: &Shape,
        weight: [usize; 4],
        shape: &Shape,
    ) -> Result<Geometry, ShapeError> {
        let [batch, in_channels, height, width] = x.nchw("x")?;
        let [out_channels, _, kernel_height, kernel_width] = weight;
        let group_channels = divide("channels of x", in_channels, "groups", self.groups)?;
        divide("output channels of weight", out_channels, "groups", self.groups)?;
        shape.expect("weight", shape.rank() - 3, "input channels per group", group_channels, || {
            format!("x {x} has {in_channels} channels in {} groups", self.groups)
        })?;
        let window = Window {
            kernel_size: [kernel_height, kernel_width],
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
        };
        Ok(Geometry {
            batch,
            in_channels,
            input: [height, width],
            out_channels,
            output: window.output_size([height, width])?,
            window,
            groups: self.groups,
            activation: self.activation,
        })
    }

    fn checked(&self, inputs: &[&Shape]) -> Result<Geometry, ShapeError> {
        let [x, weight] = required(self, inputs)?;
        let dims = weight.array("weight", "[Co, Ci/groups, Kh, Kw]")?;
        let geometry = self.geometry(x, dims, weight)?;
        if let Some(bias) = inputs.get(2) {
            bias.array::<1>("bias", "[Co]")?;
            bias.expect("bias", 0, "output channels", geometry.out_channels, || {
                format!("weight is {weight}")
            })?;
        }
        Ok(geometry)
    }
}

impl Geometry {
    pub fn output_shape(&self) -> Shape {
        Shape::from([self.batch, self.out_channels, self.output[0], self.output[1]])
    }

    /// Multiply-adds that make up one output value.
    pub fn terms(&self) -> usize {
        (self.in_channels / self.groups).saturating_mul(self.window.taps())
    }

    pub fn macs(&self) -> Result<u64, ShapeError> {
        let outputs = self.output_shape().elements()? as u64;
        Ok(outputs.saturating_mul(self.terms() as u64))
    }

    pub fn flops(&self, bias: bool) -> Result<u64, ShapeError> {
        let outputs = self.output_shape().elements()? as u64;
        let per_output = 2 * self.terms() as u64 + u64::from(bias) + self.activation.flops();
        Ok(outputs.saturating_mul(per_output))
    }

    fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Every kernel that can carry this out, the general one first, the preferred one last.
    pub fn calls(
        &self,
        x: Operand,
        weight: Operand,
        bias: Operand,
        weights: Weights,
    ) -> Result<Vec<KernelCall>, ShapeError> {
        let call = |kernel, tile, grid| {
            Ok(KernelCall {
                kernel,
                tile,
                params: self.params(bias, weights)?,
                bindings: vec![("x", x), ("weight", weight), ("bias", bias), ("out", Operand::Output)],
                grid: Grid::Invocations(grid),
            })
        };
        let pixels = product("the grid", &[self.output[0], self.output[1]])?;
        let rows = product("the grid", &[self.output[0], self.output[1].div_ceil(PIXELS)])?;
        // A wide tile shares each input value among more outputs; a narrow one wastes less on small groups.
        let [wide, narrow] = [CONV2D.tiles[0], CONV2D.tiles[1]];
        let tiles = if self.group_out() > 2 { [narrow, wide] } else { [wide, narrow] };
        let mut calls = Vec::new();
        for tile in tiles {
            calls.push(call(&CONV2D, tile, self.blocks(rows, tile)?)?);
        }
        if self.group_in() == 1 {
            let grid = product("the grid", &[self.batch, self.out_channels, rows])?;
            calls.push(call(&DEPTHWISE, DEPTHWISE.tiles[0], grid)?);
        }
        // Below half a tile of channels, most of what subgroups compute would be dropped.
        let subgroups = self.terms().is_multiple_of(4) && self.group_out() >= SUBGROUP_CHANNELS / 2;
        let octets = |quads: usize| {
            let blocks = self.group_out().div_ceil(SUBGROUP_CHANNELS);
            let octets = quads.div_ceil(SUBGROUP_LANES);
            product("the grid", &[self.batch, self.groups, blocks, octets, SUBGROUP_LANES])
        };
        if subgroups {
            calls.push(call(&SUBGROUP, SUBGROUP.tiles[0], octets(rows)?)?);
        }
        if self.is_pointwise() {
            let quads = pixels.div_ceil(PIXELS);
            for &tile in POINTWISE.tiles {
                calls.push(call(&POINTWISE, tile, self.blocks(quads, tile)?)?);
            }
            if subgroups {
                let kernel = &POINTWISE_SUBGROUP;
                calls.push(call(kernel, kernel.tiles[0], octets(quads)?)?);
                if pixels.is_multiple_of(4) {
                    let kernel = &POINTWISE_QUADS;
                    calls.push(call(kernel, kernel.tiles[0], octets(quads)?)?);
                }
            }
        }
        Ok(calls)
    }

    /// 1x1 without padding or stride: each output pixel reads the input pixel of the same index.
    fn is_pointwise(&self) -> bool {
        self.window.kernel_size == [1, 1]
            && self.window.stride == [1, 1]
            && self.input == self.output
    }

    /// Invocations where each computes a tile of channels of one group at one of `pixels` places.
    fn blocks(&self, pixels: usize, tile: Tile) -> Result<usize, ShapeError> {
        let channels = tile.iter().map(|&(_, size)| size as usize).product();
        let blocks = self.group_out().div_ceil(channels);
        product("the grid", &[self.batch, self.groups, blocks, pixels])
    }

    fn params(&self, bias: Operand, weights: Weights) -> Result<Params, ShapeError> {
        let weight_elements = product("weight", &[self.out_channels, self.terms()])?;
        let per_sample = |size| if weights == Weights::PerSample { size } else { 0 };
        Params::sizes(&[
            ("batch", self.batch),
            ("in_channels", self.in_channels),
            ("height", self.input[0]),
            ("width", self.input[1]),
            ("out_channels", self.out_channels),
            ("out_height", self.output[0]),
            ("out_width", self.output[1]),
            ("groups", self.groups),
            ("weight_sample_stride", per_sample(weight_elements)),
            ("bias_sample_stride", per_sample(self.out_channels)),
            ("has_bias", usize::from(bias != Operand::Absent)),
            ("activation", self.activation.code()),
        ])?
        .window(&self.window)
    }
}

impl Op for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.output_shape())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs)?.flops(self.bias)
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs)?.macs()
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input == 0).collect()
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let bias = if self.bias { Operand::Input(2) } else { Operand::Absent };
        let calls = self.checked(inputs)?.calls(
            Operand::Input(0),
            Operand::Input(1),
            bias,
            Weights::Shared,
        )?;
        Ok(calls.into_iter().map(Candidate::single).collect())
    }
}

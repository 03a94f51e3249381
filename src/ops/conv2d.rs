//! Two-dimensional convolution (cross-correlation, as every deep-learning framework defines it).
//!
//! x `[N, Ci, H, W]`, weight `[Co, Ci/groups, Kh, Kw]`, bias `[Co]`, residual `[N, Co, H', W']` ->
//! `[N, Co, H', W']` with H', W' of [`Window::output_size`]. Bias and residual are added before the activation. Output channel o belongs to group o / (Co/groups) and reads the input channels
//! of that group alone; groups = Ci is a depthwise convolution with channel multiplier Co/Ci. The padding is
//! zeros and takes part in the sum: a weight that is NaN or infinite spoils what it multiplies with them, too.
//! Where a convolution of 3x3 is carried out by Winograd's way (software adapters), what is NaN or infinite in x
//! spoils up to three pixels more on each side.
//! Definition: `torch.nn.functional.conv2d`.

use super::activation::afterwards;
use super::rows::{of_pairs, of_rows, row_tile, singles_tile};
use super::{Activation, Candidate, Op, call_name, held, long_sum, pointwise, required, winograd};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, Tile, nested, product};
use crate::shape::{Padding, Shape, Window, divide};

/// Pixels of an output row that one invocation computes (a `vec4` in the shaders).
pub(crate) const PIXELS: usize = 4;

static CONV2D: Kernel = crate::kernel!("conv2d", [&[("T", 8)], &[("T", 2)]]);
static DEPTHWISE: Kernel = crate::kernel!("conv2d/depthwise", [&[]]);
static DEPTHWISE_ROWS: Kernel = of_rows(crate::kernel!("conv2d/depthwise_rows", []));
static DEPTHWISE_SINGLES: Kernel = of_rows(crate::kernel!("conv2d/depthwise_singles", []));
static PAIRS_QUADS: Kernel = of_pairs(crate::kernel!("conv2d/pairs_quads", []));
static PAIRS_SINGLES: Kernel = of_pairs(crate::kernel!("conv2d/pairs_singles", []));
static PACK: Kernel = crate::kernel!("conv2d/pack", [&[]]).made_for(AdapterClass::Software);
static SUBGROUP: Kernel =
    crate::kernel!("conv2d/subgroup", [&[]]).made_for(AdapterClass::Software).with_subgroups();
static ROWS: Kernel =
    crate::kernel!("conv2d/rows", [&[("K", 5), ("S", 1)], &[("K", 7), ("S", 1)], &[("K", 7), ("S", 2)]])
        .made_for(AdapterClass::Software)
        .with_subgroups();
static POINTWISE: Kernel = crate::kernel!("conv2d/pointwise", [&[("T", 8)], &[("T", 16)]]);

/// Lanes and output channels of the tile in `shaders/common/subgroup_tile.wgsl`.
pub(super) const SUBGROUP_LANES: usize = 8;
pub(super) const SUBGROUP_CHANNELS: usize = 32;

/// Output channels of the tile in `shaders/common/row_pairs.wgsl`.
const PAIRS_CHANNELS: usize = 8;

/// Output rows that a lane of `conv2d/depthwise_rows` computes, at most (`STRIP` in the shader).
const STRIP: usize = 32;

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[
    &CONV2D,
    &PACK,
    &pointwise::GATHER,
    &SUBGROUP,
    &ROWS,
    &PAIRS_QUADS,
    &PAIRS_SINGLES,
    &DEPTHWISE,
    &DEPTHWISE_ROWS,
    &DEPTHWISE_SINGLES,
    &POINTWISE,
    &pointwise::SINGLES,
    &pointwise::QUADS,
    &held::SINGLES,
    &held::QUADS,
    &held::WINDOWS_SINGLES,
    &held::WINDOWS_QUADS,
    &winograd::WEIGHTS,
    &winograd::INPUT,
    &winograd::OUTPUT,
    &winograd::INPUT_SINGLES,
    &winograd::OUTPUT_SINGLES,
];

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
    /// Whether a tensor of the output's shape is the last input, added before the activation: the end of a
    /// residual block.
    pub residual: bool,
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
            residual: false,
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
        if self.bias && let Some(bias) = inputs.get(2) {
            bias.array::<1>("bias", "[Co]")?;
            bias.expect("bias", 0, "output channels", geometry.out_channels, || {
                format!("weight is {weight}")
            })?;
        }
        if self.residual && let Some(residual) = inputs.last() {
            residual.nchw("residual")?;
            let output = geometry.output_shape();
            let names = ["batch", "output channels", "output height", "output width"];
            for (axis, (name, &size)) in names.into_iter().zip(output.dims()).enumerate() {
                residual.expect("residual", axis, name, size, || format!("the output is {output}"))?;
            }
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

    /// `added` tensors are added to the sums: a bias, a residual.
    pub fn flops(&self, added: u64) -> Result<u64, ShapeError> {
        let outputs = self.output_shape().elements()? as u64;
        let per_output = 2 * self.terms() as u64 + added + self.activation.flops();
        Ok(outputs.saturating_mul(per_output))
    }

    fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }

    pub(super) fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }

    /// Every way to carry this out on the input 0, the general one first, the preferred one last. Scratch
    /// buffers are counted from `scratch` on.
    pub fn ways(
        &self,
        weight: Operand,
        [bias, residual]: [Operand; 2],
        weights: Weights,
        scratch: usize,
    ) -> Result<Vec<Candidate>, ShapeError> {
        let params = self.params(bias, residual, weights)?;
        let call = |kernel, tile, x, weight, grid, trips| KernelCall {
            kernel,
            tile,
            params: params.clone(),
            bindings: vec![
                ("x", x),
                ("weight", weight),
                ("bias", bias),
                ("residual", residual),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(grid),
            trips,
        };
        let x = Operand::Input(0);
        let single = |kernel, tile, grid, trips| {
            Candidate::single(call(kernel, tile, x, weight, grid, trips))
        };
        let pixels = product("the grid", &[self.output[0], self.output[1]])?;
        let rows = product("the grid", &[self.output[0], self.output[1].div_ceil(PIXELS)])?;
        // A wide tile shares each input value among more outputs; a narrow one wastes less on small groups.
        let [wide, narrow] = [CONV2D.tiles[0], CONV2D.tiles[1]];
        let tiles = if self.group_out() > 2 { [narrow, wide] } else { [wide, narrow] };
        let mut ways = Vec::new();
        for tile in tiles {
            let [kernel_height, kernel_width] = self.window.kernel_size;
            let trips = nested(&[self.group_in(), kernel_height, kernel_width]);
            let whole = single(&CONV2D, tile, self.blocks(rows, tile)?, trips);
            let sums = self.output_shape().elements()?;
            ways.push(long_sum::split(whole, self.group_in(), [scratch, sums]));
        }
        if self.group_in() == 1 {
            let grid = product("the grid", &[self.batch, self.out_channels, rows])?;
            let trips = nested(&self.window.kernel_size);
            ways.push(single(&DEPTHWISE, DEPTHWISE.tiles[0], grid, trips));
            if let Some((kernel, tile)) = self.square_tile([&DEPTHWISE_ROWS, &DEPTHWISE_SINGLES]) {
                let strips = self.output[0].div_ceil(STRIP);
                let columns = self.output[1].div_ceil(PIXELS);
                let grid = [self.batch, self.out_channels, strips, columns];
                let rows = STRIP + self.window.kernel_size[0];
                ways.push(single(kernel, tile, product("the grid", &grid)?, rows));
            }
        }
        let quads = pixels.div_ceil(PIXELS);
        if self.is_pointwise() && self.window.stride == [1, 1] {
            let [narrow, wide] = [POINTWISE.tiles[0], POINTWISE.tiles[1]];
            for tile in if self.group_out() > 8 { [narrow, wide] } else { [wide, narrow] } {
                ways.push(single(&POINTWISE, tile, self.blocks(quads, tile)?, self.group_in()));
            }
        }
        // Below half a tile of channels, most of what subgroups compute would be dropped.
        let fills = self.group_out() >= SUBGROUP_CHANNELS / 2;
        let packed = Operand::Scratch(scratch);
        let pack = self.pack(weight, packed, weights)?;
        let tiled = |kernel: &'static Kernel, tile, quads, trips| {
            let grid = self.octets(quads, weights, SUBGROUP_CHANNELS)?;
            // Each value of the tile may be stored by itself.
            let trips = nested(&[SUBGROUP_CHANNELS, PIXELS]).saturating_add(trips);
            let call = call(kernel, tile, x, packed, grid, trips);
            Ok(Candidate {
                name: call_name(&call),
                scratch: vec![self.packed_elements(weights)?],
                calls: vec![pack.clone(), call],
                once: 1,
            })
        };
        if fills && self.terms().is_multiple_of(2) {
            ways.push(tiled(&SUBGROUP, SUBGROUP.tiles[0], rows, self.terms() / 2)?);
        }
        if let Some(tile) = self.row_tile().filter(|_| fills) {
            ways.push(tiled(&ROWS, tile, rows, nested(&[self.group_in(), self.window.kernel_size[0]]))?);
        }
        let held = |kernel: &'static Kernel, grid, trips| {
            KernelCall { grid, ..call(kernel, kernel.tiles[0], x, weight, 0, trips) }
        };
        if fills && self.is_pointwise() {
            let tiled = |kernel: &'static Kernel| {
                tiled(kernel, kernel.tiles[0], quads, pointwise::trips(self.terms()))
            };
            ways.extend(pointwise::ways(self, weights, scratch, tiled, held)?);
        }
        let square = self.square_tile([&PAIRS_QUADS, &PAIRS_SINGLES]);
        if let Some((kernel, tile)) = square.filter(|_| self.group_in() > 1) {
            let blocks = self.group_out().div_ceil(PAIRS_CHANNELS);
            let columns = self.output[1].div_ceil(PIXELS);
            let octets = product("the grid", &[self.output[0].div_ceil(2), columns])?
                .div_ceil(SUBGROUP_LANES);
            let grid = [self.batch, self.groups, blocks, octets, SUBGROUP_LANES];
            // Five rows of x for each channel, in two halves each where the window moves by two.
            let halves = if self.window.stride[1] == 2 { 2 * 5 } else { 0 };
            let trips = nested(&[self.group_in(), halves]).saturating_add(PAIRS_CHANNELS);
            ways.push(single(kernel, tile, product("the grid", &grid)?, trips));
        }
        if fills && !self.is_pointwise() && held::suits(self) {
            let kernels = [&held::WINDOWS_QUADS, &held::WINDOWS_SINGLES];
            let way = held::way(self, kernels, weights, scratch, held)?;
            // Where it does not pay, all but the general one are preferred to it.
            let pays = held::pays(self.terms(), self.group_out());
            ways.insert(if pays { ways.len() } else { 1 }, way);
        }
        ways.extend(winograd::way(self, weight, [bias, residual], weights, scratch)?);
        afterwards(ways, self.activation, &self.output_shape(), scratch)
    }

    /// 1x1 without padding: each output pixel reads one input pixel.
    fn is_pointwise(&self) -> bool {
        let unpadded = self.window.resolve_padding() == Ok([[0, 0], [0, 0]]);
        self.window.kernel_size == [1, 1] && unpadded
    }

    /// The tile of `conv2d/rows` where that fits.
    fn row_tile(&self) -> Option<Tile> {
        row_tile(&ROWS, &self.window, self.input[1], self.output[1])
    }

    /// The first of these kernels, over rows of whole fours, or else the second, over any, and its tile, where
    /// that fits: what holds for rows has to hold for columns.
    fn square_tile(&self, [whole, any]: [&'static Kernel; 2]) -> Option<(&'static Kernel, Tile)> {
        let window = &self.window;
        let [[rows, taps], [down, along]] = [window.kernel_size, window.stride];
        if rows != taps || down != along || window.dilation[0] != 1 {
            return None;
        }
        let [width, out_width] = [self.input[1], self.output[1]];
        let tile = row_tile(whole, window, width, out_width).map(|tile| (whole, tile));
        tile.or_else(|| Some((any, singles_tile(any, window, width, out_width)?)))
    }

    /// Weights that are used together, and how many such sets there are.
    fn matrices(&self, weights: Weights) -> Result<usize, ShapeError> {
        let samples = if weights == Weights::PerSample { self.batch } else { 1 };
        product("weight", &[samples, self.groups])
    }

    /// Elements of the weights as `conv2d/pack` lays them out: with groups of a multiple of a tile of channels.
    fn packed_elements(&self, weights: Weights) -> Result<usize, ShapeError> {
        let channels = self.group_out().next_multiple_of(SUBGROUP_CHANNELS);
        product("the packed weights", &[self.matrices(weights)?, channels, self.terms()])
    }

    fn pack(
        &self,
        weight: Operand,
        packed: Operand,
        weights: Weights,
    ) -> Result<KernelCall, ShapeError> {
        Ok(KernelCall {
            kernel: &PACK,
            tile: PACK.tiles[0],
            params: Params::sizes(&[
                ("matrices", self.matrices(weights)?),
                ("group_out", self.group_out()),
                ("terms", self.terms()),
            ])?,
            bindings: vec![("weight", weight), ("out", packed)],
            grid: Grid::Invocations(self.packed_elements(weights)? / 4),
            trips: 0,
        })
    }

    /// Invocations where eight of them compute so many channels at eight times four of the pixels of a
    /// sample, or of all samples where these share their weights.
    pub(super) fn octets(
        &self,
        quads: usize,
        weights: Weights,
        channels: usize,
    ) -> Result<usize, ShapeError> {
        let (sets, quads) = match weights {
            Weights::Shared => (1, product("the grid", &[self.batch, quads])?),
            Weights::PerSample => (self.batch, quads),
        };
        let blocks = self.group_out().div_ceil(channels);
        let octets = quads.div_ceil(SUBGROUP_LANES);
        product("the grid", &[sets, self.groups, blocks, octets, SUBGROUP_LANES])
    }

    /// Invocations where each computes a tile of channels of one group at one of `pixels` places.
    fn blocks(&self, pixels: usize, tile: Tile) -> Result<usize, ShapeError> {
        let channels = tile.iter().map(|&(_, size)| size as usize).product();
        let blocks = self.group_out().div_ceil(channels);
        product("the grid", &[self.batch, self.groups, blocks, pixels])
    }

    /// The call of a kernel without tiles on x, weights and out, with nothing added to the sums.
    pub(super) fn plain_call(
        &self,
        kernel: &'static Kernel,
        [x, weight, out]: [Operand; 3],
        weights: Weights,
        grid: Grid,
        trips: usize,
    ) -> Result<KernelCall, ShapeError> {
        let absent = Operand::Absent;
        Ok(KernelCall {
            kernel,
            tile: kernel.tiles[0],
            params: self.params(absent, absent, weights)?,
            bindings: vec![
                ("x", x),
                ("weight", weight),
                ("bias", absent),
                ("residual", absent),
                ("out", out),
            ],
            grid,
            trips,
        })
    }

    pub(super) fn params(
        &self,
        bias: Operand,
        residual: Operand,
        weights: Weights,
    ) -> Result<Params, ShapeError> {
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
            ("first_in", 0),
            ("last_in", self.group_in()),
            ("weight_sample_stride", per_sample(weight_elements)),
            ("bias_sample_stride", per_sample(self.out_channels)),
            ("has_bias", usize::from(bias != Operand::Absent)),
            ("has_residual", usize::from(residual != Operand::Absent)),
            ("activation", self.activation.code()),
            ("held_channels", held::channels(self, weights)?),
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
        inputs.extend(self.residual.then_some("residual"));
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        Ok(self.checked(inputs)?.output_shape())
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs)?.flops(u64::from(self.bias) + u64::from(self.residual))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.checked(inputs)?.macs()
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        let residual = self.residual.then(|| inputs.len() - 1);
        (0..inputs.len()).map(|input| input == 0 || Some(input) == residual).collect()
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let at = |given: bool, index| if given { Operand::Input(index) } else { Operand::Absent };
        let bias = at(self.bias, 2);
        let residual = at(self.residual, 2 + usize::from(self.bias));
        self.checked(inputs)?.ways(Operand::Input(1), [bias, residual], Weights::Shared, 0)
    }
}

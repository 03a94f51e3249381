//! Involution: a convolution whose kernel belongs to the pixel and is shared by a group of channels.
//!
//! x `[N, C, H, W]`, kernel `[N, G*Kh*Kw, H', W']`, scale `[C]`, shift `[C]` -> `[N, C, H', W']` with H', W' of
//! [`Window::output_size`]. Channel c belongs to group g = c / (C/G), or c % G where the
//! [`ChannelOrder`] is interleaved; the kernel's channel is g*Kh*Kw + kh*Kw + kw either way; there is no
//! flip and no normalisation:
//! `y[n,c,i,j] = sum_{kh,kw} kernel[n, g*Kh*Kw + kh*Kw + kw, i, j] * x[n, c, i*sh - ph + kh*dh, j*sw - pw + kw*dw]`,
//! where x is 0 outside of the image, so that a weight that is NaN or infinite counts there, too. Scale and
//! shift, where there are any, then give `y * scale[c] + shift[c]`: a batch normalisation cannot go into the
//! kernel, which the channels of a group share.
//! Definition: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition",
//! CVPR 2021. The unfolded input is never stored.

use super::activation::afterwards;
use super::conv2d::PIXELS;
use super::rows::{row_tile, singles_tile};
use super::{Activation, Candidate, Op, required};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, Tile, nested, product};
use crate::shape::{Shape, Window, divide};

static INVOLUTION: Kernel = crate::kernel!("involution", [&[("C", 4)]]);
static ROW: Kernel = crate::kernel!("involution/row", [&[("C", 4)], &[("C", 8)]]);
static HELD_QUADS: Kernel = of_rows(crate::kernel!("involution/held_quads", []), QUADS);
static HELD_SINGLES: Kernel = of_rows(crate::kernel!("involution/held_singles", []), SINGLES);

/// Kernels whose lanes hear from their neighbours what lies under the window, by taps, stride and rows of the output.
/// Two rows share most rows of x, of which there are eight at the most: each of the eight lanes holds what lies beside
/// one of them. Where values are read one by one, two rows are no faster.
pub(super) const fn of_rows(kernel: Kernel, tiles: &'static [Tile]) -> Kernel {
    Kernel { tiles, ..kernel }.made_for(AdapterClass::Software).with_subgroups()
}

pub(super) const SINGLES: &[Tile] = &[
    &[("K", 7), ("S", 1), ("R", 1)],
    &[("K", 7), ("S", 2), ("R", 1)],
    &[("K", 5), ("S", 1), ("R", 1)],
    &[("K", 3), ("S", 1), ("R", 1)],
    &[("K", 3), ("S", 2), ("R", 1)],
];
pub(super) const QUADS: &[Tile] = &[
    &[("K", 7), ("S", 1), ("R", 1)],
    &[("K", 7), ("S", 1), ("R", 2)],
    &[("K", 7), ("S", 2), ("R", 1)],
    &[("K", 5), ("S", 1), ("R", 1)],
    &[("K", 5), ("S", 1), ("R", 2)],
    &[("K", 3), ("S", 1), ("R", 1)],
    &[("K", 3), ("S", 1), ("R", 2)],
    &[("K", 3), ("S", 2), ("R", 1)],
    &[("K", 3), ("S", 2), ("R", 2)],
];

/// Shaders of this operator.
pub const KERNELS: &[&Kernel] = &[&INVOLUTION, &ROW, &HELD_QUADS, &HELD_SINGLES];

/// Iterations of an invocation of the held kernels once it has its taps: for each channel nine rows of x, in two halves
/// each, and two rows of four values to store.
pub(super) const HELD_TRIPS: usize = HELD_CHANNELS * (1 + 9 * 2 + 2 * (1 + PIXELS));

/// Channels that an invocation of the held kernels computes, and invocations that hear each other.
pub(super) const HELD_CHANNELS: usize = 16;
const LANES: usize = 8;

/// Which channels belong to a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChannelOrder {
    /// C/G neighbouring channels: channel c belongs to group c / (C/G), as in the paper's own code and in
    /// grouped convolutions.
    #[default]
    Blocked,
    /// Every G-th channel: channel c belongs to group c % G, as in the involution example of Keras. Its
    /// kernels lie tap by tap, tap * G + g, and have to be brought into the order of this operator.
    Interleaved,
}

impl ChannelOrder {
    /// Every order with its name.
    pub const ALL: [(&'static str, ChannelOrder); 2] =
        [("blocked", ChannelOrder::Blocked), ("interleaved", ChannelOrder::Interleaved)];
}

/// The parameters of an involution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Involution {
    /// Kernel size, stride, padding and dilation.
    pub window: Window,
    /// Groups of channels that share a kernel; any divisor of the channels.
    pub groups: usize,
    /// Which channels these are.
    pub channel_order: ChannelOrder,
    /// Whether scale and shift by channel are the third and the fourth input.
    pub affine: bool,
    /// What is done to each output value.
    pub activation: Activation,
}

impl Involution {
    /// An involution of this window and number of groups of neighbouring channels, and nothing after it.
    pub fn new(window: Window, groups: usize) -> Self {
        let channel_order = ChannelOrder::default();
        Involution { window, groups, channel_order, affine: false, activation: Activation::None }
    }

    /// Sizes of x and of the output: `[N, C, H, W]`, `[H', W']`.
    pub(super) fn checked(&self, inputs: &[&Shape]) -> Result<([usize; 4], [usize; 2]), ShapeError> {
        let [x, kernel] = required(self, inputs)?;
        let [batch, channels, height, width] = x.nchw("x")?;
        for (name, tensor) in self.inputs().into_iter().zip(inputs).skip(2) {
            tensor.array::<1>(name, "[C]")?;
            tensor.expect(name, 0, "channels", channels, || format!("x is {x}"))?;
        }
        divide("channels of x", channels, "groups", self.groups)?;
        let output = self.window.output_size([height, width])?;
        kernel.nchw("kernel")?;
        kernel.expect("kernel", 0, "batch", batch, || format!("x is {x}"))?;
        let maps = product("kernel", &[self.groups, self.window.taps()])?;
        kernel.expect("kernel", 1, "channels", maps, || {
            let [kh, kw] = self.window.kernel_size;
            format!("{} groups of {kh}x{kw} taps", self.groups)
        })?;
        for (axis, name) in [(0, "height"), (1, "width")] {
            kernel.expect("kernel", 2 + axis, name, output[axis], || {
                format!(
                    "x {x} gives {}x{} positions; where a stride does not divide the size, a kernel \
                     made by floor pooling is one short: resize x, or make the kernel from x resized",
                    output[0], output[1]
                )
            })?;
        }
        Ok(([batch, channels, height, width], output))
    }

    /// Whether there are as many rows of the output as a tile has, and they share rows of x: one begins whole rows of
    /// taps after the other.
    fn computes_at_once(&self, out_height: usize, tile: Tile) -> bool {
        let apart = self.window.stride[1].checked_mul(self.window.dilation[0]);
        let shares = out_height >= rows_of(tile) && apart == Some(self.window.stride[0]);
        rows_of(tile) == 1 || shares
    }

    /// Floating-point operations for an output of this shape.
    pub(super) fn flops_of(&self, output: &Shape) -> Result<u64, ShapeError> {
        let outputs = output.elements()? as u64;
        let terms = self.window.taps() + usize::from(self.affine);
        Ok(outputs.saturating_mul(2 * terms as u64 + self.activation.flops()))
    }

    /// Every way to carry this out on the input 0 of these sizes, the general one first, the preferred one last.
    /// Scratch buffers are counted from `scratch` on.
    pub(super) fn ways(
        &self,
        x: [usize; 4],
        output: [usize; 2],
        [kernel_maps, scale, shift]: [Operand; 3],
        scratch: usize,
    ) -> Result<Vec<Candidate>, ShapeError> {
        let optional = |operand| if self.affine { operand } else { Operand::Absent };
        let call = |kernel, tile, grid, trips| {
            Ok(Candidate::single(KernelCall {
                kernel,
                tile,
                params: self.params(x, output, [0, 0])?,
                bindings: vec![
                    ("x", Operand::Input(0)),
                    ("kernel", kernel_maps),
                    ("scale", optional(scale)),
                    ("shift", optional(shift)),
                    ("out", Operand::Output),
                ],
                grid: Grid::Invocations(grid),
                trips,
            }))
        };
        // Where neighbouring pixels read neighbouring inputs, `row` reads each input once per row of taps.
        let slides = self.window.stride[1] == 1 && self.window.dilation[1] == 1;
        let general = INVOLUTION.tiles.iter().map(|&tile| (&INVOLUTION, tile));
        let row = ROW.tiles.iter().filter(|_| slides).map(|&tile| (&ROW, tile));
        let mut ways = Vec::new();
        for (kernel, tile) in general.chain(row) {
            let channels = tile.iter().map(|&(_, size)| size as usize).product();
            let blocks = (x[1] / self.groups).div_ceil(channels);
            let quads = [output[0], output[1].div_ceil(PIXELS)];
            let grid = [x[0], self.groups, blocks, quads[0], quads[1]];
            let trips = nested(&self.window.kernel_size);
            ways.push(call(kernel, tile, product("the grid", &grid)?, trips)?);
        }
        for (kernel, tile) in self.held([&HELD_QUADS, &HELD_SINGLES], x, output) {
            // The taps of two rows are fetched and read before.
            let taps = 2 * (self.window.taps() + nested(&self.window.kernel_size));
            let trips = HELD_TRIPS.saturating_add(taps);
            ways.push(call(kernel, tile, self.held_grid(x, output, tile)?, trips)?);
        }
        let shape = Shape::from([x[0], x[1], output[0], output[1]]);
        afterwards(ways, self.activation, &shape, scratch)
    }

    /// Which of two kernels that hold the taps of a pixel for its channels, over whole fours and over single values, suits
    /// these sizes, with its tiles.
    pub(super) fn held(
        &self,
        [quads, singles]: [&'static Kernel; 2],
        x: [usize; 4],
        output: [usize; 2],
    ) -> Vec<(&'static Kernel, Tile)> {
        let [rows, taps] = self.window.kernel_size;
        let whole = row_tile(quads, &self.window, x[3], output[1]).map(|tile| (quads, tile));
        let single = singles_tile(singles, &self.window, x[3], output[1]);
        let Some((kernel, tile)) = whole.or(single.map(|tile| (singles, tile))) else {
            return Vec::new();
        };
        let alike = kernel.tiles.iter().filter(|known| known[..2] == tile[..2] && rows == taps);
        alike
            .filter(|tile| self.computes_at_once(output[0], tile))
            .map(|&tile| (kernel, tile))
            .collect()
    }

    /// Invocations of such a kernel.
    pub(super) fn held_grid(
        &self,
        x: [usize; 4],
        output: [usize; 2],
        tile: Tile,
    ) -> Result<usize, ShapeError> {
        let rows = output[0].div_ceil(rows_of(tile));
        let places = product("the grid", &[rows, output[1].div_ceil(PIXELS)])?;
        let blocks = (x[1] / self.groups).div_ceil(HELD_CHANNELS);
        product("the grid", &[x[0], self.groups, blocks, places.div_ceil(LANES), LANES])
    }

    /// Sizes, strides and codes that the kernels of this operator are told.
    /// `made_of` is how many channels make the kernel, and whether with a bias; zeros where it is a tensor.
    pub(super) fn params(
        &self,
        x: [usize; 4],
        output: [usize; 2],
        made_of: [usize; 2],
    ) -> Result<Params, ShapeError> {
        // From a group, and from a channel of a group, to the next.
        let [group_stride, channel_stride] = match self.channel_order {
            ChannelOrder::Blocked => [x[1] / self.groups, 1],
            ChannelOrder::Interleaved => [1, self.groups],
        };
        Params::sizes(&[
            ("batch", x[0]),
            ("channels", x[1]),
            ("height", x[2]),
            ("width", x[3]),
            ("out_height", output[0]),
            ("out_width", output[1]),
            ("groups", self.groups),
            ("group_stride", group_stride),
            ("channel_stride", channel_stride),
            ("has_affine", usize::from(self.affine)),
            ("activation", self.activation.code()),
            ("reduced_channels", made_of[0]),
            ("has_bias", made_of[1]),
        ])?
        .window(&self.window)
    }
}

/// Rows of the output that an invocation of a held kernel computes.
fn rows_of(tile: Tile) -> usize {
    tile.iter().find(|(name, _)| *name == "R").map_or(1, |&(_, rows)| rows as usize)
}

impl Op for Involution {
    fn name(&self) -> &'static str {
        "involution"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "kernel"];
        if self.affine {
            inputs.extend(["scale", "shift"]);
        }
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let ([batch, channels, ..], [height, width]) = self.checked(inputs)?;
        Ok(Shape::from([batch, channels, height, width]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        self.flops_of(&self.output_shape(inputs)?)
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        Ok(outputs.saturating_mul(self.window.taps() as u64))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let (x, output) = self.checked(inputs)?;
        self.ways(x, output, [1, 2, 3].map(Operand::Input), 0)
    }
}

//! A convolution as its kernels see it: its sizes, and where its tensors lie.

use super::call::{Grid, KernelCall, Operand, Params, SUBGROUP_LANES, VEC4, nested};
use super::neighbours::row_variants;
use crate::error::ShapeError;
use crate::ops::conv2d::Geometry;
use crate::shaders::{Kernel, Variant};
use crate::shape::product;

type Result<T> = std::result::Result<T, ShapeError>;

/// Whether each sample has a weight and a bias of its own (dynamic convolution) or all share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    Shared,
    PerSample,
}

/// A convolution, and where its tensors lie.
#[derive(Debug, Clone, Copy)]
pub struct Problem<const AXES: usize = 2> {
    pub sizes: Geometry<AXES>,
    pub weights: Weights,
    pub x: Operand,
    pub weight: Operand,
    pub bias: Operand,
    pub residual: Operand,
    pub out: Operand,
    /// The number of the first scratch buffer that is free.
    pub scratch: usize,
}

impl<const AXES: usize> Problem<AXES> {
    /// A convolution of the input 0 to the output, with nothing added to the sums.
    pub fn new(sizes: Geometry<AXES>, weight: Operand) -> Self {
        Problem {
            sizes,
            weights: Weights::Shared,
            x: Operand::Input(0),
            weight,
            bias: Operand::Absent,
            residual: Operand::Absent,
            out: Operand::Output,
            scratch: 0,
        }
    }

    /// The call of a kernel of the convolution.
    pub fn call(
        &self,
        (kernel, variant): (&'static Kernel, Variant),
        grid: Grid,
        trips: usize,
    ) -> Result<KernelCall> {
        Ok(KernelCall {
            kernel,
            variant,
            params: self.params()?,
            bindings: vec![
                ("x", self.x),
                ("weight", self.weight),
                ("bias", self.bias),
                ("residual", self.residual),
                ("out", self.out),
            ],
            grid,
            trips,
        })
    }

    fn params(&self) -> Result<Params> {
        let sizes = &self.sizes;
        let weight_elements = product("weight", &[sizes.out_channels, sizes.k()])?;
        let per_sample = |size| if self.weights == Weights::PerSample { size } else { 0 };
        Params::sizes(&[
            ("batch", sizes.batch),
            ("in_channels", sizes.in_channels),
            ("out_channels", sizes.out_channels),
            ("groups", sizes.groups),
            ("weight_sample_stride", per_sample(weight_elements)),
            ("bias_sample_stride", per_sample(sizes.out_channels)),
            ("has_bias", usize::from(self.bias != Operand::Absent)),
            ("has_residual", usize::from(self.residual != Operand::Absent)),
            ("activation", sizes.activation.code()),
        ])?
        .axes(sizes.input, sizes.output)?
        .window(&sizes.window)
    }

    /// Whether it is 1x1 without padding: each output pixel reads one input pixel.
    pub fn is_pointwise(&self) -> bool {
        let unpadded = self.sizes.window.resolve_padding() == Ok([[0, 0]; AXES]);
        self.sizes.window.kernel_size == [1; AXES] && unpadded
    }

    /// Iterations over the taps of so many input channels: the rows of taps one after another.
    pub fn tap_trips(&self, channels: usize) -> usize {
        let taps = &self.sizes.window.kernel_size;
        let rows = taps[..AXES - 1].iter().fold(1, |rows: usize, &size| rows.saturating_mul(size));
        nested(&[channels, rows, taps[AXES - 1]])
    }

    /// Pixels of an output plane.
    pub fn pixels(&self) -> Result<usize> {
        product("the grid", &self.sizes.output)
    }

    /// `vec4`s of an output plane, the rows one after another.
    pub fn plane_vec4s(&self) -> Result<usize> {
        Ok(self.pixels()?.div_ceil(VEC4))
    }

    /// `vec4`s of an output plane, each within a row.
    pub fn row_vec4s(&self) -> Result<usize> {
        let rows = product("the grid", &self.sizes.output[..AXES - 1])?;
        product("the grid", &[rows, self.sizes.output[AXES - 1].div_ceil(VEC4)])
    }

    /// Weights that are used together, and how many such sets there are.
    pub fn matrices(&self) -> Result<usize> {
        let samples = if self.weights == Weights::PerSample { self.sizes.batch } else { 1 };
        product("weight", &[samples, self.sizes.groups])
    }

    /// Invocations where each computes a tile of channels of one group at one of `places`.
    pub fn blocks(&self, places: usize, variant: Variant) -> Result<Grid> {
        let channels = variant.get("T").map_or(1, |channels| channels as usize);
        let blocks = self.sizes.group_out().div_ceil(channels);
        let grid = [self.sizes.batch, self.sizes.groups, blocks, places];
        Ok(Grid::Invocations(product("the grid", &grid)?))
    }

    /// Subgroups of eight lanes that compute so many channels at eight of the `vec4`s of a sample, or of all samples
    /// where these share their weights.
    pub fn subgroups(&self, vec4s: usize, channels: usize) -> Result<usize> {
        let (sets, vec4s) = match self.weights {
            Weights::Shared => (1, product("the grid", &[self.sizes.batch, vec4s])?),
            Weights::PerSample => (self.sizes.batch, vec4s),
        };
        let blocks = self.sizes.group_out().div_ceil(channels);
        product("the grid", &[sets, self.sizes.groups, blocks, vec4s.div_ceil(SUBGROUP_LANES)])
    }

    /// The grid of that many subgroups.
    pub fn subgroup_grid(&self, vec4s: usize, channels: usize) -> Result<Grid> {
        let subgroups = self.subgroups(vec4s, channels)?;
        Ok(Grid::Invocations(product("the grid", &[subgroups, SUBGROUP_LANES])?))
    }
}

impl Problem {
    /// The variant of a kernel whose lanes share rows of x, where one supports them: what holds for rows has to hold for columns.
    pub fn square_variant(&self, kernel: &'static Kernel) -> Option<(&'static Kernel, Variant)> {
        Some((kernel, self.square_variants(kernel).next()?))
    }

    /// All such variants.
    pub fn square_variants(&self, kernel: &'static Kernel) -> impl Iterator<Item = Variant> {
        let window = &self.sizes.window;
        let [[rows, taps], [down, along]] = [window.kernel_size, window.stride];
        let square = rows == taps && down == along && window.dilation[0] == 1;
        let variants = row_variants(kernel, window, self.sizes.input[1], self.sizes.output[1]);
        variants.filter(move |_| square)
    }
}

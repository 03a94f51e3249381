//! Involution with the 1x1 convolution that makes its kernel, the `span` of the layer: what would be the largest tensor
//! of a network need not be stored.
//!
//! x `[N, C, H, W]`, reduced `[N, Cr, H', W']`, weight `[G*Kh*Kw, Cr, 1, 1]`, bias `[G*Kh*Kw]`, scale `[C]`, shift `[C]`
//! -> `[N, C, H', W']`: the [`Involution`] of x with the kernel
//! `kernel[n,t,i,j] = bias[t] + sum_c weight[t,c] * reduced[n,c,i,j]`.
//! Definition: Li et al., "Involution: Inverting the Inherence of Convolution for Visual Recognition", CVPR 2021,
//! equation 6 without the reduction and what follows it.

use std::collections::BTreeSet;

use super::activation::afterwards;
use super::conv2d::{Geometry, Weights};
use super::involution::{HELD_CHANNELS, HELD_TRIPS, QUADS, SINGLES, of_rows};
use super::{Candidate, Conv2d, Involution, Op, call_name, held, required};
use crate::error::ShapeError;
use crate::kernel::{AdapterClass, Grid, Kernel, KernelCall, Operand, Params, Tile, nested, product};
use crate::shape::Shape;

static SPAN_INVOLUTION: Kernel =
    crate::kernel!("span_involution", [&[("C", 16)], &[("C", 4)]]);
static HELD_QUADS: Kernel = of_rows(crate::kernel!("span_involution/quads", []), QUADS);
static HELD_SINGLES: Kernel = of_rows(crate::kernel!("span_involution/singles", []), SINGLES);
static PACK: Kernel =
    crate::kernel!("span_involution/pack", [&[]]).made_for(AdapterClass::Software);

/// Shaders of this operator; those of [`Conv2d`] and [`Involution`] do it in two steps.
pub const KERNELS: &[&Kernel] = &[&SPAN_INVOLUTION, &PACK, &HELD_QUADS, &HELD_SINGLES];

/// Rows of taps in a block of packed weights, and lanes.
const PACKED_ROWS: usize = 4;
const LANES: usize = 8;

/// Channels that a kernel is made from, from which on a 1x1 convolution that holds them and stores the kernel is faster
/// than making it where it is used.
const STORED_TERMS: usize = 64;

/// Channels of the narrow tile of `shaders/span_involution.wgsl`.
const NARROW: usize = 4;

/// The parameters of an involution that makes its kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanInvolution {
    /// The involution of x with the kernel that is made; its `affine` says whether scale and shift are the last inputs.
    pub involution: Involution,
    /// Whether a bias is the fourth input.
    pub bias: bool,
}

/// The sizes of the operator, checked.
struct Checked {
    x: [usize; 4],
    output: [usize; 2],
    /// Of the convolution.
    span: Geometry,
}

impl SpanInvolution {
    fn checked(&self, inputs: &[&Shape]) -> Result<Checked, ShapeError> {
        let [x, reduced, weight] = required(self, inputs)?;
        let [maps, _, height, width] = weight.array("weight", "[G*Kh*Kw, Cr, 1, 1]")?;
        for (axis, size) in [(2, height), (3, width)] {
            weight.expect("weight", axis, "kernel size", 1, || format!("of {size}"))?;
        }
        let [batch, _, rows, columns] = reduced.nchw("reduced")?;
        let span = Conv2d::default().geometry(reduced, [maps, 0, 1, 1], weight)?;
        let kernel = Shape::from([batch, maps, rows, columns]);
        let affine = inputs.iter().skip(3 + usize::from(self.bias)).copied();
        let involved: Vec<&Shape> = [x, &kernel].into_iter().chain(affine).collect();
        let (x, output) = self.involution.checked(&involved)?;
        if self.bias {
            inputs[3].array::<1>("bias", "[G*Kh*Kw]")?;
            inputs[3].expect("bias", 0, "output channels", maps, || format!("weight is {weight}"))?;
        }
        Ok(Checked { x, output, span })
    }

    /// The inputs that may be missing: bias, scale and shift.
    fn optional(&self) -> [Operand; 3] {
        let affine = 3 + usize::from(self.bias);
        let given = |is: bool, index| if is { Operand::Input(index) } else { Operand::Absent };
        let is = self.involution.affine;
        [given(self.bias, 3), given(is, affine), given(is, affine + 1)]
    }

    /// One dispatch that makes the kernel and uses it.
    fn call(
        &self,
        checked: &Checked,
        (kernel, tile): (&'static Kernel, Tile),
        weight: Operand,
        grid: usize,
        trips: usize,
    ) -> Result<KernelCall, ShapeError> {
        let [bias, scale, shift] = self.optional();
        let made_of = [checked.span.in_channels, usize::from(self.bias)];
        Ok(KernelCall {
            kernel,
            tile,
            params: self.involution.params(checked.x, checked.output, made_of)?,
            bindings: vec![
                ("x", Operand::Input(0)),
                ("reduced", Operand::Input(1)),
                ("weight", weight),
                ("bias", bias),
                ("scale", scale),
                ("shift", shift),
                ("out", Operand::Output),
            ],
            grid: Grid::Invocations(grid),
            trips,
        })
    }

    /// The ways that store the kernel: those of the convolution, then those of the involution, each with the best of
    /// the other one that is made for the same class of adapter.
    fn in_two_steps(&self, checked: &Checked) -> Result<Vec<Candidate>, ShapeError> {
        let [bias, scale, shift] = self.optional();
        let Checked { x, output, span } = checked;
        let spans = span.ways(Operand::Input(2), [bias, Operand::Absent], Weights::Shared, 0)?;
        // The kernel comes after the scratch buffers of the convolution, the first of which hold packed weights.
        let involve = |kernel| {
            let tensors = [Operand::Scratch(kernel), scale, shift];
            self.involution.ways(*x, *output, tensors, kernel + 1)
        };
        let involutions = involve(0)?;
        let best = |of: &[Candidate], like: &Candidate| {
            of.iter().rposition(|way| is_for_software(way) <= is_for_software(like))
        };
        let spanning = spans.iter().enumerate().map(|(at, way)| Some((at, best(&involutions, way)?)));
        let involving = involutions.iter().enumerate().map(|(at, way)| Some((best(&spans, way)?, at)));
        // In the order of both, the best of both last.
        let pairs: BTreeSet<(usize, usize)> = spanning.chain(involving).flatten().collect();
        let maps = product("the kernel", span.output_shape().dims())?;
        let mut ways = Vec::new();
        for (first, second) in pairs {
            let mut span = spans[first].clone();
            let kernel = span.scratch.len();
            let involution = involve(kernel)?.swap_remove(second);
            for (_, operand) in span.calls.iter_mut().flat_map(|call| &mut call.bindings) {
                *operand = match *operand {
                    Operand::Input(0) => Operand::Input(1),
                    Operand::Output => Operand::Scratch(kernel),
                    other => other,
                };
            }
            ways.push(Candidate {
                name: format!("{}+{}", span.name, involution.name),
                scratch: [span.scratch, vec![maps], involution.scratch].concat(),
                calls: [span.calls, involution.calls].concat(),
                once: span.once,
            });
        }
        Ok(ways)
    }

    /// The ways that never store the kernel: general ones, and those that hold the taps of a pixel for its channels.
    fn at_once(&self, checked: &Checked) -> Result<[Vec<Candidate>; 2], ShapeError> {
        let Checked { x, output, span } = checked;
        let group_channels = x[1] / self.involution.groups;
        // A wide tile makes each tap for more channels; a narrow one wastes less on small groups.
        let [wide, narrow] = [SPAN_INVOLUTION.tiles[0], SPAN_INVOLUTION.tiles[1]];
        let tile = if group_channels > NARROW { wide } else { narrow };
        let blocks = group_channels.div_ceil(tile[0].1 as usize);
        let grid = [x[0], self.involution.groups, blocks, output[0], output[1]];
        let grid = product("the grid", &grid)?;
        let [rows, taps] = self.involution.window.kernel_size;
        let trips = nested(&[rows, taps, span.in_channels]);
        let call = self.call(checked, (&SPAN_INVOLUTION, tile), Operand::Input(2), grid, trips)?;
        let general = vec![Candidate::single(call)];
        // Channels of a second tile would make the taps again.
        let suits = span.in_channels.is_multiple_of(2) && group_channels <= HELD_CHANNELS;
        let mut held = Vec::new();
        let kernels = self.involution.held([&HELD_QUADS, &HELD_SINGLES], *x, *output);
        for kernel in kernels.into_iter().filter(|_| suits) {
            let packed = Operand::Scratch(0);
            let size = self.involution.window.kernel_size[0];
            let blocks = size.div_ceil(PACKED_ROWS);
            let lanes = [self.involution.groups, blocks, span.in_channels, LANES];
            let lanes = product("the packed weight", &lanes)?;
            let pack = KernelCall {
                kernel: &PACK,
                tile: PACK.tiles[0],
                params: Params::sizes(&[
                    ("groups", self.involution.groups),
                    ("kernel_size", size),
                    ("terms", span.in_channels),
                ])?,
                bindings: vec![("weight", Operand::Input(2)), ("out", packed)],
                grid: Grid::Invocations(lanes),
                trips: 0,
            };
            let grid = self.involution.held_grid(*x, *output, kernel.1)?;
            // The taps of two rows are made before.
            let trips = HELD_TRIPS.saturating_add(span.in_channels);
            let call = self.call(checked, kernel, packed, grid, trips)?;
            held.push(Candidate {
                name: call_name(&call),
                scratch: vec![product("the packed weight", &[lanes, PACKED_ROWS])?],
                calls: vec![pack, call],
                once: 1,
            });
        }
        let shape = Shape::from([x[0], x[1], output[0], output[1]]);
        let afterwards = |ways| afterwards(ways, self.involution.activation, &shape, 0);
        Ok([general, afterwards(held)?])
    }
}

/// Whether a way is made for software adapters.
fn is_for_software(way: &Candidate) -> bool {
    way.calls.iter().any(|call| call.kernel.made_for == Some(AdapterClass::Software))
}

impl Op for SpanInvolution {
    fn name(&self) -> &'static str {
        "span_involution"
    }

    fn inputs(&self) -> Vec<&'static str> {
        let mut inputs = vec!["x", "reduced", "weight"];
        inputs.extend(self.bias.then_some("bias"));
        if self.involution.affine {
            inputs.extend(["scale", "shift"]);
        }
        inputs
    }

    fn output_shape(&self, inputs: &[&Shape]) -> Result<Shape, ShapeError> {
        let Checked { x: [batch, channels, ..], output: [height, width], .. } = self.checked(inputs)?;
        Ok(Shape::from([batch, channels, height, width]))
    }

    fn flops(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { x, output, span } = self.checked(inputs)?;
        let shape = Shape::from([x[0], x[1], output[0], output[1]]);
        let involution = self.involution.flops_of(&shape)?;
        Ok(span.flops(u64::from(self.bias))?.saturating_add(involution))
    }

    fn macs(&self, inputs: &[&Shape]) -> Result<u64, ShapeError> {
        let Checked { span, .. } = self.checked(inputs)?;
        let outputs = self.output_shape(inputs)?.elements()? as u64;
        let taps = self.involution.window.taps() as u64;
        Ok(span.macs()?.saturating_add(outputs.saturating_mul(taps)))
    }

    fn batched(&self, inputs: &[&Shape]) -> Vec<bool> {
        (0..inputs.len()).map(|input| input < 2).collect()
    }

    fn candidates(&self, inputs: &[&Shape]) -> Result<Vec<Candidate>, ShapeError> {
        let checked = self.checked(inputs)?;
        let [general, fused] = self.at_once(&checked)?;
        let stored = self.in_two_steps(&checked)?;
        let Geometry { in_channels: terms, out_channels: maps, .. } = checked.span;
        let stores = terms >= STORED_TERMS && held::pays(terms, maps);
        Ok(if stores { [general, fused, stored].concat() } else { [general, stored, fused].concat() })
    }
}

//! The self-attention layers of SAN: the kernel of a pixel is made of its window, and applied to it as an involution.
//!
//! `kernel = conv_w(relation(conv1(x), conv2(x)))`, `y = involution(conv3(x), kernel)`; all three are 1x1 convolutions with a
//! bias, the border is reflected, and channel c takes the kernel c % maps, of which there are `out_planes / share_planes`.
//! x `[N, Ci, H, W]` -> `[N, Co, H, W]`. The kernels `[N, maps*K*K, H, W]` are a result, too, named `kernel`; of pairwise
//! attention, before their softmax.
//!
//! - Pairwise: the relation of a pixel i and a tap j is `conv1(x)[i] - conv2(x)[j]` and, after it, the same of the positions
//!   that `conv_p` maps, (x, y) from -1 to 1. `conv_w` makes maps of each tap alone; a softmax over the taps follows.
//! - Patchwise: the relation of a pixel i is `conv1(x)[i]` and `conv2(x)[j]` of all taps; `conv_w` makes all maps of it.
//!
//! Weights as in the module `SAM` of hszhao/SAN: `conv1`, `conv2`, `conv3`, of pairwise attention `conv_p`, and `conv_w.0`,
//! `conv_w.3` (batch normalisations, each with ReLU after it), `conv_w.2` (without bias), `conv_w.5`.
//! Definition: Zhao, Jia and Koltun, "Exploring Self-attention for Image Recognition", CVPR 2020.

use super::parts::{ConvSpec, EPS, activate, batch_norm, conv, dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::{Error, Result, ShapeError};
use crate::ops::{Activation, Add, BatchNorm, Border, Conv2d, Involution, Unfold};
use crate::plan::{Builder, Constant, Layer, Value};
use crate::shape::{Padding, Shape, Window, divide};
use crate::tensor::StateDict;

/// What the kernel of a pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SanRelation {
    /// Each weight of the pixel and of the one that is weighed; `sa_type` 0 of SAN.
    Pairwise,
    /// All weights of the whole window; `sa_type` 1.
    Patchwise,
}

/// A self-attention layer of SAN.
#[doc(alias = "SAM")]
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct San {
    /// What the kernel of a pixel is made of.
    pub relation: SanRelation,
    /// Channels of x.
    pub in_planes: usize,
    /// Channels of `conv1` and `conv2`.
    pub rel_planes: usize,
    /// Channels of the result.
    pub out_planes: usize,
    /// How many of them share a kernel.
    pub share_planes: usize,
    /// Taps along an axis; odd.
    pub kernel_size: usize,
}

/// A batch normalisation and a convolution of the concatenation of two values, which is never made: each works on its part of
/// the channels, and the results are summed.
struct Halves {
    norm: [Value; 4],
    weight: Value,
    out_channels: usize,
    channels: usize,
}

impl San {
    /// Pairwise attention over windows of `kernel_size`, with the proportions of SAN: a sixteenth of the channels of x for the
    /// relations, a quarter for the result, eight of which share a kernel.
    pub fn pairwise(in_planes: usize, kernel_size: usize) -> Self {
        San {
            relation: SanRelation::Pairwise,
            in_planes,
            rel_planes: in_planes / 16,
            out_planes: in_planes / 4,
            share_planes: 8,
            kernel_size,
        }
    }

    /// Patchwise attention, with the same proportions.
    pub fn patchwise(in_planes: usize, kernel_size: usize) -> Self {
        San { relation: SanRelation::Patchwise, ..San::pairwise(in_planes, kernel_size) }
    }

    /// The layer whose weights these are. Those of pairwise attention do not tell the kernel size, which is 7 until it is
    /// set.
    pub fn from_weights(weights: &StateDict) -> Result<Self> {
        let name = "san";
        let dims = |weight: &str| dims_of::<4>(name, weights, weight, "[Co, Ci, 1, 1]");
        let [rel_planes, in_planes, ..] = dims("conv1.weight")?;
        let [out_planes, ..] = dims("conv3.weight")?;
        let [rows, ..] = dims("conv_w.5.weight")?;
        let pairwise = weights.has_prefix("conv_p.");
        let (kernel_size, taps) = if pairwise {
            (7, 1)
        } else {
            let [relations] = dims_of::<1>(name, weights, "conv_w.0.weight", "[Cr*(K*K+1)]")?;
            let taps = (relations / rel_planes.max(1)).saturating_sub(1);
            (taps.isqrt(), taps)
        };
        let maps =
            divide("rows of conv_w.5.weight", rows, "taps", taps).map_err(Error::at(name))?;
        let layer = if pairwise { San::pairwise } else { San::patchwise };
        let share_planes = divide("channels of the result", out_planes, "kernels", maps)
            .map_err(Error::at(name))?;
        Ok(San { rel_planes, out_planes, share_planes, ..layer(in_planes, kernel_size) })
    }

    setters! {
        /// Sets the channels of the relations.
        rel_planes: usize,
        /// Sets the channels of the result.
        out_planes: usize,
        /// Sets how many channels share a kernel.
        share_planes: usize,
        /// Sets how many taps there are along an axis.
        kernel_size: usize,
    }

    fn taps(&self) -> usize {
        self.kernel_size.saturating_mul(self.kernel_size)
    }

    /// What lies under the taps of each pixel, whose border is reflected: `[N, C*K*K, H*W]`.
    fn windows(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let dims = plan.shape(x).nchw("x").map_err(|source| plan.refuse("san", source))?;
        let padding = Padding::from(self.kernel_size / 2);
        let window = Window::new([1, 1]).padding(padding);
        let [height, width] =
            [2, 3].map(|axis| dims[axis].saturating_add(2 * (self.kernel_size / 2)));
        // Padding by other pixels is an involution of one tap, which is one.
        let ones = Shape::from([dims[0], 1, height, width]);
        let ones = plan.constant("ones", ones.clone(), Constant::Ones { shape: ones });
        let pad = Involution { border: Border::Reflect, ..Involution::new(window, 1) };
        let padded = plan.apply("pad", pad, &[x, ones])?;
        plan.apply("unfold", Unfold { window: Window::new([self.kernel_size; 2]) }, &[padded])
    }

    /// The weights of `conv_w.0` and `conv_w.2`, for so many channels of a concatenation.
    fn halves(&self, plan: &mut Builder, channels: usize, out_channels: usize) -> Result<Halves> {
        plan.scope("conv_w", |plan| {
            let norm = plan.scope("0", |plan| {
                let [weight, bias] = ["weight", "bias"].map(|name| plan.weight(name, [channels]));
                let [mean, variance] =
                    ["running_mean", "running_var"].map(|name| plan.statistic(name, [channels]));
                Ok([mean, variance, weight, bias])
            })?;
            let weight = plan.weight("2.weight", [out_channels, channels, 1, 1]);
            Ok(Halves { norm, weight, out_channels, channels })
        })
    }

    /// `conv_w` after its first convolution.
    fn finish(&self, plan: &mut Builder, x: Value, maps: usize) -> Result<Value> {
        plan.scope("conv_w", |plan| {
            let x = batch_norm(plan, "3", x, EPS)?;
            let x = activate(plan, x, Activation::Relu)?;
            conv(plan, "5", x, ConvSpec { bias: true, ..ConvSpec::pointwise(maps) })
        })
    }

    fn pairwise_kernel(
        &self,
        plan: &mut Builder,
        [x1, x2]: [Value; 2],
        [height, width]: [usize; 2],
        maps: usize,
    ) -> Result<Value> {
        let (taps, pixels) = (self.taps(), height.saturating_mul(width));
        let batch = plan.shape(x1).dims()[0];
        let shape = Shape::from([1, 2, height, width]);
        let positions = Constant::Positions { size: [height, width] };
        let positions = plan.constant("positions", shape, positions);
        let [p1, p2] = plan.scope("conv_p", |plan| {
            let (weight, bias) = (plan.weight("weight", [2, 2, 1, 1]), plan.weight("bias", [2]));
            let own = [positions, weight, bias];
            let negated = [positions, negated(plan, weight), negated(plan, bias)];
            let conv = Conv2d { bias: true, ..Conv2d::default() };
            Ok([plan.apply("", conv, &own)?, plan.apply("negated", conv, &negated)?])
        })?;
        // conv2 and the second of the positions are negated.
        let mut difference = |name: &str, own: Value, other: Value, [n, c]: [usize; 2]| {
            plan.scope(name, |plan| {
                let own = plan.reshape(own, [n, c, 1, pixels])?;
                let other = self.windows(plan, other)?;
                let other = plan.reshape(other, [n, c, taps, pixels])?;
                plan.apply("add", Add::default(), &[own, other])
            })
        };
        let features = difference("subtraction2", x1, x2, [batch, self.rel_planes])?;
        let places = difference("subtraction", p1, p2, [1, 2])?;
        let halves = self.halves(plan, self.rel_planes.saturating_add(2), self.rel_planes)?;
        let of_places = halves.part(plan, places, self.rel_planes, 2, None)?;
        let of_features = halves.part(plan, features, 0, self.rel_planes, None)?;
        let sum = plan.apply("conv_w.add", Add::default(), &[of_features, of_places])?;
        let kernel = self.finish(plan, sum, maps)?;
        plan.reshape(kernel, [batch, maps * taps, height, width])
    }

    fn patchwise_kernel(
        &self,
        plan: &mut Builder,
        [x1, x2]: [Value; 2],
        [height, width]: [usize; 2],
        maps: usize,
    ) -> Result<Value> {
        let batch = plan.shape(x1).dims()[0];
        let around = self.rel_planes.saturating_mul(self.taps());
        let windows = plan.scope("unfold_j", |plan| self.windows(plan, x2))?;
        let windows = plan.reshape(windows, [batch, around, height, width])?;
        let halves = self.halves(plan, self.rel_planes.saturating_add(around), maps)?;
        let own = halves.part(plan, x1, 0, self.rel_planes, None)?;
        let sum = halves.part(plan, windows, self.rel_planes, around, Some(own))?;
        self.finish(plan, sum, maps.saturating_mul(self.taps()))
    }
}

impl Halves {
    /// What so many channels from `start` on become, and another part of the sum.
    fn part(
        &self,
        plan: &mut Builder,
        x: Value,
        start: usize,
        length: usize,
        other: Option<Value>,
    ) -> Result<Value> {
        plan.scope("conv_w", |plan| {
            let norm =
                self.norm.map(|of| slice(plan, of, [self.channels].into(), 0, start, length));
            let inputs = [&[x][..], &norm].concat();
            let x = plan.apply("0", BatchNorm { eps: EPS, ..BatchNorm::default() }, &inputs)?;
            let x = activate(plan, x, Activation::Relu)?;
            let whole = Shape::from([self.out_channels, self.channels, 1, 1]);
            let weight = slice(plan, self.weight, whole, 1, start, length);
            let inputs = [&[x, weight][..], other.as_slice()].concat();
            let conv = Conv2d { residual: other.is_some(), ..Conv2d::default() };
            plan.apply("2", conv, &inputs)
        })
    }
}

/// So many places of a constant of this shape along an axis.
fn slice(
    plan: &mut Builder,
    value: Value,
    whole: Shape,
    axis: usize,
    start: usize,
    length: usize,
) -> Value {
    let mut dims = whole.dims().to_vec();
    dims[axis] = length;
    plan.derive(value, Shape::new(dims), |of| Constant::Slice {
        of: Box::new(of),
        axis,
        start,
        length,
    })
}

fn negated(plan: &mut Builder, value: Value) -> Value {
    let shape = plan.shape(value).clone();
    let factor = (-1.0f32).to_bits();
    plan.derive(value, shape, |of| Constant::Scaled { of: Box::new(of), factor })
}

impl Layer for San {
    fn name(&self) -> String {
        match self.relation {
            SanRelation::Pairwise => "san_pairwise".to_owned(),
            SanRelation::Patchwise => "san_patchwise".to_owned(),
        }
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        Rank::Two.example(self.in_planes, [self.kernel_size; 2], [1, 1], [1, 1])
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.in_planes)?;
        if self.kernel_size.is_multiple_of(2) {
            let (parameter, must) = ("kernel_size", "odd");
            let value = self.kernel_size.to_string();
            return Err(plan.refuse("san", ShapeError::Parameter { parameter, must, value }));
        }
        let maps =
            divide("channels of the result", self.out_planes, "share_planes", self.share_planes)
                .map_err(|source| plan.refuse("san", source))?;
        let dims = plan.shape(x).dims();
        let image = [dims[2], dims[3]];
        let spec = |out_channels| ConvSpec { bias: true, ..ConvSpec::pointwise(out_channels) };
        let x1 = conv(plan, "conv1", x, spec(self.rel_planes))?;
        let pairwise = self.relation == SanRelation::Pairwise;
        let x2 = if pairwise {
            let shape = Shape::from([self.rel_planes, self.in_planes, 1, 1]);
            plan.scope("conv2", |plan| {
                let weight = plan.weight("weight", shape);
                let bias = plan.weight("bias", [self.rel_planes]);
                let inputs = [x, negated(plan, weight), negated(plan, bias)];
                plan.apply("", Conv2d { bias: true, ..Conv2d::default() }, &inputs)
            })?
        } else {
            conv(plan, "conv2", x, spec(self.rel_planes))?
        };
        let x3 = conv(plan, "conv3", x, spec(self.out_planes))?;
        let kernel = match self.relation {
            SanRelation::Pairwise => self.pairwise_kernel(plan, [x1, x2], image, maps)?,
            SanRelation::Patchwise => self.patchwise_kernel(plan, [x1, x2], image, maps)?,
        };
        plan.expose("kernel", kernel);
        let window = Window::new([self.kernel_size; 2]).padding(self.kernel_size / 2);
        let aggregation =
            Involution { softmax: pairwise, ..Involution::aggregation_refpad(window, maps) };
        Ok(vec![plan.apply("", aggregation, &[x3, kernel])?])
    }
}

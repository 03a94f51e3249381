//! The involution layer: an [`Involution`] with the branch that makes its kernels from the pixels.
//!
//! `kernel = span(sigma(reduce(pool(x))))`, all of it 1x1 convolutions, pooled to the output's size where
//! there is a stride; `y = involution(initial(x), kernel)`, where `initial` is a 1x1 convolution if the
//! channels change. x `[N, Ci, H, W]` -> `[N, Co, H', W']`; sequences `[N, Ci, L]` -> `[N, Co, L']`.
//!
//! Two families are in use, with the same arithmetic and other names and options:
//! [`Involution2d::paper`] (Li et al., CVPR 2021, and RedNet; d-li14/involution) and
//! [`Involution2d::with_projection`] (ChristophReich1996/Involution). The kernels are a result, too, named `kernel`.

use std::sync::Arc;

use super::parts::{ConvSpec, EPS, activate, batch_norm, conv, dims_of, expect_channels, setters};
use super::rank::Rank;
use crate::error::{Error, Result, ShapeError};
use crate::ops::{Activation, AdaptiveAvgPool2d, AvgPool2d, ChannelOrder, Involution};
use crate::plan::{Builder, Constant, Layer, Value};
use crate::shape::{Padding, Shape, Window, divide};
use crate::tensor::StateDict;

/// What is done between the two convolutions of the kernel branch.
#[derive(Debug, Clone)]
pub enum Sigma {
    /// Batch normalisation with this epsilon, then ReLU.
    BatchNormRelu(f32),
    /// An activation alone.
    Activation(Activation),
    /// Any layer that keeps the shape; its weights lie below `sigma_mapping`.
    Layer(Arc<dyn Layer>),
}

impl Sigma {
    /// Adds its steps; a batch normalisation has the weights below `norm`.
    pub(super) fn build(&self, plan: &mut Builder, norm: &str, y: Value) -> Result<Value> {
        match self {
            Sigma::BatchNormRelu(eps) => {
                let y = batch_norm(plan, norm, y, *eps)?;
                plan.scope(norm, |plan| activate(plan, y, Activation::Relu))
            }
            Sigma::Activation(activation) => {
                plan.scope("sigma_mapping", |plan| activate(plan, y, *activation))
            }
            Sigma::Layer(layer) => {
                let before = plan.shape(y).clone();
                let y = plan.scope("sigma_mapping", |plan| layer.build_one(plan, y))?;
                if *plan.shape(y) != before {
                    let value = format!("{} -> {}", before, plan.shape(y));
                    let (parameter, must) = ("sigma", "a layer that keeps the shape");
                    let source = ShapeError::Parameter { parameter, must, value };
                    return Err(plan.refuse("involution", source));
                }
                Ok(y)
            }
        }
    }
}

/// To which size the kernel branch pools its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PoolTo {
    /// By the stride, `floor(H / s)`: an error where the output has another size.
    #[default]
    Stride,
    /// To the size of the output whatever it is, by adaptive pooling: the same where the stride divides
    /// the input. Called `force_shape_match` by ChristophReich1996.
    Output,
}

/// How the rows of the span convolution count groups and taps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TapOrder {
    /// Row `g * Kh*Kw + tap`: nearly everybody.
    #[default]
    GroupMajor,
    /// Row `tap * G + g`: shuuchen/involution.pytorch and the Keras example.
    TapMajor,
}

/// Which names the weights have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Names {
    /// `conv1.conv`, `conv1.bn`, `conv2.conv`.
    Paper,
    /// `initial_mapping`, `reduce_mapping`, `sigma_mapping.0`, `span_mapping`.
    Projection,
}

/// An involution with its kernel branch. Pairs are height, width.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Involution2d {
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// Kernel size, stride, padding and dilation.
    pub window: Window,
    /// Groups of channels that share a kernel.
    pub groups: usize,
    /// The middle of the kernel branch has so many times fewer channels.
    pub reduction_ratio: usize,
    /// What is done in the middle of the kernel branch.
    pub sigma: Sigma,
    /// Whether the initial and the reduce convolution have a bias, and whether the span convolution has.
    pub bias: [bool; 2],
    /// What the kernel branch is pooled to.
    pub pool_to: PoolTo,
    /// How the rows of the span convolution are ordered.
    pub tap_order: TapOrder,
    /// Which channels make up a group.
    pub channel_order: ChannelOrder,
    /// Whether it works on images or sequences.
    pub rank: Rank,
    names: Names,
}

impl Involution2d {
    /// The layer of the paper's authors (d-li14/involution): groups of 16 channels, reduction ratio 4,
    /// stride 1, padded to keep the size, batch normalisation and ReLU, and a bias at the end of the kernel branch.
    pub fn paper(channels: usize, kernel_size: [usize; 2]) -> Self {
        let layer = Involution2d {
            in_channels: channels,
            out_channels: channels,
            window: Window::new(kernel_size),
            groups: channels / 16,
            reduction_ratio: 4,
            sigma: Sigma::BatchNormRelu(EPS),
            bias: [false, true],
            pool_to: PoolTo::default(),
            tap_order: TapOrder::default(),
            channel_order: ChannelOrder::default(),
            rank: Rank::Two,
            names: Names::Paper,
        };
        layer.kernel_size(kernel_size)
    }

    /// The layer with a 1x1 convolution before it where the channels change (ChristophReich1996): 7x7 with padding 3, one group, no reduction, batch normalisation
    /// and ReLU, no bias.
    pub fn with_projection(in_channels: usize, out_channels: usize) -> Self {
        Involution2d {
            in_channels,
            out_channels,
            window: Window::new([7, 7]).padding(3),
            groups: 1,
            reduction_ratio: 1,
            bias: [false, false],
            names: Names::Projection,
            ..Involution2d::paper(0, [1, 1])
        }
    }

    /// [`Involution2d::with_projection`] for sequences `[N, C, L]`: kernel size 7 with padding 3.
    #[doc(alias = "Involution1d")]
    pub fn one_dimensional(in_channels: usize, out_channels: usize) -> Self {
        let window = Window::new([1, 7]).padding(Padding::symmetric(0, 3));
        let layer = Involution2d::with_projection(in_channels, out_channels);
        Involution2d { window, rank: Rank::One, ..layer }
    }

    /// Builds the layer that these weights belong to, of either family. Settings that are not in the weights are those of
    /// [`Involution2d::paper`], with groups of `group_channels` channels, or of [`Involution2d::with_projection`], with a
    /// square kernel and one group. Change them with the setters.
    pub fn from_weights(weights: &StateDict, group_channels: usize) -> Result<Self> {
        if weights.has_prefix("conv1.conv.") {
            Self::from_paper(weights, group_channels)
        } else {
            Self::from_projection(weights)
        }
    }

    fn from_paper(weights: &StateDict, group_channels: usize) -> Result<Self> {
        let [reduced, channels, ..] = conv_dims(weights, "conv1.conv.weight")?;
        let [rows, ..] = conv_dims(weights, "conv2.conv.weight")?;
        let groups = divide("channels", channels, "group_channels", group_channels)
            .map_err(Error::at("involution2d"))?;
        let taps = divide("rows of conv2", rows, "groups", groups);
        let kernel_size = square_root(taps.map_err(Error::at("involution2d"))?)?;
        let layer = Involution2d::paper(channels, [kernel_size; 2]);
        Ok(Involution2d { groups, reduction_ratio: channels / reduced.max(1), ..layer })
    }

    fn from_projection(weights: &StateDict) -> Result<Self> {
        let rank = weights.shape("reduce_mapping.weight").map(Shape::rank);
        let rank = if rank == Some(3) { Rank::One } else { Rank::Two };
        let name = if rank == Rank::One { "involution1d" } else { "involution2d" };
        let layer = Self::with_projection_of(name, weights, rank)?;
        let rows = channels_of(name, weights, "span_mapping.weight", rank)?[0];
        Ok(layer.kernel_size(match rank {
            Rank::One => [1, rows],
            Rank::Two => [square_root(rows)?; 2],
        }))
    }

    /// The layer with the channels, biases and middle of these weights; errors name it so.
    pub(super) fn with_projection_of(name: &str, weights: &StateDict, rank: Rank) -> Result<Self> {
        let dims = |tensor| channels_of(name, weights, tensor, rank);
        let [reduced, in_channels] = dims("reduce_mapping.weight")?;
        let out_channels = match weights.get("initial_mapping.weight") {
            Some(_) => dims("initial_mapping.weight")?[0],
            None => in_channels,
        };
        let layer = match rank {
            Rank::One => Involution2d::one_dimensional(in_channels, out_channels),
            Rank::Two => Involution2d::with_projection(in_channels, out_channels),
        };
        let sigma = match weights.has_prefix("sigma_mapping.0.") {
            true => Sigma::BatchNormRelu(EPS),
            false => Sigma::Activation(Activation::Sigmoid),
        };
        let given = |name| weights.get(name).is_some();
        let bias = [given("reduce_mapping.bias"), given("span_mapping.bias")];
        let reduction_ratio = out_channels / reduced.max(1);
        Ok(Involution2d { bias, sigma, reduction_ratio, ..layer })
    }

    /// Sets the kernel size, with the padding that keeps the size of x where the kernel is odd.
    pub fn kernel_size(self, kernel_size: [usize; 2]) -> Self {
        let [rows, columns] = kernel_size.map(|size| size.saturating_sub(1) / 2);
        let window = Window { kernel_size, ..self.window };
        self.window(window.padding(Padding::symmetric(rows, columns)))
    }

    /// Sets the stride.
    pub fn stride(self, stride: [usize; 2]) -> Self {
        let window = self.window.stride(stride);
        self.window(window)
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding>) -> Self {
        let window = self.window.padding(self.rank.padding(padding.into()));
        self.window(window)
    }

    /// Sets the dilation.
    pub fn dilation(self, dilation: [usize; 2]) -> Self {
        let window = self.window.dilation(dilation);
        self.window(window)
    }

    setters! {
        /// Sets kernel size, stride, padding and dilation.
        window: Window,
        /// Sets the number of groups.
        groups: usize,
    }

    /// Sets the number of groups by the channels of one.
    pub fn group_channels(self, group_channels: usize) -> Self {
        let groups = self.out_channels / group_channels.max(1);
        self.groups(groups)
    }

    setters! {
        /// Sets the reduction ratio.
        reduction_ratio: usize,
        /// Sets the middle of the kernel branch.
        sigma: Sigma,
    }

    /// Sets whether all its convolutions have a bias.
    pub fn bias(self, bias: bool) -> Self {
        Involution2d { bias: [bias; 2], ..self }
    }

    setters! {
        /// Sets what the kernel branch is pooled to.
        pool_to: PoolTo,
        /// Sets the order of the rows of the span convolution.
        tap_order: TapOrder,
        /// Sets which channels make up a group.
        channel_order: ChannelOrder,
    }

    /// The kernel branch's input, at the size of the output.
    fn pooled(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let shape = plan.shape(x).nchw("x");
        let [.., height, width] = shape.map_err(|source| plan.refuse("involution2d", source))?;
        let output = self.window.output_size([height, width]);
        let output = output.map_err(|source| plan.refuse("involution2d", source))?;
        let strided = [0, 1].map(|axis| [height, width][axis] / self.window.stride[axis]);
        let divides =
            [0, 1].map(|axis| [height, width][axis].is_multiple_of(self.window.stride[axis]));
        match self.pool_to {
            PoolTo::Output if output == [height, width] => return Ok(x),
            PoolTo::Output if strided != output || divides != [true; 2] => {
                return plan.apply("pool", AdaptiveAvgPool2d { output_size: output }, &[x]);
            }
            PoolTo::Stride if strided != output => {
                let (kernels, positions) = (strided, output);
                let source = ShapeError::KernelPositions {
                    kernels: kernels.to_vec(),
                    positions: positions.to_vec(),
                };
                return Err(plan.refuse("involution2d", source));
            }
            _ => {}
        }
        if self.window.stride == [1, 1] {
            return Ok(x);
        }
        let window = Window::new(self.window.stride).stride(self.window.stride);
        plan.apply("pool", AvgPool2d::new(window), &[x])
    }

    /// The kernels `[N, G*Kh*Kw, H', W']`, group by group.
    fn kernels(&self, plan: &mut Builder, x: Value) -> Result<Value> {
        let of = match self.names {
            Names::Paper => self.in_channels,
            Names::Projection => self.out_channels,
        };
        let reduced = of / self.reduction_ratio.max(1);
        // The window is checked first: without taps there are no rows.
        let pooled = self.pooled(plan, x)?;
        let rows = self.groups.saturating_mul(self.window.taps());
        if reduced == 0 {
            let (parameter, must) = ("reduction_ratio", "at least 1 and at most the channels");
            let value = self.reduction_ratio.to_string();
            let source = ShapeError::Parameter { parameter, must, value };
            return Err(plan.refuse("involution2d", source));
        }
        let pointwise = |out_channels, bias| ConvSpec {
            bias,
            rank: self.rank,
            ..ConvSpec::pointwise(out_channels)
        };
        let (reduce, span) = match self.names {
            Names::Paper => ("conv1.conv", "conv2.conv"),
            Names::Projection => ("reduce_mapping", "span_mapping"),
        };
        let y = conv(plan, reduce, pooled, pointwise(reduced, self.bias[0]))?;
        let norm = if self.names == Names::Paper { "conv1.bn" } else { "sigma_mapping.0" };
        let y = self.sigma.build(plan, norm, y)?;
        plan.scope(span, |plan| {
            let weight = self.rank.weight(plan, "weight", &[rows, reduced], [1, 1]);
            let mut inputs = vec![y, self.by_group(plan, weight)];
            if self.bias[1] {
                let bias = plan.weight("bias", [rows]);
                inputs.push(self.by_group(plan, bias));
            }
            let op = crate::ops::Conv2d { bias: self.bias[1], ..Default::default() };
            plan.apply("", op, &inputs)
        })
    }

    /// The rows of a weight of the span convolution, group by group.
    fn by_group(&self, plan: &mut Builder, weight: Value) -> Value {
        if self.tap_order == TapOrder::GroupMajor {
            return weight;
        }
        let shape = plan.shape(weight).clone();
        let outer = self.groups;
        plan.derive(weight, shape, |of| Constant::RowsSwapped { of: Box::new(of), outer })
    }
}

impl Layer for Involution2d {
    fn name(&self) -> String {
        match self.rank {
            Rank::One => "involution1d".to_owned(),
            Rank::Two => "involution2d".to_owned(),
        }
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        let Window { kernel_size, stride, dilation, .. } = self.window;
        self.rank.example(self.in_channels, kernel_size, dilation, stride)
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        let x = self.rank.enter(plan, x)?;
        expect_channels(plan, x, self.in_channels)?;
        if self.names == Names::Paper && self.in_channels != self.out_channels {
            let value = format!("{} -> {}", self.in_channels, self.out_channels);
            let (parameter, must) = ("out_channels", "those of x in this family");
            let source = ShapeError::Parameter { parameter, must, value };
            return Err(plan.refuse("involution2d", source));
        }
        if self.groups == 0 {
            let (parameter, must) = ("groups", "at least 1: groups of 16 need 16 channels");
            let source = ShapeError::Parameter { parameter, must, value: 0.to_string() };
            return Err(plan.refuse("involution2d", source));
        }
        divide("in_channels", self.in_channels, "groups", self.groups)
            .and_then(|_| divide("out_channels", self.out_channels, "groups", self.groups))
            .map_err(|source| plan.refuse("involution2d", source))?;
        let mut value = x;
        if self.in_channels != self.out_channels {
            let spec = ConvSpec {
                bias: self.bias[0],
                rank: self.rank,
                ..ConvSpec::pointwise(self.out_channels)
            };
            value = conv(plan, "initial_mapping", x, spec)?;
        }
        let kernel = self.kernels(plan, x)?;
        let named = self.rank.leave(plan, kernel)?;
        plan.expose("kernel", named);
        let op = Involution {
            channel_order: self.channel_order,
            ..Involution::new(self.window, self.groups)
        };
        let y = plan.apply("involution", op, &[value, kernel])?;
        Ok(vec![self.rank.leave(plan, y)?])
    }
}

/// The channels out of and into a convolution of this rank.
fn channels_of(layer: &str, weights: &StateDict, name: &str, rank: Rank) -> Result<[usize; 2]> {
    Ok(match rank {
        Rank::Two => {
            let [out, inner, _, _] = dims_of(layer, weights, name, "[Co, Ci, 1, 1]")?;
            [out, inner]
        }
        Rank::One => {
            let [out, inner, _] = dims_of(layer, weights, name, "[Co, Ci, K]")?;
            [out, inner]
        }
    })
}

fn conv_dims(weights: &StateDict, name: &str) -> Result<[usize; 4]> {
    dims_of("involution2d", weights, name, "[Co, Ci, 1, 1]")
}

fn square_root(taps: usize) -> Result<usize> {
    let root = taps.isqrt();
    if root * root == taps {
        return Ok(root);
    }
    Err(Error::at("involution2d")(ShapeError::Parameter {
        parameter: "taps of the span convolution",
        must: "a square number per group: give groups and kernel_size where they are not",
        value: taps.to_string(),
    }))
}

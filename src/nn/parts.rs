//! What layers are made of: convolutions, normalisations and activations with the names of their weights.

use super::rank::Rank;
use crate::error::{Error, Result, ShapeError, WeightsError};
use crate::ops::{Activate, Activation, BatchNorm, Conv2d};
use crate::plan::{Builder, Value};
use crate::shape::{Padding, divide};
use crate::tensor::StateDict;

/// Defines methods that set the fields of their names.
macro_rules! setters {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        $($(#[$doc])*
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field;
            self
        })*
    };
}
pub(crate) use setters;

/// The channels of x `[N, C, H, W]`.
pub(crate) fn channels(plan: &Builder, x: Value) -> Result<usize> {
    let dims = plan.shape(x).nchw("x").map_err(|source| plan.refuse("layer", source))?;
    Ok(dims[1])
}

/// An error where x has other channels than the layer takes.
pub(crate) fn expect_channels(plan: &Builder, x: Value, expected: usize) -> Result<()> {
    channels(plan, x)?;
    let shape = plan.shape(x);
    shape
        .expect("x", 1, "channels", expected, || "the layer was made for so many".to_owned())
        .map_err(|source| plan.refuse("layer", source))
}

/// What a convolution inside of a layer differs in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvSpec {
    pub out_channels: usize,
    pub kernel_size: [usize; 2],
    pub stride: [usize; 2],
    pub padding: Padding,
    pub dilation: [usize; 2],
    pub groups: usize,
    pub bias: bool,
    pub rank: Rank,
}

impl ConvSpec {
    /// 1x1, without bias.
    pub fn pointwise(out_channels: usize) -> Self {
        ConvSpec {
            out_channels,
            kernel_size: [1, 1],
            stride: [1, 1],
            padding: Padding::default(),
            dilation: [1, 1],
            groups: 1,
            bias: false,
            rank: Rank::Two,
        }
    }

    /// Square and padded so that stride 1 keeps the size, without bias.
    pub fn square(out_channels: usize, kernel_size: usize, stride: usize) -> Self {
        ConvSpec {
            kernel_size: [kernel_size; 2],
            stride: [stride; 2],
            padding: Padding::from(kernel_size / 2),
            ..ConvSpec::pointwise(out_channels)
        }
    }
}

/// A convolution with the weights `name.weight` and, with a bias, `name.bias`.
pub(crate) fn conv(plan: &mut Builder, name: &str, x: Value, spec: ConvSpec) -> Result<Value> {
    plan.scope(name, |plan| {
        let in_channels = channels(plan, x)?;
        let group_channels = divide("channels of x", in_channels, "groups", spec.groups)
            .map_err(|source| plan.refuse("conv2d", source))?;
        let outer = [spec.out_channels, group_channels];
        let mut inputs = vec![x, spec.rank.weight(plan, "weight", &outer, spec.kernel_size)];
        if spec.bias {
            inputs.push(plan.weight("bias", [spec.out_channels]));
        }
        let op = Conv2d {
            stride: spec.stride,
            padding: spec.padding,
            dilation: spec.dilation,
            groups: spec.groups,
            bias: spec.bias,
            residual: false,
            activation: Activation::None,
        };
        plan.apply("", op, &inputs)
    })
}

/// The epsilon of PyTorch's batch normalisation.
pub(crate) const EPS: f32 = 1e-5;

/// A batch normalisation with the weights `name.{weight, bias, running_mean, running_var}`.
pub(crate) fn batch_norm(plan: &mut Builder, name: &str, x: Value, eps: f32) -> Result<Value> {
    plan.scope(name, |plan| {
        let dims = plan.shape(x).dims();
        let channels = dims.get(1).copied().unwrap_or(0);
        let weight = plan.weight("weight", [channels]);
        let bias = plan.weight("bias", [channels]);
        let mean = plan.statistic("running_mean", [channels]);
        let variance = plan.statistic("running_var", [channels]);
        let op = BatchNorm { eps, ..BatchNorm::default() };
        plan.apply("", op, &[x, mean, variance, weight, bias])
    })
}

/// An activation; no step for none.
pub(crate) fn activate(plan: &mut Builder, x: Value, activation: Activation) -> Result<Value> {
    if activation == Activation::None {
        return Ok(x);
    }
    let named = Activation::ALL.iter().find(|(_, known)| *known == activation);
    plan.apply(named.map_or("activation", |(name, _)| name), Activate { activation }, &[x])
}

/// The dimensions of a weight, for a layer that is to be made from it.
pub(crate) fn dims_of<const R: usize>(
    layer: &str,
    weights: &StateDict,
    name: &str,
    layout: &'static str,
) -> Result<[usize; R]> {
    let missing = || WeightsError::Mismatch {
        network: layer.to_owned(),
        missing: vec![name.to_owned()],
        unexpected: Vec::new(),
        misshaped: Vec::new(),
        prefix: weights.common_prefix().filter(|it| !name.starts_with(it)).map(Box::from),
    };
    let shape = weights.shape(name).ok_or_else(missing)?;
    let wrong = |source: ShapeError| Error::Layer {
        layer: format!("{layer}.{name}"),
        source: Box::new(Error::Shape { op: "weight", source }),
    };
    shape.array("weight", layout).map_err(wrong)
}

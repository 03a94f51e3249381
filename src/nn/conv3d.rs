//! Convolution of volumes as a layer: [`Conv3d`](crate::ops::Conv3d) with its weight and bias.
//!
//! x `[N, Ci, D, H, W]` -> `[N, Co, D', H', W']`. Weights as in `torch.nn.Conv3d`: `weight [Co, Ci/groups, Kd, Kh, Kw]`,
//! `bias [Co]`.

use super::parts::{dims_of, setters};
use crate::error::{Result, ShapeError};
use crate::ops::Activation;
use crate::plan::{Builder, Layer, Value};
use crate::shape::{Padding, Shape, divide};
use crate::tensor::StateDict;

/// A convolution of volumes. Sizes are depth, height, width.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Conv3d {
    /// Channels of x.
    pub in_channels: usize,
    /// Channels of the result.
    pub out_channels: usize,
    /// Taps.
    pub kernel_size: [usize; 3],
    /// Distance between two output places.
    pub stride: [usize; 3],
    /// Zeros around x.
    pub padding: Padding<3>,
    /// Distance between two taps.
    pub dilation: [usize; 3],
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Whether there is a bias.
    pub bias: bool,
}

impl Conv3d {
    /// Stride 1, no padding, one group, with a bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel_size: [usize; 3]) -> Self {
        Conv3d {
            in_channels,
            out_channels,
            kernel_size,
            stride: [1; 3],
            padding: Padding::default(),
            dilation: [1; 3],
            groups: 1,
            bias: true,
        }
    }

    /// The layer of so many groups whose weights these are, otherwise as in [`Conv3d::new`].
    pub fn from_weights(weights: &StateDict, groups: usize) -> Result<Self> {
        let [out_channels, group_in, depth, height, width] =
            dims_of("conv3d", weights, "weight", "[Co, Ci/groups, Kd, Kh, Kw]")?;
        let layer =
            Conv3d::new(group_in.saturating_mul(groups), out_channels, [depth, height, width]);
        Ok(Conv3d { groups, bias: weights.get("bias").is_some(), ..layer })
    }

    /// Sets the padding.
    pub fn padding(self, padding: impl Into<Padding<3>>) -> Self {
        Conv3d { padding: padding.into(), ..self }
    }

    setters! {
        /// Sets the stride.
        stride: [usize; 3],
        /// Sets the dilation.
        dilation: [usize; 3],
        /// Sets the number of groups.
        groups: usize,
        /// Sets whether there is a bias.
        bias: bool,
    }
}

impl Layer for Conv3d {
    fn name(&self) -> String {
        "conv3d".to_owned()
    }

    fn example_inputs(&self) -> Vec<(&'static str, Shape)> {
        example(self.in_channels, self.kernel_size, self.dilation, self.stride)
    }

    fn build(&self, plan: &mut Builder, inputs: &[Value]) -> Result<Vec<Value>> {
        let [x] = plan.take(inputs, ["x"])?;
        expect_channels(plan, x, self.in_channels)?;
        let group_in = divide("channels of x", self.in_channels, "groups", self.groups)
            .map_err(|source| plan.refuse("conv3d", source))?;
        let shape = [&[self.out_channels, group_in], &self.kernel_size[..]].concat();
        let mut inputs = vec![x, plan.weight("weight", Shape::new(shape))];
        if self.bias {
            inputs.push(plan.weight("bias", [self.out_channels]));
        }
        let op = crate::ops::Conv3d {
            stride: self.stride,
            padding: self.padding,
            dilation: self.dilation,
            groups: self.groups,
            bias: self.bias,
            residual: false,
            activation: Activation::None,
        };
        Ok(vec![plan.apply("", op, &inputs)?])
    }
}

/// An error where x is no volume or has other channels than the layer takes.
pub(super) fn expect_channels(plan: &Builder, x: Value, expected: usize) -> Result<()> {
    let shape = plan.shape(x);
    let because = || "the layer was made for so many".to_owned();
    let checked =
        shape.planes::<3>("x").and_then(|_| shape.expect("x", 1, "channels", expected, because));
    checked.map_err(|source: ShapeError| plan.refuse("layer", source))
}

/// An input `x` of these channels in which a window of these taps moves, and steps as far as `stride`.
pub(super) fn example(
    channels: usize,
    kernel_size: [usize; 3],
    dilation: [usize; 3],
    stride: [usize; 3],
) -> Vec<(&'static str, Shape)> {
    let sizes = [0, 1, 2].map(|axis| {
        let extent = dilation[axis].saturating_mul(kernel_size[axis]);
        let stride = stride[axis].max(1);
        extent.div_ceil(stride).saturating_add(1).saturating_mul(stride)
    });
    vec![("x", Shape::of_planes([1, channels], &sizes))]
}
